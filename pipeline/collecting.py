"""The tables of a run, joined from its cells: the contract that reports, gates and users read."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pipeline.files import whole

TIMING_COLUMNS = [
    "scenario",
    "dataset",
    "method",
    "phase",
    "wall_s",
    "cpu_s",
    "n_draws",
    "ess_bulk_min",
]  # fmt: skip
COPY_COLUMNS = ["scenario", "dataset", "method", "chain", "copy", "share", "switch_rate"]
STATUS_COLUMNS = ["scenario", "dataset", "method", "status", "reason"]


def collect(
    scores: list[Path],
    statuses: list[Path],
    records: list[Path],
    references: list[Path],
    networks: list[Path],
    network_owners: Mapping[str, str],
    models: Mapping[str, Path],
    programs: Mapping[str, str],
    run_folder: Path,
) -> None:
    """Write scores.parquet, scores.csv, timings.csv, status.csv, certificates.csv and copies.csv.

    Args:
        scores, statuses, records: a file for each (scenario, method), named scenario/method.
        references: the records of the reference runs, named scenario/reference-1 and -2.
        networks: the records of trainings, named scenario/method.
        network_owners: by method that uses another one's network, that other one; it has paid for it too.
        models: the records of the built Stan programs by program.
        programs: the Stan program of each scenario.
    """
    score_table = pd.concat([pd.read_parquet(file) for file in scores], ignore_index=True)
    _write_csv(run_folder / "scores.csv", score_table)
    with whole(run_folder / "scores.parquet") as temporary:
        score_table.to_parquet(temporary)

    timing, status, certificates = [], [], []
    for scenario, program in programs.items():
        built = json.loads(models[program].read_text())
        cost = built["compile_wall_s"], built["compile_cpu_s"]
        timing.append((scenario, None, "stan", "build", *cost, None, None))
    for file in networks:
        users = [file.stem, *(user for user, owner in network_owners.items() if owner == file.stem)]
        for t in json.loads(file.read_text())["phases"]:
            for user in users:
                timing.append((file.parent.name, None, user, t["phase"], t["wall_s"], t["cpu_s"], None, None))
    for file in statuses:
        cell = {"scenario": file.parent.name, "method": file.stem}
        status += [{**cell, **row} for row in json.loads(file.read_text())]
    ess = {(row["scenario"], row["method"], row["dataset"]): row["ess_bulk_min"] for row in status}
    # A reference's is its certificate's: of the attempt that was timed, over parameters and log density.
    ess |= {
        (file.parent.name, file.stem, row["dataset"]): row["extra"][-1]["ess_bulk_min"]
        for file in references
        for row in json.loads(file.read_text())["data_sets"]
        if row["extra"]
    }
    for file in [*records, *references]:
        scenario, method = file.parent.name, file.stem
        record = json.loads(file.read_text())
        for t in record.get("one_off", []):
            timing.append((scenario, None, method, t["phase"], t["wall_s"], t["cpu_s"], None, None))
        for row in record["data_sets"]:
            i = row["dataset"]
            timing += [
                (
                    scenario,
                    i,
                    method,
                    t["phase"],
                    t["wall_s"],
                    t["cpu_s"],
                    t["n_draws"],
                    ess.get((scenario, method, i)),
                )
                for t in row["timings"]
            ]
    for file in references:
        scenario, number = file.parent.name, int(file.stem.removeprefix("reference-"))
        for row in json.loads(file.read_text())["data_sets"]:
            status.append({"scenario": scenario, "method": file.stem, **row})
            certificates += [
                {"scenario": scenario, "dataset": row["dataset"], "run": number, **attempt}
                for attempt in row["extra"]
            ]
    _write_csv(run_folder / "timings.csv", pd.DataFrame(timing, columns=TIMING_COLUMNS))
    _write_csv(run_folder / "status.csv", pd.DataFrame(status)[STATUS_COLUMNS])
    _write_csv(run_folder / "certificates.csv", pd.DataFrame(certificates))
    copies = [
        (row["scenario"], row["dataset"], row["method"], chain["chain"], copy, share, chain["switch_rate"])
        for row in status
        for chain in row.get("chains", [])
        for copy, share in chain["shares"].items()
    ]
    _write_csv(run_folder / "copies.csv", pd.DataFrame(copies, columns=COPY_COLUMNS))


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table whole or not at all; integers that may be missing stay integers."""
    if "dataset" in table:
        table = table.assign(dataset=table["dataset"].astype("Int64"))
    with whole(path) as temporary:
        table.to_csv(temporary, index=False)
