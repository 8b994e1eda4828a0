# Networks, one for each scenario of each method that learns before it fits; timed, so it takes all cores.


rule train:
    input:
        files=lambda wildcards: CONFIG.scenarios[wildcards.scenario].input_files,
        model=lambda wildcards: model_of(wildcards) if needs_program(wildcards) else [],
        sources=lambda wildcards: scenario_sources(wildcards)
        + sources_of("pipeline.training", method_module(wildcards)),
    output:
        checkpoint=f"{RUN}/networks/{{scenario}}/{{method}}.checkpoint",
        record=f"{RUN}/networks/{{scenario}}/{{method}}.json",
    log:
        f"{RUN}/logs/train/{{scenario}}-{{method}}.log",
    priority: PRIORITY["train"]
    conda:
        "../envs/latentbench.yaml"
    threads: workflow.cores
    params:
        work_file=f"{RUN}/pieces/{{scenario}}/{{method}}.checkpoint",
        scenario_settings=scenario_settings,
        method_settings=method_settings,
    script:
        "../scripts/train.py"
