"""What fits cost, by phase and by data set, for the report's section on time."""

import numpy as np
import pandas as pd

from pipeline.report.inputs import PHASES, REFERENCE_METHODS, Run
from pipeline.scores.timing import ONE_OFF_PHASES, costs, speedups
from pipeline.stages import FIRST_ACCEPTED, MORE_ACCEPTED, TO_NUTS


def run_speedups(run: Run) -> pd.DataFrame:
    """Return the speedups of the run's methods; the reference runs are no candidates."""
    return speedups(_fits_of(run, run.timings))


def phase_seconds(run: Run) -> pd.DataFrame:
    """Return scenario, method, phase and ``s``: mean wall seconds a data set.

    What is paid once a scenario is divided by the number of data sets that the method was timed on. A build
    belongs to every method of its scenario, unless its row names one.
    """
    timed = _fits_of(run, run.timings)
    fits = timed[timed["dataset"].notna() & ~timed["phase"].isin(ONE_OFF_PHASES)]
    keys = ["scenario", "method"]
    counts = fits.groupby(keys, sort=False)["dataset"].nunique().rename("n").reset_index()
    by_phase = fits.groupby([*keys, "phase"], sort=False)["wall_s"].sum().reset_index()
    once = run.timings[run.timings["phase"].isin(ONE_OFF_PHASES)]
    shared = once[~once["method"].isin(run.methods)]
    everyone = shared.drop(columns="method").merge(counts[keys], on="scenario")
    own = once[once["method"].isin(run.methods)]
    table = pd.concat([by_phase, everyone[by_phase.columns], own[by_phase.columns]], ignore_index=True)
    table = table.groupby([*keys, "phase"], sort=False, as_index=False)["wall_s"].sum().merge(counts, on=keys)
    order = {phase: i for i, phase in enumerate(PHASES)}
    table = table.assign(s=table["wall_s"] / table["n"], order=table["phase"].map(order))
    return table.sort_values("order", kind="stable")[[*keys, "phase", "s", "n", "wall_s"]]


def cost_rows(run: Run, factors: pd.DataFrame) -> list[dict]:
    """Return one row a scenario and method for the table of costs: medians over data sets, and speedups."""
    per_fit = costs(_fits_of(run, run.timings))
    phases = phase_seconds(run)
    once = phases[phases["phase"].isin(ONE_OFF_PHASES)].groupby(["scenario", "method"])["wall_s"].sum()
    rows = []
    for (scenario, method), part in per_fit.groupby(["scenario", "method"], sort=False):
        row = {
            "scenario": scenario,
            "method": method,
            "n": len(part),
            "wall_s": part["wall_s"].median(),
            "cpu_s": part["cpu_s"].median(),
            "ess_bulk_min": part["ess_bulk_min"].median(),
            "once_s": once.get((scenario, method), np.nan),
        }
        own = factors[(factors["scenario"] == scenario) & (factors["method"] == method)]
        for factor in own.to_dict("records"):
            name = factor["measure"]
            row |= {f"{name}_speedup": factor["speedup"]}
            row |= {f"{name}_low": factor["low"], f"{name}_high": factor["high"]}
        rows.append(row)
    return rows


def stage_rows(run: Run) -> list[dict]:
    """Return one row a scenario, method that corrects its draws, and stage: how many data sets ended there.

    A data set ends with the correction where that was accepted, if need be with more proposals, and goes on
    to NUTS where it was not; its cost is that of all stages it took.
    """
    timed = _fits_of(run, run.timings)
    fits = timed[timed["dataset"].notna() & ~timed["phase"].isin(ONE_OFF_PHASES)]
    remarks = run.status.set_index(["scenario", "method", "dataset"])["reason"].fillna("")
    went_on = remarks.index[remarks.str.startswith(MORE_ACCEPTED)]
    rows = []
    for (scenario, method), part in fits.groupby(["scenario", "method"], sort=False):
        if "correct" not in set(part["phase"]):
            continue
        by_dataset = part.groupby("dataset")
        wall_s = by_dataset["wall_s"].sum()
        to_nuts = by_dataset["phase"].agg(lambda phases: "sample" in set(phases))
        more = pd.Series([(scenario, method, n) in went_on for n in wall_s.index], wall_s.index, dtype=bool)
        stages = {
            FIRST_ACCEPTED: ~to_nuts & ~more,
            MORE_ACCEPTED: ~to_nuts & more,
            TO_NUTS: to_nuts,
        }
        for stage, chosen in stages.items():
            rows.append(
                {
                    "scenario": scenario,
                    "method": method,
                    "stage": stage,
                    "n": int(chosen.sum()),
                    "share": chosen.mean(),
                    "wall_s": wall_s[chosen].median(),
                    "share_of_cost": wall_s[chosen].sum() / wall_s.sum(),
                }
            )
    return rows


def _fits_of(run: Run, timings: pd.DataFrame) -> pd.DataFrame:
    return timings[~timings["method"].isin(REFERENCE_METHODS)]
