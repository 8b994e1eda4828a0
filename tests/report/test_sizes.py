"""Cost against the size of the data: a mark a fit at its data set's size, where sizes differ."""

import numpy as np
import pandas as pd
import pytest

from pipeline.report.examples import Example
from pipeline.report.figures import MAX_POINTS
from pipeline.report.size_figures import size_figure
from pipeline.report.style import marks

NOTHING = np.empty(0)
ROWS = marks(["nuts", "laplace"])


def example(sizes):
    return Example(
        0, "mixture", ("reference",), (), NOTHING, NOTHING, NOTHING, NOTHING.astype(int), {}, 0, sizes
    )  # fmt: skip


def timings(n):
    fits = [("gmm", i, "nuts", phase, 1.0 + i) for i in range(n) for phase in ("warmup", "sample")]
    fits += [("gmm", -1, "nuts", "build", 30.0), ("other", 0, "laplace", "infer", 1.0)]
    table = pd.DataFrame(fits, columns=["scenario", "dataset", "method", "phase", "wall_s"])
    return table.assign(cpu_s=1.0, ess_bulk_min=100.0)


def test_each_fit_stands_at_its_size_and_its_cost():
    figure = size_figure(timings(3), example(np.array([50, 80, 60])), "gmm", ROWS)
    assert figure is not None
    found = figure.spec["datasets"]["d0"]
    assert [(point["method"], point["x"], point["y"]) for point in found] == [
        ("nuts", 50, 2.0),
        ("nuts", 80, 4.0),
        ("nuts", 60, 6.0),
    ]


def test_many_fits_are_thinned():
    figure = size_figure(timings(1000), example(np.arange(1000) + 10), "gmm", ROWS)
    assert figure is not None and len(figure.spec["datasets"]["d0"]) == MAX_POINTS


@pytest.mark.parametrize("sizes", [np.array([50, 50]), NOTHING.astype(int)])
def test_there_is_no_figure_where_sizes_do_not_vary_or_are_not_known(sizes):
    assert size_figure(timings(2), example(sizes), "gmm", ROWS) is None
    assert size_figure(timings(2), None, "gmm", ROWS) is None
