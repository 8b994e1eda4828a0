# Simulation-based checks of trained networks: calibration, recovery, accuracy, a flag for strange data.


rule check:
    input:
        network=network_of,
        files=lambda wildcards: CONFIG.scenarios[wildcards.scenario].input_files,
        model=lambda wildcards: model_of(wildcards) if needs_program(wildcards) else [],
        sources=lambda wildcards: scenario_sources(wildcards)
        + sources_of("pipeline.checking"),
    output:
        summary=f"{RUN}/checks/{{scenario}}/{{method}}.json",
        table=f"{RUN}/checks/{{scenario}}/{{method}}.parquet",
    log:
        f"{RUN}/logs/check/{{scenario}}-{{method}}.log",
    priority: PRIORITY["check"]
    conda:
        "../envs/latentbench.yaml"
    # Untimed. JAX spreads over all cores by itself but keeps few of them busy throughout: two checks share them.
    threads: max(1, workflow.cores // 2)
    params:
        scenario_settings=scenario_settings,
        checks_settings=json.dumps(config.get("checks", {}), sort_keys=True),
    script:
        "../scripts/check.py"
