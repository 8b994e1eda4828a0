"""Simulate a scenario's data sets, each with its own seed."""

import json
from pathlib import Path

from pipeline.fitting import scenario_block
from pipeline.job import job
from pipeline.posterior_io import write_data_sets
from pipeline.scenarios import get_scenario
from pipeline.seeds import derive_seed

with job(snakemake):
    name, settings = snakemake.wildcards.scenario, snakemake.params.settings
    scenario = get_scenario(name, scenario_block(settings))
    root_seed = json.loads(settings)["seed"]
    whose, n = snakemake.params.data_name, snakemake.params.n_datasets
    seeds = [derive_seed(root_seed, whose, i, "", "simulate") for i in range(n)]
    write_data_sets(Path(snakemake.output[0]), scenario.data_sets(seeds))
