"""Pair plots show the pair that depends most, each method's draws over the reference's."""

import numpy as np

from pipeline.report.examples import Example
from pipeline.report.pair_figures import MAX_DOTS, most_dependent, pair_figures
from pipeline.report.style import marks


def test_the_pair_is_the_one_that_depends_most_and_not_one_that_is_determined():
    x = np.random.default_rng(1).normal(size=(4, 400))
    draws = np.stack([x[0], x[1], x[1] + 0.3 * x[2], -x[0], x[0] + 2 * x[3]])
    assert most_dependent(draws) == (1, 2)
    assert most_dependent(draws[:1]) is None
    assert most_dependent(draws[[0, 3]]) is None
    assert most_dependent(np.full((3, 50), np.nan)) is None


def test_a_figure_for_each_method_holds_its_draws_and_the_references():
    rng = np.random.default_rng(2)
    draws = rng.normal(size=(3, 2, 500)).cumsum(axis=1)
    draws[1, :, 100:] = np.nan  # a method with fewer draws
    sources, parameters = ("reference", "laplace", "pathfinder"), ("mu[1]", "mu[2]")
    nothing, no_numbers = np.empty(0), np.empty(0, int)
    example = Example(
        0, "mixture", sources, parameters, np.zeros(2), draws, nothing, no_numbers, {}, 0, no_numbers
    )  # fmt: skip
    found = pair_figures(example, "gmm", marks(["laplace", "pathfinder", "absent"]))
    assert [figure.title for figure in found] == ["laplace", "pathfinder"]
    sizes = [[len(layer) for layer in figure.spec["datasets"].values()] for figure in found]
    assert sizes[0][:2] == [MAX_DOTS, 100] and sizes[1][:2] == [MAX_DOTS, MAX_DOTS]
    layers = found[0].spec["layer"]
    assert {layer["encoding"]["x"]["title"] for layer in layers} == {"mu[1]"}
    assert len(layers) == 3  # the reference, the method, the true values
