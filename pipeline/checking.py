"""The check stage: a trained network by itself, on data sets simulated for the purpose."""

import json
import sys
from pathlib import Path

from pipeline.amortized.checkpoints import read_header
from pipeline.amortized.hosted import Hosted
from pipeline.amortized.inference import Amortized
from pipeline.amortized.network import Architecture
from pipeline.amortized.simulators import get_simulator
from pipeline.amortized.support import is_in_jax
from pipeline.amortized.training import load, load_hosted
from pipeline.calibration.checks import check_network
from pipeline.calibration.learned import check_learned
from pipeline.calibration.settings import Checks
from pipeline.calibration.subject import Subject
from pipeline.files import whole, write_json
from pipeline.fitting import scenario_block
from pipeline.scenarios import get_scenario
from pipeline.seeds import derive_seed
from pipeline.settings import construct
from pipeline.stan.record import read_built


def run_checks(
    scenario_name: str,
    scenario_settings: str,
    method_name: str,
    checks_settings: str,
    checkpoint: Path,
    model_file: Path | None,
    summary_file: Path,
    table_file: Path,
) -> None:
    """Check one network, and write a summary and a table with a row a data set.

    All methods of a scenario are checked on the same simulated data sets. ``model_file`` is the record of the
    Stan program, for scenarios whose log joint is not in JAX.
    """
    root_seed = json.loads(scenario_settings)["seed"]
    scenario = get_scenario(scenario_name, scenario_block(scenario_settings))
    checks = construct(Checks, json.loads(checks_settings), "checks")

    def seed_of(number: int, purpose: str) -> int:
        name = method_name if purpose == "draw" else ""
        return derive_seed(root_seed, scenario_name, number, name, f"check {purpose}")

    def say(text: str) -> None:
        print(f"{scenario_name} / {method_name}, checks: {text}", file=sys.stderr)

    architecture = Architecture(**read_header(checkpoint)["identity"]["architecture"])
    if is_in_jax(scenario):
        subject = Subject(Amortized(load(get_simulator(scenario), architecture, checkpoint).network))
        summary, table = check_network(subject, checks, seed_of, say)
    else:
        assert model_file is not None, "the methods say by needs_program that they need it"
        hosted = Hosted(Amortized(load_hosted(scenario, architecture, checkpoint).network))
        summary, table = check_learned(hosted, read_built(model_file), checks, seed_of, say)
    with whole(table_file) as temporary:
        table.to_parquet(temporary)
    write_json(summary_file, summary)
