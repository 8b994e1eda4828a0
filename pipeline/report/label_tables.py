"""The report's tables on label switching."""

import math

from pipeline.report.cells import Column, Table, frame_records, make_table
from pipeline.report.inputs import Run
from pipeline.report.tables import DATASET, MAX_ROWS, METHOD, SCENARIO


def copies(run: Run) -> Table:
    """One row a chain: how many copies of the modes it visited, and where most of its draws lie."""
    keys = ["scenario", "dataset", "method", "chain"]
    rows = []
    for values, own in run.copies.groupby(keys, sort=False):
        largest = frame_records(own.nlargest(1, "share"))[0]
        rows.append(
            {
                **dict(zip(keys, values, strict=True)),
                "visited": len(own),
                "copies": math.factorial(len(str(largest["copy"]).split("-"))),
                "largest": largest["share"],
                "copy": largest["copy"],
                "switch_rate": largest["switch_rate"],
            }
        )
    return make_table(
        "copies",
        "Copies of the modes that each chain visited",
        (
            SCENARIO,
            DATASET,
            METHOD,
            Column("chain", "Chain", "integer"),
            Column("visited", "Visited", "integer", term="copy"),
            Column("copies", "Of", "integer"),
            Column("largest", "Largest share", "percent"),
            Column("copy", "In copy"),
            Column("switch_rate", "Switch rate", "number"),
        ),
        rows[:MAX_ROWS],
        note="A copy is named by the components that bear the reference’s labels 1, 2, .. in it. The shares "
        "of all copies stand in copies.csv."
        + (f" The first {MAX_ROWS:,} of {len(rows):,} chains." if len(rows) > MAX_ROWS else ""),
        empty="No run has exchangeable labels.",
    )
