"""Plain sentences made from numbers: they say what the numbers beside them say, and nothing else."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.report.cells import short
from pipeline.report.duels import Duel, duel_sentence
from pipeline.report.scoring import METRICS, VERDICT_WORDS
from pipeline.scores.label_metrics import MAX_R_HAT

YARDSTICK = "nuts"
_GOOD = ("indistinguishable", "close")
_BAD = {
    "biased": "Biased on some scenario",
    "failed": "Failing on some scenario",
    "unclear": "Too noisy to tell on some scenario",
}
_UNJUDGED = frozenset({"unscored", "absent"})


@dataclass(frozen=True)
class Finding:
    """What is known of one method on one scenario.

    Attributes:
        scenario: its name.
        label: the verdict, or "absent" where the method was not run.
        n_tried, n_failed: fits, and how many failed.
        speedup: by wall time, its low and its high (NaN for a single data set); None where unknown.
        mean_error: root mean square error of posterior means, in sds; NaN where unknown.
        log_sd_ratio: root mean square of the log ratio of posterior sds; NaN where unknown.
        mean_log_sd_ratio: its plain mean, whose sign tells too narrow from too wide.
        worst: title, value and limit of the judged score furthest beyond its limit; None where none is.
        pays_from: number of data sets from which training has paid for itself, infinite where it never does;
            None for a method that is not trained.
        n_unreferenced: fits, among those tried, on data sets that were to have no reference.
        n_uncertified: the same, on data sets whose reference got no certificate.
        duel: against the method that its cost must be worth; None for a method without one.
        responsible: a few data sets without which it would be within its limits, the worst first.
        warned_of: scored data sets on which R-hat of its own chains says that they disagree.
    """

    scenario: str
    label: str
    n_tried: int
    n_failed: int
    speedup: tuple[float, float, float] | None
    mean_error: float
    log_sd_ratio: float
    mean_log_sd_ratio: float
    worst: tuple[str, float, float] | None
    pays_from: float | None = None
    n_unreferenced: int = 0
    n_uncertified: int = 0
    duel: Duel | None = None
    responsible: tuple[int, ...] = ()
    warned_of: tuple[int, ...] = ()

    @property
    def n_scored(self) -> int:
        """Data sets scored against a reference."""
        return self.n_tried - self.n_failed - self.n_unreferenced - self.n_uncertified


class Judged(Protocol):
    """A method with its findings."""

    @property
    def method(self) -> str:
        """The method's name."""
        ...

    @property
    def findings(self) -> Sequence[Finding]:
        """One for each scenario."""
        ...


def method_sentence(method: str, findings: Sequence[Finding]) -> str:
    """Say how a method did over all scenarios."""
    parts = [_verdicts(findings), _errors(findings), _exceptions(findings), _warnings(findings)]
    if method == YARDSTICK:
        parts = ["The yardstick, at its usual length and with its own seed.", *parts]
    else:
        duels = [finding.duel for finding in findings if finding.duel]
        parts += [_speed(findings), duel_sentence(duels), _training(findings)]
    return " ".join(part for part in [*parts, _failures(findings)] if part)


def answer(methods: Sequence[Judged]) -> str:
    """Answer the report's question in two or three sentences."""
    rivals = [row for row in methods if row.method != YARDSTICK]
    if not rivals:
        return "This run compares no approximation with NUTS."
    judged = [row for row in rivals if any(finding.label not in _UNJUDGED for finding in row.findings)]
    if not judged:
        return "No approximation could be judged, because nothing could be scored."
    labels = {row.method: {finding.label for finding in row.findings} - _UNJUDGED for row in judged}
    exact = [row for row in judged if labels[row.method] == {"indistinguishable"}]
    near = [row for row in judged if labels[row.method] <= {*_GOOD} and row not in exact]
    rest = [row for row in judged if row not in exact and row not in near]
    parts = []
    if exact:
        parts.append(f"Indistinguishable from certified NUTS wherever it was scored: {_with_speed(exact)}.")
    else:
        parts.append("No approximation is indistinguishable from certified NUTS on every scenario.")
    if near:
        parts.append(f"At least close on every scenario: {_with_speed(near)}.")
    for label, words in _BAD.items():
        names = [row.method for row in rest if any(finding.label == label for finding in row.findings)]
        if names:
            parts.append(f"{words}: {join(names)}.")
    return " ".join([*parts, *_of_the_yardstick(methods)])


def _of_the_yardstick(methods: Sequence[Judged]) -> list[str]:
    """Say where NUTS itself cannot be trusted: a speedup over it is then over something that is wrong."""
    words = {"biased": "is itself biased", "failed": "itself fails"}
    findings = [finding for row in methods if row.method == YARDSTICK for finding in row.findings]
    told = [
        f"{words[label]} on {join(names)}"
        for label in words
        if (names := [finding.scenario for finding in findings if finding.label == label])
    ]
    return [f"NUTS at its usual length {' and '.join(told)}."] if told else []


def join(names: Sequence[str]) -> str:
    """Join names in prose: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _with_speed(rows: Sequence[Judged]) -> str:
    texts = []
    for row in rows:
        span = _span([finding.speedup[0] for finding in row.findings if finding.speedup])
        remarks = [f"{span} times as fast"] if span else []
        if span and all(finding.speedup[0] < 1 for finding in row.findings if finding.speedup):
            remarks = [f"slower, {span} times as fast"]
        if any(finding.pays_from is not None for finding in row.findings):
            remarks.append("once trained")
        for label in ("unscored", "absent"):
            if names := [finding.scenario for finding in row.findings if finding.label == label]:
                remarks.append(f"{VERDICT_WORDS[label]} on {join(names)}")
        texts.append(f"{row.method} ({', '.join(remarks)})" if remarks else row.method)
    return join(texts)


def _verdicts(findings: Sequence[Finding]) -> str:
    words = {**VERDICT_WORDS, "failed": "too many failures"}
    found = {
        label: [finding.scenario for finding in findings if finding.label == label]
        for label in words
        if any(finding.label == label for finding in findings)
    }
    if not found:
        return "Not run."
    if len(found) == 1 and len(findings) > 1:
        label = next(iter(found))
        return f"{words[label].capitalize()} on {'both' if len(findings) == 2 else 'all'} scenarios."
    text = "; ".join(f"{words[label]} on {join(names)}" for label, names in found.items())
    return f"{text[0].upper()}{text[1:]}."


def _errors(findings: Sequence[Finding]) -> str:
    """Say how large the errors are where they are beyond their limits."""
    parts = []
    findings = [f for f in findings if f.label != "unclear"]
    means = [f for f in findings if _beyond("mean_error_sd", f.mean_error)]
    if means:
        parts.append(
            f"posterior means err by {_span([f.mean_error for f in means])} sd{_where(means, findings)}"
        )
    spreads = [f for f in findings if _beyond("log_sd_ratio", f.log_sd_ratio)]
    if spreads:
        parts.append(f"posterior sds are {_spread_error(spreads)}{_where(spreads, findings)}")
    others = [f for f in findings if f.label == "biased" and f.worst and not _has_marginal_error(f)]
    if others:
        worst = max(others, key=lambda finding: finding.worst[1] / finding.worst[2] if finding.worst else 0)
        title, value, limit = worst.worst or ("", 0.0, 0.0)
        parts.append(f"{title} is {short(value)} on {worst.scenario}, beyond the limit of {short(limit)}")
    text = " and ".join(parts) if len(parts) < 3 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _exceptions(findings: Sequence[Finding]) -> str:
    """Say where a bias is the work of a few data sets."""
    parts = []
    for finding in findings:
        if numbers := finding.responsible:
            n, which = len(numbers), join(_numbers(numbers))
            parts.append(
                f"On {finding.scenario} {n} of {finding.n_scored} data sets "
                f"{'makes' if n == 1 else 'make'} it so ({which}); "
                f"over the others every score is within its limit.{_warning(finding)}"
            )
    return " ".join(parts)


def _warning(finding: Finding) -> str:
    """Say where the method's own chains give its failure away; a method without chains has no R-hat."""
    warned = [number for number in finding.responsible if number in finding.warned_of]
    if not warned:
        return ""
    of_all = len(warned) == len(finding.responsible)
    which = ("it" if len(warned) == 1 else "these") if of_all else join(_numbers(warned))
    return f" R-hat of its own chains, above {MAX_R_HAT} on {which}, warns of that."


def _warnings(findings: Sequence[Finding]) -> str:
    """Say the same where a bias is general."""
    parts = [
        f"On {finding.scenario} R-hat of its own chains is above {MAX_R_HAT} on {len(finding.warned_of)} of "
        f"{finding.n_scored} data sets ({join(_numbers(finding.warned_of))}), which warns of these."
        for finding in findings
        if finding.label == "biased" and finding.warned_of and not finding.responsible
    ]
    return " ".join(parts)


def _numbers(data_sets: Sequence[int]) -> list[str]:
    return [str(number) for number in sorted(data_sets)]


def _spread_error(spreads: Sequence[Finding]) -> str:
    if all(f.mean_log_sd_ratio < -0.7 * f.log_sd_ratio for f in spreads):
        return f"{_span([-100 * math.expm1(f.mean_log_sd_ratio) for f in spreads], '%')} too small"
    if all(f.mean_log_sd_ratio > 0.7 * f.log_sd_ratio for f in spreads):
        return f"{_span([100 * math.expm1(f.mean_log_sd_ratio) for f in spreads], '%')} too large"
    return f"off by a factor of {_span([math.exp(f.log_sd_ratio) for f in spreads])}"


def _where(some: Sequence[Finding], everything: Sequence[Finding]) -> str:
    return "" if len(some) == len(everything) else f" on {join([finding.scenario for finding in some])}"


def _has_marginal_error(finding: Finding) -> bool:
    return _beyond("mean_error_sd", finding.mean_error) or _beyond("log_sd_ratio", finding.log_sd_ratio)


def _beyond(name: str, value: float) -> bool:
    limit = METRICS[name].close
    return limit is not None and math.isfinite(value) and value > limit


def _speed(findings: Sequence[Finding]) -> str:
    values = [finding.speedup[0] for finding in findings if finding.speedup]
    if not values:
        return ""
    # Comparisons with NaN, the interval of a single data set, are false.
    unsure = [f.scenario for f in findings if f.speedup and f.speedup[1] <= 1 <= f.speedup[2]]
    doubt = f" (on {join(unsure)} the interval includes 1)" if unsure else ""
    if max(values) < 1:
        return f"Slower than NUTS: {_span(values)} times its speed{doubt}."
    return f"{_span(values)} times as fast as NUTS{doubt}."


def _training(findings: Sequence[Finding]) -> str:
    """Say from how many data sets on training has paid for itself; speedups leave it out."""
    counts = [finding.pays_from for finding in findings if finding.pays_from is not None]
    if not counts:
        return ""
    never = [finding.scenario for finding in findings if finding.pays_from == math.inf]
    finite = [value for value in counts if math.isfinite(value)]
    parts = [f"Training has paid for itself from {_span(finite)} data sets on"] if finite else []
    if never:
        parts.append(f"{'and never' if finite else 'Training never pays'} on {join(never)}")
    return f"{' '.join(parts)}."


def _failures(findings: Sequence[Finding]) -> str:
    failed, tried = sum(f.n_failed for f in findings), sum(f.n_tried for f in findings)
    return f"{failed} of {tried} fits failed." if failed else ""


def _span(values: Sequence[float], unit: str = "") -> str:
    """Say a range in two digits: "4.4 to 5.9", or one number where both ends read the same."""
    if not values:
        return ""
    low, high = short(min(values)), short(max(values))
    return f"{low}{unit}" if low == high else f"{low}{unit} to {high}{unit}"
