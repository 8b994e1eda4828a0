# The benchmark, stage by stage: scenario -> simulate -> reference -> fit -> score -> report.
from snakemake.utils import min_version

min_version("9.0")


# A configuration given on the command line replaces the default one; it is not merged into it.
if not workflow.overwrite_configfiles:

    configfile: "config/default.yaml"


report: "pipeline/report/captions/workflow.rst"


include: "pipeline/rules/common.smk"
include: "pipeline/rules/build.smk"
include: "pipeline/rules/simulate.smk"
include: "pipeline/rules/reference.smk"
include: "pipeline/rules/train.smk"
include: "pipeline/rules/check.smk"
include: "pipeline/rules/fit.smk"
include: "pipeline/rules/join.smk"
include: "pipeline/rules/score.smk"
include: "pipeline/rules/report.smk"
include: "pipeline/rules/baseline.smk"
include: "pipeline/rules/regression.smk"
include: "pipeline/rules/posteriordb.smk"
include: "pipeline/rules/belief_networks.smk"


rule all:
    default_target: True
    input:
        f"{RUN}/report.html",
        f"{RUN}/scores.csv",
        f"{RUN}/timings.csv",
        f"{RUN}/status.csv",
