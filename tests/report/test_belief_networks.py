"""The belief-network page: one file, the table's numbers, sentences that say what came out."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from pipeline.report.belief_networks import KINDS, histograms, render_belief_networks, sentences
from pipeline.variational.belief_experiment import COMPONENTS, PAPER_ERRORS, summarise
from tests.report.pages import Page


@pytest.fixture(scope="module")
def errors():
    rng = np.random.default_rng(0)
    rows = [(i, m) for i in range(300) for m in COMPONENTS]
    table = pd.DataFrame(rows, columns=["network", "components"])
    paper = table["components"].map(PAPER_ERRORS)
    return table.assign(
        bound_error=paper * rng.gamma(4, 1.2 / 4, len(table)),
        elbo_at_bound_error=0.8 * paper,
        elbo_error=0.5 * paper * rng.gamma(4, 1 / 4, len(table)),
        bound_converged=table["network"] > 1,
        elbo_converged=True,
    )


def test_the_page_has_the_table_and_loads_nothing(errors):
    html = render_belief_networks(errors, summarise(errors), 7)
    page = Page(html)
    rows = page.table("errors")
    assert [float(row["paper"]) for row in rows] == list(PAPER_ERRORS.values())
    means = errors.groupby("components")["elbo_error"].mean()
    np.testing.assert_allclose([float(row["elbo"]) for row in rows], means, rtol=1e-8)
    assert [row["bound_unconverged"] for row in rows] == ["2"] * 5
    assert len(page.root.all("figure")) == len(KINDS) * len(COMPONENTS)
    assert not [e for e in page.root.all() if {"src", "srcset", "action"} & e.attributes.keys()]
    ids = {e.attributes.get("id") for e in page.root.all()}
    links = [e.attributes["href"] or "" for e in page.root.all("a")]
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    assert "--config seed=7 belief_networks=300" in html


def test_sentences_say_which_errors_are_above_the_papers(errors):
    bound, elbo = sentences(summarise(errors))
    assert "above the paper’s for M = 1 by" in bound and "did not converge: 10 of 1,500" in bound
    assert "at or below the paper’s for every M" in elbo and "did not converge: 0 of 1,500" in elbo


def test_histograms_count_every_network_once(errors):
    for figure in histograms(errors, "bound"):
        bars = figure.spec["datasets"]["d0"]
        assert sum(bar["networks"] for bar in bars) == 300
        assert all(one["high"] == other["low"] for one, other in pairwise(bars))
