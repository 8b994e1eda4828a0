# Every method on its data sets, timed: such a job takes all cores, so it has no neighbour.


rule fit:
    input:
        data=f"{RUN}/data/{{scenario}}.nc",
        model=model_of,
        references=expand(
            f"{RUN}/draws/{{{{scenario}}}}/reference-{{reference_run}}.nc",
            reference_run=REFERENCE_RUNS,
        ),
        network=network_of,
        sources=method_sources,
    output:
        draws=f"{RUN}/draws/{{scenario}}/{{method}}.nc",
        record=f"{RUN}/fits/{{scenario}}/{{method}}.json",
    log:
        f"{RUN}/logs/fit/{{scenario}}-{{method}}.log",
    priority: PRIORITY["fit"]
    conda:
        "../envs/latentbench.yaml"
    threads: workflow.cores
    params:
        pieces=f"{RUN}/pieces/{{scenario}}/{{method}}",
        scenario_settings=scenario_settings,
        method_settings=method_settings,
        data_sets=all_data_sets,
        n_references=lambda wildcards: CONFIG.n_references[wildcards.scenario],
    script:
        "../scripts/fit.py"


use rule fit as fit_shard with:
    output:
        draws=temp(f"{RUN}/shards/{{shard}}/draws/{{scenario}}/{{method}}.nc"),
        record=temp(f"{RUN}/shards/{{shard}}/fits/{{scenario}}/{{method}}.json"),
    log:
        f"{RUN}/logs/fit/{{scenario}}-{{method}}-{{shard}}.log",
    params:
        pieces=f"{RUN}/pieces/{{scenario}}/{{method}}/{{shard}}",
        data_sets=shard_of,
