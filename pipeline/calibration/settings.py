"""How much the checks simulate."""

from dataclasses import dataclass

from pipeline.errors import UserError


@dataclass(frozen=True)
class Checks:
    """The configuration's block ``checks``.

    Attributes:
        n_datasets: simulated data sets for calibration, recovery and accuracy. Membership networks are
            checked on twice as many; the flag for strange data is calibrated on four times as many, and
            tried on a quarter of each kind.
        draws: from the posterior of each.
    """

    n_datasets: int = 1000
    draws: int = 1000

    def __post_init__(self):
        for name, least in (("n_datasets", 20), ("draws", 99)):
            if getattr(self, name) < least:
                raise UserError(f"{name}: found {getattr(self, name)}; it must be at least {least}.")
