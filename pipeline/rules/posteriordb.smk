# The certified references in posteriordb's layout: `snakemake --cores all posteriordb`.


rule posteriordb:
    input:
        data=expand(f"{RUN}/data/{{scenario}}.nc", scenario=list(CONFIG.scenarios)),
        references=each_reference("draws/{scenario}/reference-{reference_run}.nc"),
        records=each_reference("fits/{scenario}/reference-{reference_run}.json"),
        sources=sources_of("pipeline.posteriordb"),
    output:
        directory(f"{RUN}/posteriordb"),
    log:
        f"{RUN}/logs/posteriordb.log",
    conda:
        "../envs/latentbench.yaml"
    params:
        run=lambda wildcards, output: Path(output[0]).parent,
        scenarios=config["scenarios"],
        reference=config.get("reference", {}),
        seed=CONFIG.seed,
    script:
        "../scripts/posteriordb.py"
