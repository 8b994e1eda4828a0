"""The report's tables of what became of fits and references: failures, remarks, certificates."""

from pipeline.report.cells import Column, Table, make_table
from pipeline.report.inputs import REFERENCE_METHODS, Run
from pipeline.report.tables import DATASET, MAX_ROWS, METHOD, SCENARIO


def failures(run: Run) -> Table:
    """Every fit that gave no scores, with its reason."""
    table = run.status[run.status["status"] != "ok"]
    return make_table(
        "failures",
        "Fits without scores",
        (
            SCENARIO,
            DATASET,
            METHOD,
            Column("status", "Status", "status", term="status", filtered=True),
            Column("reason", "Reason", "long"),
        ),
        table,
        empty="Every fit succeeded, and every reference was certified.",
    )


def remarks(run: Run) -> Table:
    """What methods say of fits that are valid, equal remarks together."""
    rows = run.status[(run.status["status"] == "ok") & (run.status["reason"] != "")]
    rows = rows[~rows["method"].isin(REFERENCE_METHODS)]
    found = [
        {
            "scenario": scenario,
            "method": method,
            "n": len(numbers),
            "dataset": int(numbers.iloc[0]) if len(numbers) == 1 else None,
            "reason": reason,
        }
        for (scenario, method, reason), numbers in rows.groupby(["scenario", "method", "reason"], sort=False)[
            "dataset"
        ]
    ]
    cut = f" The first {MAX_ROWS:,} of {len(found):,}; all stand in status.csv."
    return make_table(
        "remarks",
        "Remarks on valid fits",
        (
            SCENARIO,
            METHOD,
            Column("n", "Data sets", "integer", term="data-set"),
            Column("dataset", "Number", "integer"),
            Column("reason", "Remark", "long"),
        ),
        found[:MAX_ROWS],
        note="What a method says of its own fit, and where chains sit in modes that are no permutations of "
        "one another." + (cut if len(found) > MAX_ROWS else ""),
        empty="No method has remarked anything.",
    )


def certificates(run: Run) -> Table:
    """Every attempt at a reference run with its diagnostics."""
    found = run.certificates
    # Runs from before references were weighed have no such columns.
    found = found.assign(
        **{name: None for name in ("pareto_k", "ess_weights", "weighed") if name not in found}
    )
    ordered = found.sort_values(["certified", "scenario", "dataset", "run", "attempt"], kind="stable")
    return make_table(
        "certificates",
        "Attempts at reference runs",
        (
            SCENARIO,
            DATASET,
            Column("run", "Run", "integer", term="reference"),
            Column("attempt", "Attempt", "integer", term="certificate"),
            Column("certified", "Certified", "flag", term="certificate", filtered=True),
            Column("r_hat_max", "Max R-hat", "precise", term="certificate"),
            Column("ess_bulk_min", "Min bulk ESS", "integer", term="certificate"),
            Column("ess_tail_min", "Min tail ESS", "integer", term="certificate"),
            Column("divergences", "Divergences", "integer", term="certificate"),
            Column("e_bfmi_min", "Min E-BFMI", "number", term="certificate"),
            Column("treedepth_saturated", "Saturated", "integer", term="certificate"),
            Column("pareto_k", "k-hat", "number", term="weighed"),
            Column("ess_weights", "Effective weights", "integer", term="weighed"),
            Column("weighed", "Importance sampling says", "long", term="weighed"),
            Column("reason", "Reason", "long"),
        ),
        ordered.head(MAX_ROWS),
        note=f"The first {MAX_ROWS:,} of {len(ordered):,} attempts; all stand in certificates.csv."
        if len(ordered) > MAX_ROWS
        else "",
        empty="No reference was run.",
    )
