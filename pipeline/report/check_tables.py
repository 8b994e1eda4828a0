"""The tables of checks of networks."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from pipeline.report.cells import Column, Table, make_table, number, percent
from pipeline.report.checked import Cell, Checked

_CELL = (Column("scenario", "Scenario", filtered=True), Column("method", "Method", filtered=True))
_N = Column("n", "Data sets", "integer", term="data-set")

Checks = Mapping[Cell, Checked]


def calibration(checks: Checks) -> Table:
    """One row a quantity: whether its ranks are uniform."""
    n = {checked.summary["n_datasets"] for checked in checks.values()}
    rows = []
    for row in _rows(checks, "calibration"):
        rows.append(row | {f"{key} aside": f"± {number(row[f'{key}_se'])}" for key in ("bias", "spread")})
    return make_table(
        "calibration-table",
        "Calibration, by scenario, method and quantity",
        (
            *_CELL,
            Column("quantity", "Quantity"),
            Column("inside", "Inside the band", "flag", term="rank", filtered=True),
            Column("p_value", "p", "precise", term="rank"),
            Column("deviation", "Largest difference", "number", term="rank"),
            Column("at", "at", "number"),
            Column("bias", "Mean rank, sd", "number", term="mean-rank"),
            Column("spread", "Log sd of ranks", "number", term="rank-spread"),
        ),
        rows,
        note=f"From {_counts(n)} simulated data sets a network.",
    )


def memberships(checks: Checks) -> Table:
    """One row a kind of membership: the network's own error."""
    return make_table(
        "membership-networks",
        "Membership networks at the true parameters",
        (
            *_CELL,
            Column("kind", "Kind", term="membership"),
            Column("excess", "Excess log loss", "number", term="own-excess"),
            Column("excess_se", "± SE", "number", term="se"),
            _N,
        ),
        _rows(checks, "memberships"),
        note="In nats an observation, against the exact memberships at the same parameters: the error of "
        "the membership network alone, apart from that of the posterior.",
    )


def recovery(checks: Checks) -> Table:
    """One row a parameter."""
    rows = []
    for row in _rows(checks, "recovery"):
        row |= {f"{key} aside": f"± {number(row[f'{key}_se'])}" for key in ("rmse", "contraction")}
        for level in (50, 80, 95):
            row[f"coverage_{level} aside"] = f"± {percent(row[f'coverage_{level}_se'])}"
        rows.append(row)
    return make_table(
        "recovery-table",
        "Recovery and coverage, by scenario, method and parameter",
        (
            *_CELL,
            Column("quantity", "Parameter"),
            Column("correlation", "Correlation", "number", term="recovery"),
            Column("rmse", "RMSE, prior sd", "number", term="recovery"),
            Column("contraction", "Contraction", "number", term="contraction"),
            *(
                Column(f"coverage_{level}", f"{level}% intervals", "percent", term="coverage")
                for level in (50, 80, 95)
            ),
            Column("far", "Far draws", "percent", term="far-draws"),
        ),
        rows,
        note="Beside each number its Monte Carlo standard error; that of coverage is the one of a right "
        "interval.",
    )


def accuracy(checks: Checks) -> Table:
    """One row a bin."""
    kinds = ("membership", "filtering", "smoothing")
    rows = list(_rows(checks, "bins"))
    for row in rows:
        scores = ("kl", "efficiency", *(f"{kind}_excess" for kind in kinds))
        row |= {f"{key} aside": f"± {number(row[f'{key}_se'])}" for key in scores if key in row}
    present = [kind for kind in kinds if any(f"{kind}_excess" in row for row in rows)]
    return make_table(
        "accuracy-bins",
        "Accuracy by number of observations and by separation",
        (
            *_CELL,
            Column("by", "By", filtered=True, term="separation"),
            Column("low", "from", "number"),
            Column("high", "to", "number"),
            _N,
            Column("kl", "KL", "number", term="kl-sampled"),
            Column("efficiency", "Efficiency", "number", term="efficiency"),
            *(Column(f"{kind}_excess", f"Excess, {kind}", "number", term="own-excess") for kind in present),
        ),
        rows,
    )


def strange(checks: Checks) -> Table:
    """One row a network and kind of data: who raised the flag, and how accurate the network still is."""
    records, by = [], {row["by"] for checked in checks.values() for row in checked.summary["unlike"]}
    for (scenario, method), checked in checks.items():
        accuracy = {row["data"]: row for row in checked.summary["altered"]}
        for data, found in accuracy.items():
            record = {"scenario": scenario, "method": method, "data": data, **found}
            for row in checked.summary["unlike"]:
                if row["data"] == data:
                    record |= {
                        row["by"]: row["flagged"],
                        f"{row['by']} aside": f"± {percent(row['flagged_se'])}",
                    }
            records.append(record | {"kl aside": f"± {number(found['kl_se'])}"})
    return make_table(
        "strange-table",
        "Data unlike the training simulations",
        (
            *_CELL,
            Column("data", "Data", term="strange"),
            Column("any", "Flagged", "percent", term="strange"),
            *(
                Column(name, f"by {name}", "percent", term="strange")
                for name in ("context", "features", "residuals", "shape")
                if name in by
            ),
            Column("kl", "KL", "number", term="kl-sampled"),
            Column("efficiency_median", "Median efficiency", "number", term="efficiency"),
            _N,
        ),
        records,
        note="KL and efficiency hold the network against the exact posterior of the scenario’s model, which "
        "is the wrong model for altered data: they say whether the network still computes what it claims.",
    )


def break_even(counts: pd.DataFrame) -> Table:
    """One row a trained method; ``counts`` as of ``pipeline.scores.break_even``."""
    return make_table(
        "break-even-table",
        "Data sets from which on training has paid for itself",
        (
            *_CELL,
            Column("once_s", "Once", "seconds", term="break-even"),
            Column("each_s", "A data set", "seconds", term="break-even"),
            Column("nuts_each_s", "nuts, a data set", "seconds", term="break-even"),
            Column("break_even", "Break-even", "number", term="break-even"),
            Column("low", "from", "number", term="break-even"),
            Column("high", "to", "number", term="break-even"),
            Column("n_datasets", "Data sets", "integer", term="data-set"),
        ),
        counts,
        empty="No trained method was timed beside nuts.",
    )


def _rows(checks: Checks, part: str) -> Iterable[dict[str, Any]]:
    for (scenario, method), checked in checks.items():
        for row in checked.summary[part]:
            yield {"scenario": scenario, "method": method, **row}


def _counts(n: set[int]) -> str:
    return " or ".join(f"{value:,}" for value in sorted(n)) or "0"
