"""The score stage: one method's draws of a scenario against the certified references."""

import json
from pathlib import Path

import pandas as pd

from pipeline.files import whole, write_json
from pipeline.labels.modes import describe_modes
from pipeline.posterior_io import read_data_sets, read_posteriors
from pipeline.scores.evaluate import ess_bulk_min, score_data_set, score_without_reference
from pipeline.scores.label_switching import copies_by_chain, of_posterior
from pipeline.seeds import derive_seed

_NUMBERS = ["value", "mcse", "floor"]
COLUMNS = ["scenario", "dataset", "method", "metric", "parameter", *_NUMBERS]
# Spelt out, because a table without rows has no types of its own.
_TYPES = {**dict.fromkeys(COLUMNS, "str"), "dataset": "int64", **dict.fromkeys(_NUMBERS, "float64")}


def score_cell(
    scenario: str,
    method: str,
    root_seed: int,
    data_sets: range,
    data_file: Path,
    draws_file: Path,
    record_file: Path,
    reference_files: list[Path],
    reference_records: list[Path],
    scores_file: Path,
    status_file: Path,
) -> None:
    """Write one method's scores on some data sets of a scenario, and for each its status and effective size.

    A data set whose reference runs are not both certified is not scored, and its status says so. One that was
    to have none gets the scores that need none. Chains that sit in genuine modes are named in a remark.
    """
    fits = {row["dataset"]: row for row in json.loads(record_file.read_text())["data_sets"]}
    missing, referenced = _uncertified(reference_records), _data_sets(reference_records[0])
    posteriors = read_posteriors(draws_file, data_sets)
    first, second = (read_posteriors(file, data_sets) for file in reference_files)
    rows, statuses = [], []
    for i, data in read_data_sets(data_file, data_sets).items():
        status, reason = fits[i]["status"], fits[i]["reason"]
        if status == "ok" and i in missing:
            status, reason = "uncertified", missing[i]
        if status == "ok":
            seed = derive_seed(root_seed, scenario, i, "", "score")
            try:
                if i in referenced:
                    scored = score_data_set(posteriors[i], (first[i], second[i]), data.z, seed)
                else:
                    scored = score_without_reference(posteriors[i], data.z, seed)
                rows += [
                    (scenario, i, method, s.metric, s.parameter, s.value, s.mcse, s.floor) for s in scored
                ]
            except ValueError as error:  # draws that no score can take are the method's failure
                status, reason = "failed", f"cannot be scored: {error}"
        labels = posteriors[i].labels if i in posteriors else None
        if status == "ok" and labels is not None and len(posteriors[i].log_p) > 1:
            modes = describe_modes(of_posterior(posteriors[i], labels))
            reason = "; ".join(filter(None, (reason, modes)))
        ess = ess_bulk_min(posteriors[i]) if i in posteriors else None
        statuses.append({"dataset": i, "status": status, "reason": reason, "ess_bulk_min": ess})
        if labels is not None:
            statuses[-1]["chains"] = copies_by_chain(labels)
    with whole(scores_file) as temporary:
        pd.DataFrame(rows, columns=COLUMNS).astype(_TYPES).to_parquet(temporary)
    write_json(status_file, statuses)


def _data_sets(record: Path) -> set[int]:
    """Return the data sets of a record."""
    return {row["dataset"] for row in json.loads(record.read_text())["data_sets"]}


def _uncertified(reference_records: list[Path]) -> dict[int, str]:
    """Return, by data set, why it has no certified reference."""
    reasons: dict[int, list[str]] = {}
    for number, file in enumerate(reference_records, start=1):
        for row in json.loads(file.read_text())["data_sets"]:
            if row["status"] != "ok":
                reasons.setdefault(row["dataset"], []).append(f"reference {number}: {row['reason']}")
    return {i: "; ".join(parts) for i, parts in reasons.items()}
