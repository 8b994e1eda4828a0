# Two independent certified NUTS runs of every data set: the yardstick, and its own noise.


rule reference:
    input:
        data=f"{RUN}/data/{{scenario}}.nc",
        model=model_of,
        first=first_reference,
        sources=sources_of("pipeline.reference", "pipeline.fitting"),
    output:
        draws=f"{RUN}/draws/{{scenario}}/reference-{{reference_run}}.nc",
        record=f"{RUN}/fits/{{scenario}}/reference-{{reference_run}}.json",
    log:
        f"{RUN}/logs/reference/{{scenario}}-{{reference_run}}.log",
    conda:
        "../envs/latentbench.yaml"
    params:
        pieces=f"{RUN}/pieces/{{scenario}}/reference-{{reference_run}}",
        scenario_settings=scenario_settings,
        reference_settings=json.dumps(config.get("reference", {}), sort_keys=True),
    script:
        "../scripts/reference.py"
