# Scenarios of many data sets are fitted and scored in shards; their draws end in one file all the same.
SHARDED = [
    f"{scenario}/{fit}"
    for scenario in CONFIG.scenarios
    for fit in (*FITS, *CONFIG.methods)
    if len(CONFIG.shards(scenario, fit)) > 1
]


ruleorder: join > fit
ruleorder: join > reference


rule join:
    input:
        draws=lambda wildcards: each_shard("draws", wildcards.fit, "nc"),
        records=lambda wildcards: each_shard("fits", wildcards.fit, "json"),
        sources=sources_of("pipeline.joining"),
    output:
        draws=f"{RUN}/draws/{{fit}}.nc",
        record=f"{RUN}/fits/{{fit}}.json",
    log:
        f"{RUN}/logs/join/{{fit}}.log",
    wildcard_constraints:
        # No text matches the last one, where no scenario is sharded.
        fit="|".join(SHARDED) or "(?!)",
    conda:
        "../envs/latentbench.yaml"
    script:
        "../scripts/join.py"
