"""The check stage: a trained network by itself, on data sets simulated for the purpose."""

import json
import sys
from pathlib import Path

from pipeline.amortized.checkpoints import read_header
from pipeline.amortized.inference import Amortized
from pipeline.amortized.network import Architecture
from pipeline.amortized.simulators import get_simulator
from pipeline.amortized.training import load
from pipeline.calibration.checks import check_network
from pipeline.calibration.settings import Checks
from pipeline.calibration.subject import Subject
from pipeline.files import whole, write_json
from pipeline.fitting import scenario_block
from pipeline.scenarios import get_scenario
from pipeline.seeds import derive_seed
from pipeline.settings import construct


def run_checks(
    scenario_name: str,
    scenario_settings: str,
    method_name: str,
    checks_settings: str,
    checkpoint: Path,
    summary_file: Path,
    table_file: Path,
) -> None:
    """Check one network, and write a summary and a table with a row a data set.

    All methods of a scenario are checked on the same simulated data sets.
    """
    root_seed = json.loads(scenario_settings)["seed"]
    scenario = get_scenario(scenario_name, scenario_block(scenario_settings))
    checks = construct(Checks, json.loads(checks_settings), "checks")

    def seed_of(number: int, purpose: str) -> int:
        name = method_name if purpose == "draw" else ""
        return derive_seed(root_seed, scenario_name, number, name, f"check {purpose}")

    def say(text: str) -> None:
        print(f"{scenario_name} / {method_name}, checks: {text}", file=sys.stderr)

    simulator = get_simulator(scenario)
    architecture = Architecture(**read_header(checkpoint)["identity"]["architecture"])
    subject = Subject(Amortized(load(simulator, architecture, checkpoint).network))
    summary, table = check_network(subject, checks, seed_of, say)
    with whole(table_file) as temporary:
        table.to_parquet(temporary)
    write_json(summary_file, summary)
