# Data sets of each scenario: simulated from its prior, or read and checked.


rule simulate:
    input:
        files=lambda wildcards: CONFIG.scenarios[wildcards.scenario].input_files,
        sources=scenario_sources,
    output:
        f"{RUN}/data/{{scenario}}.nc",
    log:
        f"{RUN}/logs/simulate/{{scenario}}.log",
    priority: PRIORITY["simulate"]
    conda:
        "../envs/latentbench.yaml"
    params:
        settings=scenario_settings,
        data_name=lambda wildcards: CONFIG.data_names[wildcards.scenario],
        n_datasets=lambda wildcards: CONFIG.n_datasets[wildcards.scenario],
    script:
        "../scripts/simulate.py"
