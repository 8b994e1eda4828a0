# The regression gate: a run against a stored baseline. Neither target is part of `all`.
import time
from dataclasses import asdict

from pipeline.regression.settings import OUTPUTS as GATE_OUTPUTS

STARTED = time.time()


# A run that fails leaves no verdict of an earlier one to be taken for its own; one that was refused because
# another is working in the folder touches nothing.
onerror:
    from pipeline.regression.stage import withdraw_verdict  # slow to import

    if RUN_LOCK.is_locked:
        withdraw_verdict(Path(RUN), STARTED)


rule compare_with_baseline:
    input:
        tables=rules.collect.output,
        provenance=rules.provenance.output,
        data=expand(f"{RUN}/data/{{scenario}}.nc", scenario=list(CONFIG.scenarios)),
        baseline=baseline_files,
        sources=sources_of("pipeline.regression.stage"),
    output:
        [f"{RUN}/regression/{name}" for name in GATE_OUTPUTS],
    log:
        f"{RUN}/logs/compare_with_baseline.log",
    conda:
        "../envs/latentbench.yaml"
    params:
        baseline=BASELINE,
        settings=asdict(CONFIG.regression),
    script:
        "../scripts/compare_with_baseline.py"


# Snakemake deletes what a failed job wrote, so that this rule, which writes nothing, is the one to fail.
rule regression:
    input:
        found=rules.compare_with_baseline.output,
        report=rules.html.output,
    log:
        f"{RUN}/logs/regression.log",
    conda:
        "../envs/latentbench.yaml"
    script:
        "../scripts/regression.py"


# No output: a baseline lies in git, whose files' times say nothing, and is written whenever this is asked for.
rule accept_baseline:
    input:
        tables=rules.collect.output,
        provenance=rules.provenance.output,
        data=expand(f"{RUN}/data/{{scenario}}.nc", scenario=list(CONFIG.scenarios)),
        report=rules.html.output,
    log:
        f"{RUN}/logs/accept_baseline.log",
    conda:
        "../envs/latentbench.yaml"
    params:
        baseline=BASELINE,
    script:
        "../scripts/accept_baseline.py"
