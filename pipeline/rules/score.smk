# Draws and memberships to scores; then all cells to the tables that others read.


rule score:
    input:
        data=f"{RUN}/data/{{scenario}}.nc",
        draws=f"{RUN}/draws/{{scenario}}/{{method}}.nc",
        record=f"{RUN}/fits/{{scenario}}/{{method}}.json",
        references=expand(
            f"{RUN}/draws/{{{{scenario}}}}/reference-{{reference_run}}.nc",
            reference_run=REFERENCE_RUNS,
        ),
        reference_records=expand(
            f"{RUN}/fits/{{{{scenario}}}}/reference-{{reference_run}}.json",
            reference_run=REFERENCE_RUNS,
        ),
        sources=sources_of("pipeline.scoring"),
    output:
        scores=f"{RUN}/scores/{{scenario}}/{{method}}.parquet",
        status=f"{RUN}/scores/{{scenario}}/{{method}}.json",
    log:
        f"{RUN}/logs/score/{{scenario}}-{{method}}.log",
    conda:
        "../envs/latentbench.yaml"
    params:
        seed=CONFIG.seed,
        data_sets=all_data_sets,
    script:
        "../scripts/score.py"


use rule score as score_shard with:
    output:
        scores=f"{RUN}/shards/{{shard}}/scores/{{scenario}}/{{method}}.parquet",
        status=f"{RUN}/shards/{{shard}}/scores/{{scenario}}/{{method}}.json",
    log:
        f"{RUN}/logs/score/{{scenario}}-{{method}}-{{shard}}.log",
    params:
        data_sets=shard_of,


rule collect:
    input:
        scores=each_score("parquet"),
        status=each_score("json"),
        records=each_cell("fits/{scenario}/{method}.json"),
        references=each_reference("fits/{scenario}/reference-{reference_run}.json"),
        networks=network_records,
        models=expand(
            f"{RUN}/models/{{program}}.json", program=set(PROGRAM_OF.values())
        ),
        sources=sources_of("pipeline.collecting"),
    output:
        scores=report(
            f"{RUN}/scores.csv",
            caption="../report/captions/scores.rst",
            category="Tables",
        ),
        parquet=f"{RUN}/scores.parquet",
        timings=report(
            f"{RUN}/timings.csv",
            caption="../report/captions/timings.rst",
            category="Tables",
        ),
        status=report(
            f"{RUN}/status.csv",
            caption="../report/captions/status.rst",
            category="Tables",
        ),
        certificates=f"{RUN}/certificates.csv",
        copies=f"{RUN}/copies.csv",
    log:
        f"{RUN}/logs/collect.log",
    conda:
        "../envs/latentbench.yaml"
    params:
        programs=PROGRAM_OF,
        network_owners=network_owners(),
    script:
        "../scripts/collect.py"
