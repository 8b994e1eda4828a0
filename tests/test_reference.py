"""Certificates are given to good chains and to no others; references escalate, and say when they give up."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from pipeline import reference
from pipeline.labels.permuting import all_permutations
from pipeline.labels.runs import USED, Labels
from pipeline.methods.base import Fit, Task
from pipeline.posterior import Posterior
from pipeline.reference import Reference, certify


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


def test_each_attempt_tries_harder():
    attempts = [Reference().sampler(i) for i in (1, 2, 3)]
    assert [a.adapt_delta for a in attempts] == [0.9, 0.99, 0.999]
    assert [a.warmup for a in attempts] == [1000, 2000, 4000]
    assert [a.draws for a in attempts] == [2500, 5000, 10000]
