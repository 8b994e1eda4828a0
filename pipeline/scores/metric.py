"""What there is to know of a metric, and the words that several share."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """What there is to know of a metric.

    Attributes:
        name: as in scores.csv.
        title: short, for headings.
        definition: in plain words.
        formula: the same as a formula.
        unit: unit of the value.
        minimum, maximum: range of possible values.
        ideal: the best value; for a score against the truth the best that exists, which no method reaches
            where components overlap.
        direction: which way is better.
        summary: how values are combined over parameters and data sets.
        baseline: what ``floor`` is: the "noise" of the score, the "reference"'s own score against the truth,
            or "none".
        floor: the same in words.
        source: citation.
        per_parameter: whether there is one value for each scalar parameter.
        close: largest aggregate that counts as close in practice; None where no verdict rests on the metric.
        threshold: a value worth a line in a figure; None where there is none.
        ideal_formula: the best value where it depends on the number of components, ``ideal`` being its limit.
    """

    name: str
    title: str
    definition: str
    formula: str
    unit: str
    minimum: float
    maximum: float
    ideal: float
    direction: Literal["toward zero", "lower is better", "higher is better"]
    summary: Literal["root mean square", "mean", "median"]
    baseline: Literal["noise", "reference", "none"]
    floor: str
    source: str
    per_parameter: bool = False
    close: float | None = None
    threshold: float | None = None
    ideal_formula: str = ""

    @property
    def signed(self) -> bool:
        """Whether the sign of a value says in which direction the method errs."""
        return self.direction == "toward zero"

    @property
    def ideal_text(self) -> str:
        """The ideal in words."""
        return self.ideal_formula or f"{self.ideal:g}"

    @property
    def positive(self) -> bool:
        """Whether values are distances on a ratio scale, which a logarithmic axis suits."""
        return self.minimum == 0 and self.ideal == 0 and self.direction == "lower is better"

    @property
    def aggregate_label(self) -> str:
        """What the aggregate is called on an axis."""
        return f"{self.summary} of {self.title}"


INFINITY = float("inf")
SECOND_RUN = (
    "The score of the second reference run, cut to the method's number of draws, in the method's place."
)
