import math
from dataclasses import dataclass, replace

import pytest

from pipeline.report.sentences import Finding, answer, join, method_sentence

FINE = Finding("a", "indistinguishable", 20, 0, (10.0, 9.0, 11.0), 0.02, 0.02, 0.0, None)
NARROW = replace(FINE, label="biased", mean_error=0.05, log_sd_ratio=0.5, mean_log_sd_ratio=math.log(0.6))
SHIFTED = replace(FINE, scenario="b", label="biased", mean_error=0.3)

UNSCORED = replace(FINE, scenario="b", label="unscored", speedup=None)


@dataclass
class Row:
    method: str
    findings: tuple[Finding, ...]


@pytest.mark.parametrize(
    ("findings", "sentence"),
    [
        ([FINE], "Indistinguishable on a. 10 times as fast as NUTS."),
        ([FINE, replace(FINE, scenario="b", speedup=(12.4, 9, 15))],
         "Indistinguishable on both scenarios. 10 to 12 times as fast as NUTS."),
        ([NARROW], "Biased on a. Posterior sds are 40% too small. 10 times as fast as NUTS."),
        ([replace(NARROW, mean_log_sd_ratio=math.log(1.5))],
         "Biased on a. Posterior sds are 50% too large. 10 times as fast as NUTS."),
        ([replace(NARROW, mean_log_sd_ratio=0.0)],
         "Biased on a. Posterior sds are off by a factor of 1.6. 10 times as fast as NUTS."),
        ([FINE, SHIFTED],
         "Indistinguishable on a; biased on b. Posterior means err by 0.30 sd on b. "
         "10 times as fast as NUTS."),
        ([replace(FINE, label="biased", worst=("sliced Wasserstein", 0.4, 0.15))],
         "Biased on a. Sliced Wasserstein is 0.40 on a, beyond the limit of 0.15. 10 times as fast as NUTS."),
        ([replace(SHIFTED, responsible=(11, 8))],
         "Biased on b. Posterior means err by 0.30 sd. On b 2 of 20 data sets make it so (8 and 11); "
         "over the others every score is within its limit. 10 times as fast as NUTS."),
        ([replace(SHIFTED, responsible=(17,), n_uncertified=1)],
         "Biased on b. Posterior means err by 0.30 sd. On b 1 of 19 data sets makes it so (17); "
         "over the others every score is within its limit. 10 times as fast as NUTS."),
        ([replace(SHIFTED, warned_of=(3, 8, 11))],
         "Biased on b. Posterior means err by 0.30 sd. On b R-hat of its own chains is above 1.01 on 3 of 20 "
         "data sets (3, 8 and 11), which warns of these. 10 times as fast as NUTS."),
        ([replace(FINE, warned_of=(3,))], "Indistinguishable on a. 10 times as fast as NUTS."),
        ([replace(SHIFTED, responsible=(11, 8), warned_of=(3, 8, 11))],
         "Biased on b. Posterior means err by 0.30 sd. On b 2 of 20 data sets make it so (8 and 11); "
         "over the others every score is within its limit. R-hat of its own chains, above 1.01 on these, "
         "warns of that. 10 times as fast as NUTS."),
        ([replace(SHIFTED, responsible=(11, 8), warned_of=(3, 8))],
         "Biased on b. Posterior means err by 0.30 sd. On b 2 of 20 data sets make it so (8 and 11); "
         "over the others every score is within its limit. R-hat of its own chains, above 1.01 on 8, "
         "warns of that. 10 times as fast as NUTS."),
        ([replace(FINE, speedup=(0.5, 0.4, 0.6))],
         "Indistinguishable on a. Slower than NUTS: 0.50 times its speed."),
        ([replace(FINE, speedup=(3.0, 0.5, 18.0))],
         "Indistinguishable on a. 3.0 times as fast as NUTS (on a the interval includes 1)."),
        ([replace(FINE, speedup=(3.0, math.nan, math.nan))],
         "Indistinguishable on a. 3.0 times as fast as NUTS."),
        ([replace(FINE, label="failed", n_failed=20, speedup=None, mean_error=math.nan)],
         "Too many failures on a. 20 of 20 fits failed."),
        ([replace(FINE, label="unscored", n_tried=0, speedup=None)], "Not scored on a."),
        ([FINE, replace(FINE, scenario="b", label="absent", n_tried=0, speedup=None)],
         "Indistinguishable on a; not run on b. 10 times as fast as NUTS."),
        ([replace(FINE, pays_from=350.0)],
         "Indistinguishable on a. 10 times as fast as NUTS. "
         "Training has paid for itself from 350 data sets on."),
        ([replace(FINE, pays_from=350.0), replace(FINE, scenario="b", pays_from=math.inf)],
         "Indistinguishable on both scenarios. 10 times as fast as NUTS. "
         "Training has paid for itself from 350 data sets on and never on b."),
        ([replace(FINE, pays_from=math.inf)],
         "Indistinguishable on a. 10 times as fast as NUTS. Training never pays on a."),
        ([], "Not run."),
    ],
)  # fmt: skip
def test_a_sentence_says_what_the_numbers_say(findings: list[Finding], sentence: str):
    assert method_sentence("advi", findings) == sentence


def test_the_yardstick_has_no_speedup_over_itself():
    sentence = method_sentence("nuts", [FINE])
    assert sentence == "The yardstick, at its usual length and with its own seed. Indistinguishable on a."


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([Row("nuts", (FINE,))], "This run compares no approximation with NUTS."),
        ([Row("flow", (replace(FINE, pays_from=9.0), UNSCORED))],
         "Indistinguishable from certified NUTS wherever it was scored: "
         "flow (10 times as fast, once trained, not scored on b)."),
        ([Row("flow", (FINE, UNSCORED, replace(UNSCORED, scenario="c", label="absent")))],
         "Indistinguishable from certified NUTS wherever it was scored: "
         "flow (10 times as fast, not scored on b, not run on c)."),
        ([Row("nuts", (FINE,)), Row("laplace", (replace(FINE, label="unscored"),))],
         "No approximation could be judged, because nothing could be scored."),
        ([Row("laplace", (FINE,)), Row("advi", (NARROW,))],
         "Indistinguishable from certified NUTS wherever it was scored: laplace (10 times as fast). "
         "Biased on some scenario: advi."),
        ([Row("laplace", (FINE, replace(FINE, label="close")))],
         "No approximation is indistinguishable from certified NUTS on every scenario. "
         "At least close on every scenario: laplace (10 times as fast)."),
        ([Row("x", (NARROW, replace(FINE, label="failed")))],
         "No approximation is indistinguishable from certified NUTS on every scenario. "
         "Biased on some scenario: x. Failing on some scenario: x."),
        ([Row("nuts", (FINE, replace(NARROW, scenario="b"), replace(FINE, scenario="c", label="failed"))),
          Row("laplace", (FINE,))],
         "Indistinguishable from certified NUTS wherever it was scored: laplace (10 times as fast). "
         "NUTS at its usual length is itself biased on b and itself fails on c."),
    ],
)  # fmt: skip
def test_the_answer_follows_from_the_verdicts(rows: list[Row], text: str):
    assert answer(rows) == text


def test_names_are_joined_as_in_prose():
    assert [join(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
