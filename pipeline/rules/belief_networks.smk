# The experiment of Bishop et al. (1998), apart from the benchmark: `snakemake --cores all belief_networks`.


rule belief_bounds:
    input:
        sources=sources_of("pipeline.variational.belief_experiment"),
    output:
        errors="results/belief_networks/errors.parquet",
        summary="results/belief_networks/summary.csv",
    log:
        "results/belief_networks/logs/bounds.log",
    conda:
        "../envs/latentbench.yaml"
    # JAX spreads over all cores by itself.
    threads: workflow.cores
    params:
        seed=CONFIG.seed,
        n_networks=CONFIG.belief_networks,
    script:
        "../scripts/belief_bounds.py"


rule belief_networks:
    input:
        errors=rules.belief_bounds.output.errors,
        summary=rules.belief_bounds.output.summary,
        sources=sources_of("pipeline.report.belief_networks"),
        templates=[str(p) for p in Path("pipeline/report/templates").glob("*")],
    output:
        "results/belief_networks/report.html",
    log:
        "results/belief_networks/logs/html.log",
    conda:
        "../envs/latentbench.yaml"
    params:
        seed=CONFIG.seed,
    script:
        "../scripts/belief_networks.py"
