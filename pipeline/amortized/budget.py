"""How long a training lasts, in steps or in seconds, and where it stands."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from pipeline.errors import UserError


@dataclass(frozen=True)
class Budget:
    """How long to train: exactly one of both.

    Attributes:
        wall_s: seconds, compilation included; how many steps they hold depends on the machine.
        steps: number of steps; the result is the same on every run of one machine, interrupted or not.
    """

    wall_s: float | None = None
    steps: int | None = None

    def __post_init__(self):
        if (self.wall_s is None) == (self.steps is None):
            raise UserError("The training budget is either wall_s or steps; give one of them.")
        if not (self.wall_s or self.steps or 0) > 0:
            raise UserError(f"The training budget must be positive, not {self.wall_s or self.steps}.")

    def progress(self, record: dict[str, Any], step: int) -> float:
        """Return the share of the budget that is spent, 1 or more at its end."""
        if self.steps is not None:
            return step / self.steps
        assert self.wall_s is not None
        return record["wall_s"] / self.wall_s

    def plan_block(
        self, length: int, record: dict[str, Any], step: int
    ) -> tuple[Float[np.ndarray, " step"], int]:
        """Return the share of the budget spent at each step of the next block, and how many of them to take.

        Args:
            length: of a block.
            record: of the training so far: its seconds, and its curve of (step, seconds, losses).
            step: how many have been taken.
        """
        if self.steps is not None:
            return (step + np.arange(length)) / self.steps, min(length, self.steps - step)
        assert self.wall_s is not None
        progress = self.progress(record, step)
        # The first block holds the compilation, so the pace is that of the last few.
        recent = record["curve"][-6:]
        if len(recent) < 2:
            return np.full(length, progress), length
        # A small network's blocks may take less than the curve's last digit.
        recent_s = max(recent[-1][1] - recent[0][1], 0.001)
        pace_s = recent_s / (recent[-1][0] - recent[0][0])
        left = max(1, round((self.wall_s - record["wall_s"]) / pace_s))
        fractions = progress + (1 - progress) * np.arange(length) / left
        return np.minimum(fractions, 1.0), min(length, left)
