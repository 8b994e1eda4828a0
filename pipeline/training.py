"""The train stage: a network for each scenario of each method that learns before it fits."""

import json
from dataclasses import asdict
from pathlib import Path

from pipeline.errors import UnusableCheckpoint, UserError
from pipeline.files import write_json
from pipeline.fitting import scenario_block
from pipeline.methods import get_method
from pipeline.methods.base import TrainedMethod
from pipeline.scenarios import get_scenario
from pipeline.seeds import derive_seed
from pipeline.stan.record import read_built


def run_training(
    scenario_name: str,
    scenario_settings: str,
    method_name: str,
    method_settings: str,
    work_file: Path,
    checkpoint_file: Path,
    record_file: Path,
    model_file: Path | None,
) -> None:
    """Train one method for one scenario.

    ``work_file`` is the checkpoint of a training under way, which survives a killed job; when the training
    ends it becomes ``checkpoint_file``.
    """
    settings = json.loads(method_settings)
    root_seed = settings.pop("seed")
    scenario = get_scenario(scenario_name, scenario_block(scenario_settings))
    method = get_method(method_name, settings)
    if not isinstance(method, TrainedMethod):
        raise UserError(f"methods.{method_name}: this method is not trained.")
    seed = derive_seed(root_seed, scenario_name, 0, method_name, "train")
    built = read_built(model_file) if model_file else None
    work_file.parent.mkdir(parents=True, exist_ok=True)
    try:
        phases = method.train(scenario, seed, work_file, built)
    except UnusableCheckpoint:
        # Left by a run with another prior, budget or seed; what it holds is of no use to this one.
        work_file.unlink(missing_ok=True)
        phases = method.train(scenario, seed, work_file, built)
    write_json(record_file, {"phases": [asdict(phase) for phase in phases], **method.learning(work_file)})
    checkpoint_file.parent.mkdir(parents=True, exist_ok=True)
    work_file.replace(checkpoint_file)
