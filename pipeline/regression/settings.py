"""How the gate judges, and which files it writes; light to import, since every job reads the workflow."""

from dataclasses import dataclass

from pipeline.errors import UserError

RECORD_FILE = "baseline.json"
TABLE_NAMES = ("summary", "scores", "fits", "data", "speed")
BASELINE_FILES = (RECORD_FILE, *(f"{name}.csv" for name in TABLE_NAMES))
OUTPUTS = ("regression.json", "regression.md", "regression.xml")


@dataclass(frozen=True)
class Regression:
    """The configuration's block ``regression``.

    Attributes:
        baseline: folder of the baseline; empty for baselines/<run>.
        error_rate: chance that a run of unchanged methods fails, over all comparisons together.
        tolerance: what a score may lose on the scale of ``compare.scaled`` without counting: .1 is a tenth of
            score plus floor.
    """

    baseline: str = ""
    error_rate: float = 0.01
    tolerance: float = 0.1

    def __post_init__(self):
        if not 0 < self.error_rate < 0.5:
            raise UserError(f"error_rate: found {self.error_rate}; it must be above 0 and below 0.5.")
        if not 0 <= self.tolerance <= 1:
            raise UserError(f"tolerance: found {self.tolerance}; it must be 0 to 1.")
