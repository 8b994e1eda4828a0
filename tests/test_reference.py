"""Certificates are given to good chains and to no others; references escalate, and say when they give up."""

import re
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from scipy import stats

from pipeline import reference, second_opinion
from pipeline.fitting import complete
from pipeline.labels.invariants import invariants
from pipeline.labels.modes import chain_groups
from pipeline.labels.permuting import all_permutations
from pipeline.labels.runs import USED, Labels
from pipeline.methods.base import Fit, Task
from pipeline.methods.nuts import Nuts
from pipeline.posterior import Posterior
from pipeline.reference import Reference, certify
from pipeline.scenarios import get_scenario
from pipeline.scores.density import bridge_sampling
from pipeline.second_opinion import SecondOpinion
from pipeline.seeds import derive_seed
from pipeline.stan.model import BoundModel


def chains(n_draws=1000, seed=0, **changes) -> Fit:
    """Return four chains of independent normal draws, with a sampler's diagnostics."""
    rng = np.random.default_rng(seed)
    shape = (4, n_draws)
    sampler = {
        "lp": rng.normal(size=shape),
        "divergent": np.zeros(shape),
        "energy": rng.normal(size=shape),
        "treedepth": np.full(shape, 3),
    }
    flat = rng.normal(size=(*shape, 2))
    for name, change in changes.items():
        if name == "flat":
            change(flat)
        else:
            change(sampler[name])
    return Fit(flat, [], sampler=sampler)


def shift_first_chain(draws):
    draws[0] += 1


def stick(draws):
    draws[:] = np.repeat(draws[:, ::20], 20, axis=1)[:, : draws.shape[1]]


def one(values):
    values[2, 5] = 12


def walk(values):
    values[1] = np.cumsum(values[1])


def make_nan(draws):
    draws[0, 0] = np.nan


def test_independent_draws_are_certified():
    certificate = certify(chains(), max_treedepth=10)
    assert certificate.certified and certificate.reason == ""
    assert certificate.r_hat_max < 1.01 and certificate.ess_bulk_min > 3000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"flat": shift_first_chain}, "R-hat"),
        ({"lp": shift_first_chain}, "R-hat"),
        ({"flat": stick}, "bulk ESS"),
        ({"divergent": one}, "12 divergences"),
        ({"treedepth": one}, "1 iterations at maximal tree depth"),
        ({"energy": walk}, "E-BFMI"),
        ({"flat": make_nan}, "R-hat nan"),
    ],
)
def test_each_check_can_fail(changes, reason):
    certificate = certify(chains(**changes), max_treedepth=10)
    assert not certificate.certified and reason in certificate.reason


def relabelled(fit, second_mode=()):
    """The posterior of a run whose four chains sit in copies 0 to 3, components at -3, 0 and 3."""
    noise = fit.flat[:, :, 0]
    mu = np.array([-3.0, 0, 3]) + 0.1 * np.random.default_rng(1).normal(size=(*noise.shape, 3))
    for chain in second_mode:
        mu[chain, :, 1] += 2
    permutations = all_permutations(3)[np.arange(4)[:, None] + np.zeros(noise.shape, int)]
    empty = np.zeros((1, 0, 0))
    labels = Labels({"mu": (0,)}, {USED: permutations}, {USED: 0.1}, 0.4 + 0.01 * noise, np.arange(0), empty)
    posterior = Posterior({"mu": mu}, mu, fit.sampler["lp"], {}, labels=labels)
    return replace(fit, flat=labels.raw({"mu": mu})["mu"]), posterior


def test_chains_in_different_copies_are_certified_once_relabelled():
    fit, posterior = relabelled(chains())
    raw = certify(fit, 10)
    assert not raw.certified and raw.r_hat_max > 1.5 and raw.r_hat_raw is None
    certificate = certify(fit, 10, posterior)
    assert certificate.certified and certificate.r_hat_max < 1.01 and certificate.ess_bulk_min > 3000
    assert certificate.r_hat_raw == raw.r_hat_max


def test_genuine_modes_are_refused_by_name():
    fit, posterior = relabelled(chains(), second_mode=(1, 2))
    certificate = certify(fit, 10, posterior)
    assert not certificate.certified
    assert certificate.reason.startswith("genuine modes") and "sorted mu" in certificate.reason
    assert "chains 2, 3" in certificate.reason and "chains 1, 4" in certificate.reason


@dataclass(frozen=True)
class FakeSampler:
    """Returns chains that are good from a given attempt on."""

    draws: int
    good: bool
    max_treedepth: int = 10

    def fit(self, task):
        return chains(self.draws, **({} if self.good else {"flat": shift_first_chain}))


@pytest.mark.parametrize("good_from", [1, 2, 3, 4])
def test_references_escalate_until_certified(good_from, monkeypatch):
    settings = Reference(draws=500)
    monkeypatch.setattr(
        reference.Reference,
        "sampler",
        lambda self, attempt: FakeSampler(500 * 2 ** (attempt - 1), attempt >= good_from),
    )
    task = Task(None, None, None, seed=1, cores=1)  # type: ignore[arg-type]
    fit, rows = settings.run(task)
    assert fit.flat.shape == (4, 500, 2), "every attempt hands over the same number of draws"
    assert [row["attempt"] for row in rows] == list(range(1, min(good_from, 3) + 1))
    assert rows[-1]["certified"] == (good_from <= 3)
    assert all(not row["certified"] for row in rows[:-1])


class Exchangeable:
    label_axes: ClassVar = {"mu": (0,)}


def opinion(disagreement="", reason=""):
    """What importance sampling says: draws of its own, their certificate, and whether NUTS differs."""
    fit = chains(500, seed=9)
    k_hat, ess = 0.9 if reason == "k-hat" else 0.2, 566.0 if reason == "too few" else 9000.0
    certificate = replace(certify(fit, 10), pareto_k=k_hat, ess_weights=ess)
    return SecondOpinion(fit, certificate, disagreement, "drawn by importance sampling")


@pytest.mark.parametrize(
    ("good_from", "said", "attempts", "certified", "weighed"),
    [
        (1, opinion(), 1, [True], "agrees"),
        (1, opinion("the mean differs"), 1, [False, True], "the mean differs"),
        (1, opinion("the mean differs", "k-hat"), 1, [True], "unusable: k-hat 0.90 (must be < 0.7)"),
        (1, opinion("the mean differs", "too few"), 3, [False] * 3, "unusable: 566 effective draws"),
        (1, None, 1, [True], "not tried: more than 24 labellings"),
        (4, opinion("the mean differs"), 1, [False, True], "the mean differs"),
        (4, opinion(), 1, [False, True], "agrees"),
        (3, opinion("", "k-hat"), 3, [False, False, True], "unusable: k-hat 0.90 (must be < 0.7)"),
        (4, None, 3, [False, False, False], "not tried: more than 24 labellings"),
    ],
)
def test_importance_sampling_confirms_or_takes_the_place(
    good_from, said, attempts, certified, weighed, monkeypatch
):
    asked = []
    monkeypatch.setattr(
        reference.Reference,
        "sampler",
        lambda self, attempt: FakeSampler(500 * 2 ** (attempt - 1), attempt >= good_from),
    )
    monkeypatch.setattr(second_opinion, "second_opinion", lambda *a: asked.append(a) or said)
    monkeypatch.setattr(reference, "certify", lambda fit, depth, posterior: certify(fit, depth))
    task = Task(Exchangeable(), None, None, seed=1, cores=1)  # type: ignore[arg-type]
    fit, rows = Reference(draws=500).run(task, lambda fit: "posterior")  # type: ignore[arg-type,return-value]
    assert len(asked) == attempts
    assert [row["certified"] for row in rows] == certified
    assert rows[attempts - 1]["weighed"].startswith(weighed)
    assert [row["attempt"] for row in rows] == list(range(1, len(rows) + 1))
    if len(rows) > attempts:
        assert said is not None and np.shares_memory(fit.flat, said.fit.flat)
        assert rows[-1]["pareto_k"] == 0.2 and rows[-1]["reason"].startswith("drawn by importance sampling")
        assert rows[-2]["reason"] in rows[-1]["reason"] and rows[-2]["reason"]


def test_a_run_stands_where_importance_sampling_fails_and_the_record_says_so(monkeypatch):
    def fail(*_):
        raise ValueError("no such simplex")

    monkeypatch.setattr(reference.Reference, "sampler", lambda self, attempt: FakeSampler(500, True))
    monkeypatch.setattr(second_opinion, "second_opinion", fail)
    monkeypatch.setattr(reference, "certify", lambda fit, depth, posterior: certify(fit, depth))
    task = Task(Exchangeable(), None, None, seed=1, cores=1)  # type: ignore[arg-type]
    _, (row,) = Reference(draws=500).run(task, lambda fit: "posterior")  # type: ignore[arg-type,return-value]
    assert row["certified"] and row["weighed"] == "unusable: ValueError: no such simplex"


def test_where_labels_are_known_importance_sampling_is_the_last_resort(monkeypatch):
    asked = []
    monkeypatch.setattr(
        reference.Reference, "sampler", lambda self, attempt: FakeSampler(500 * 2 ** (attempt - 1), False)
    )
    monkeypatch.setattr(second_opinion, "second_opinion", lambda *a: asked.append(a) or opinion())

    class Known:
        label_axes: ClassVar = {}

    task = Task(Known(), None, None, seed=1, cores=1)  # type: ignore[arg-type]
    _, rows = Reference(draws=500).run(task, lambda fit: "posterior")  # type: ignore[arg-type,return-value]
    assert len(asked) == 1 and asked[0][1].flat.shape == (4, 2000, 2)
    assert [row["certified"] for row in rows] == [False, False, False, True]


@pytest.mark.slow
def test_genuine_modes_are_weighed_as_bridge_sampling_weighs_them(built_model, tmp_path):
    """Data set 3 of the default run: chains of NUTS stay in the mode that they found first."""
    scenario = get_scenario("gmm-exchangeable", {})
    (data,) = scenario.data_sets([derive_seed(20261121, "gmm-exchangeable", 3, "", "simulate")])
    model = BoundModel(
        built_model(scenario.stan_file), scenario.stan_data(data), scenario.parameter_shapes, tmp_path
    )

    def completed(fit):
        return complete(task, fit)

    task = Task(scenario, data, model, seed=5, cores=2)
    _, rows = Reference(draws=1000, warmup=500).run(task, completed)
    # With this seed all four chains are in one mode, and pass every check of their own.
    assert rows[0]["r_hat_max"] < 1.01 and not rows[0]["certified"] and rows[-1]["certified"], rows
    assert "importance sampling" in rows[0]["reason"]
    shares = [float(text) / 100 for text in re.findall(r"([0-9.]+)%", rows[-1]["reason"])]
    assert len(shares) >= 2

    posterior = completed(Nuts(chains=8, warmup=500, draws=1000, adapt_delta=0.9).fit(task))
    together = posterior.labels.together  # type: ignore[union-attr]
    groups = chain_groups(invariants(posterior.parameters, scenario.label_axes, posterior.log_p, together))
    assert len(groups) == 2
    log_evidence = []
    for group in groups:
        x = posterior.unconstrained[group].reshape(-1, model.dim)
        density = stats.multivariate_normal(x.mean(axis=0), np.cov(x.T))
        proposed = density.rvs(4000, random_state=1)
        found = bridge_sampling(
            posterior.log_p[group] - density.logpdf(x).reshape(len(group), -1),
            model.log_density(proposed) - density.logpdf(proposed),
        )
        log_evidence.append(found.log_evidence)
    expected = np.exp(log_evidence) / np.exp(log_evidence).sum()
    np.testing.assert_allclose(shares[:2], np.sort(expected)[::-1], atol=0.06)


def test_each_attempt_tries_harder():
    attempts = [Reference().sampler(i) for i in (1, 2, 3)]
    assert [a.adapt_delta for a in attempts] == [0.9, 0.99, 0.999]
    assert [a.warmup for a in attempts] == [1000, 2000, 4000]
    assert [a.draws for a in attempts] == [2500, 5000, 10000]
