# Configuration, constraints and helpers that the other rules share.
import json
import os
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.config import check_config
from pipeline.dates import leave_the_future
from pipeline.errors import UserError
from pipeline.methods import SCOPE
from pipeline.methods.base import TrainedMethod
from pipeline.scenarios import SIZES
from pipeline.sources import sources_of

# Numerical libraries must not spread over cores behind the scheduler's back.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

try:
    CONFIG = check_config(config, workflow.configfiles)
except UserError as error:
    raise WorkflowError(f"The configuration is not valid.\n{error}") from None

RUN = f"results/{CONFIG.run}"
# Before Snakemake looks at any date.
leave_the_future(Path(RUN).rglob("*"))
# Programs and data first, since everything waits for them. Then references, and jobs that take all cores before
# checks and scores: those run side by side, and are not left over by ones between two timed jobs.
PRIORITY = {"build": 4, "simulate": 4, "reference": 3, "train": 2, "fit": 2, "check": 1}
REFERENCE_RUNS = (1, 2)
FITS = [f"reference-{run}" for run in REFERENCE_RUNS]
PROGRAM_OF = {
    name: s.stan_program.removesuffix(".stan") for name, s in CONFIG.scenarios.items()
}
STAN_FILE_OF = {
    PROGRAM_OF[name]: os.path.relpath(s.stan_file)
    for name, s in CONFIG.scenarios.items()
}
# Held by the process that runs the workflow; the operating system releases it however that process ends.
RUN_LOCK = FileLock(f"results/.{CONFIG.run}.lock")


onstart:
    try:
        os.makedirs("results", exist_ok=True)
        RUN_LOCK.acquire(timeout=0)
    except Timeout:
        raise WorkflowError(
            f"Another snakemake is working on {RUN}; wait for it to end, or stop it."
        ) from None
    except OSError as error:
        raise WorkflowError(
            f"results/: cannot write here ({error.strerror}). Free some space or mend the rights."
        ) from None


wildcard_constraints:
    scenario="|".join(CONFIG.scenarios),
    method="|".join(CONFIG.methods),
    program="[A-Za-z0-9_]+",
    reference_run="1|2",
    shard="[0-9]+",


def scenario_settings(wildcards):
    """Return what each data set depends on, however many there are, as text that Snakemake compares."""
    block = {**config["scenarios"][wildcards.scenario], "seed": CONFIG.seed}
    own = {key: value for key, value in block.items() if key not in SIZES}
    return json.dumps(own, sort_keys=True)


def method_settings(wildcards):
    """Return what a method's fits depend on beside the data."""
    block = {**(config["methods"][wildcards.method] or {}), "seed": CONFIG.seed}
    own = {key: value for key, value in block.items() if key != SCOPE}
    return json.dumps(own, sort_keys=True)


def scenario_sources(wildcards):
    """Return the source files behind a scenario."""
    scenario = CONFIG.scenarios[wildcards.scenario]
    own = [str(file) for file in scenario.code_files]
    return sources_of(type(scenario).__module__) + own


def method_sources(wildcards):
    """Return the source files behind a method's fits."""
    return sources_of("pipeline.fitting", method_module(wildcards))


def method_module(wildcards):
    """Return the name of the module that holds a method."""
    return type(CONFIG.methods[wildcards.method]).__module__


def needs_program(wildcards):
    """Say whether a network leans on the Stan program; else a changed one leaves it as it is."""
    scenario = CONFIG.scenarios[wildcards.scenario]
    return CONFIG.methods[wildcards.method].needs_program(scenario)


def network_of(wildcards):
    """Return the trained network of a (scenario, method), or nothing for a method that needs none."""
    method = CONFIG.methods[wildcards.method]
    if not isinstance(method, TrainedMethod):
        return []
    owner = method.network_of or wildcards.method
    return f"{RUN}/networks/{wildcards.scenario}/{owner}.checkpoint"


def network_records(wildcards):
    """Return the records of all trainings."""
    return [
        f"{RUN}/networks/{scenario}/{name}.json"
        for scenario, name in CONFIG.cells
        if isinstance(CONFIG.methods[name], TrainedMethod)
        and not CONFIG.methods[name].network_of
    ]


def network_owners():
    """Return, by method that uses another one's network, that other one."""
    return {
        name: method.network_of
        for name, method in CONFIG.methods.items()
        if isinstance(method, TrainedMethod) and method.network_of
    }


def model_of(wildcards):
    """Return the record of the built Stan program of a scenario."""
    return f"{RUN}/models/{PROGRAM_OF[wildcards.scenario]}.json"


def first_reference(wildcards):
    """Return the first reference run, for a second one with its labels, or that must agree with it."""
    scenario = CONFIG.scenarios[wildcards.scenario]
    is_needed = scenario.label_axes or scenario.published_reference() is not None
    if wildcards.reference_run == "1" or not is_needed:
        return []
    return f"{RUN}/draws/{wildcards.scenario}/reference-1.nc"


def published_references():
    """Return, by scenario whose first reference run was published with its data, whose draws it is."""
    found = {name: s.published_reference() for name, s in CONFIG.scenarios.items()}
    return {name: one.source for name, one in found.items() if one is not None}


def fit_of(wildcards):
    """Return the name of a method, or of a reference run."""
    return wildcards.get("method") or f"reference-{wildcards.reference_run}"


def all_data_sets(wildcards):
    """Return the first data set that is fitted or scored, and the one after the last."""
    shards = CONFIG.shards(wildcards.scenario, fit_of(wildcards))
    return [shards[0].start, shards[-1].stop]


def shard_of(wildcards):
    """Return the first data set of a shard, and the one after its last."""
    shard = CONFIG.shards(wildcards.scenario, fit_of(wildcards))[int(wildcards.shard)]
    return [shard.start, shard.stop]


def each_shard(folder, cell, extension):
    """Return a file for each shard of a cell, "scenario/method" or "scenario/reference-1"."""
    shards = CONFIG.shards(*cell.split("/"))
    return [f"{RUN}/shards/{i}/{folder}/{cell}.{extension}" for i in range(len(shards))]


def each_score(extension):
    """Return the scores of every (scenario, method): a file each, or one for each of its shards."""
    files = []
    for scenario, method in CONFIG.cells:
        cell = f"{scenario}/{method}"
        sharded = len(CONFIG.shards(scenario, method)) > 1
        files += (
            each_shard("scores", cell, extension)
            if sharded
            else [f"{RUN}/scores/{cell}.{extension}"]
        )
    return files


def each_cell(pattern):
    """Fill a pattern with every (scenario, method) that is fitted."""
    return [
        f"{RUN}/{pattern}".format(scenario=scenario, method=method)
        for scenario, method in CONFIG.cells
    ]


def each_reference(pattern):
    """Fill a pattern with every (scenario, reference run)."""
    return expand(
        f"{RUN}/{pattern}",
        scenario=list(CONFIG.scenarios),
        reference_run=REFERENCE_RUNS,
    )


def is_checked(scenario, name):
    """Say whether a method's network of a scenario is checked by itself."""
    method = CONFIG.methods[name]
    is_trained = isinstance(method, TrainedMethod)
    return is_trained and method.is_checked(CONFIG.scenarios[scenario])


def checks_of_networks():
    """Return the summaries of all networks that are checked."""
    return [
        f"{RUN}/checks/{scenario}/{name}.json"
        for scenario, name in CONFIG.cells
        if is_checked(scenario, name)
    ]
