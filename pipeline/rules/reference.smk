# Two independent certified NUTS runs of each data set: the yardstick, and its own noise.


rule reference:
    input:
        data=f"{RUN}/data/{{scenario}}.nc",
        model=model_of,
        first=first_reference,
        # A reference may have been published with the data.
        files=lambda wildcards: CONFIG.scenarios[wildcards.scenario].input_files,
        sources=sources_of("pipeline.reference", "pipeline.fitting"),
    output:
        draws=f"{RUN}/draws/{{scenario}}/reference-{{reference_run}}.nc",
        record=f"{RUN}/fits/{{scenario}}/reference-{{reference_run}}.json",
    log:
        f"{RUN}/logs/reference/{{scenario}}-{{reference_run}}.log",
    priority: PRIORITY["reference"]
    conda:
        "../envs/latentbench.yaml"
    params:
        pieces=f"{RUN}/pieces/{{scenario}}/reference-{{reference_run}}",
        scenario_settings=scenario_settings,
        reference_settings=json.dumps(config.get("reference", {}), sort_keys=True),
        data_sets=all_data_sets,
    script:
        "../scripts/reference.py"


use rule reference as reference_shard with:
    output:
        draws=temp(
            f"{RUN}/shards/{{shard}}/draws/{{scenario}}/reference-{{reference_run}}.nc"
        ),
        record=temp(
            f"{RUN}/shards/{{shard}}/fits/{{scenario}}/reference-{{reference_run}}.json"
        ),
    log:
        f"{RUN}/logs/reference/{{scenario}}-{{reference_run}}-{{shard}}.log",
    params:
        pieces=f"{RUN}/pieces/{{scenario}}/reference-{{reference_run}}/{{shard}}",
        data_sets=shard_of,
