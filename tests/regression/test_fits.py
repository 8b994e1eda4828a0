import pandas as pd
import pytest
from scipy.stats import fisher_exact

from pipeline.regression.fits import failures


def table(n, failed=(), status="failed"):
    return pd.DataFrame({"dataset": range(n), "status": [status if i in failed else "ok" for i in range(n)]})


def judge(old, new, shared=20, same_seed=True, method="laplace"):
    return failures("gmm", method, old, new, set(range(shared)), same_seed)


def test_one_new_failure_of_a_method_that_never_failed_is_certain_with_the_same_seed():
    found = judge(table(20), table(20, {7}))
    assert found.certain and found.which == (7,)
    assert not judge(table(20), table(20, {7}), same_seed=False).certain


def test_a_method_that_fails_now_and_then_may_fail_elsewhere():
    found = judge(table(20, {1, 2, 3}), table(20, {2, 4, 5}))
    assert not found.certain and found.p_worse == pytest.approx(0.6875) and found.which == (4, 5)
    assert judge(table(20, {1}), table(20, set(range(1, 20)))).p_worse == pytest.approx(0.5**18)


def test_other_data_sets_are_compared_by_counts():
    found = judge(table(20, {1}), table(18, {1, 2, 3, 4, 5, 6}), shared=0)
    expected = fisher_exact([[6, 12], [1, 19]], alternative="greater").pvalue
    assert found.p_worse == pytest.approx(expected) and not found.certain
    assert judge(table(20), table(20), shared=0).p_worse == 1.0


def test_timeouts_count_and_uncertified_references_are_nobodys_failure_but_their_own():
    assert judge(table(20), table(20, {3}, "timeout")).certain
    assert judge(table(20), table(20, {3}, "uncertified")).new == 0
    assert judge(table(20), table(20, {3}, "uncertified"), method="reference-1").certain
