"""What a report shows of a training."""

from pathlib import Path
from typing import Any

from pipeline.amortized.checkpoints import read_header

N_POINTS = 500
COLUMNS = ("step", "wall_s", "posterior", "guess", "membership", "stray")


def learning(checkpoint: Path) -> dict[str, Any]:
    """Return the number of steps, and the loss curve, evenly thinned, with the names of its columns.

    Raises:
        UserError: there is no such file, or it is no checkpoint.
    """
    curve = read_header(checkpoint)["record"]["curve"]
    every = max(1, -(-len(curve) // N_POINTS))
    return {"steps": curve[-1][0], "curve": curve[::every], "curve_columns": list(COLUMNS)}
