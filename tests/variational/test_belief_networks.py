"""Bounds on sigmoid belief networks against sums written out naively, and what must hold between them."""

import itertools
import math

import jax
import numpy as np
import pandas as pd
import pytest
from jax.flatten_util import ravel_pytree
from scipy.optimize import check_grad

from pipeline.variational import belief_experiment as experiment
from pipeline.variational import belief_networks as bn


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def errors():
    """Fits of one and two components: each further one takes half a minute to compile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "COMPONENTS", (1, 2))
        return experiment.fit_networks(5, range(8))


def network(seed=1):
    return bn.random_network(np.random.default_rng(seed))


def mixture(count, seed=2):
    rng = np.random.default_rng(seed)
    return bn.Mixture(rng.standard_normal(count), 1.5 * rng.standard_normal((count, bn.N_HIDDEN)))


def aids(count, seed=3):
    rng = np.random.default_rng(seed)
    return bn.Aids(
        rng.standard_normal((count, bn.N_SOFTPLUS)), 0.3 * rng.standard_normal((count, bn.N_HIDDEN))
    )


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def naive_probability(net, hidden):
    """Return P(S, V = 0), unit by unit."""
    top, middle = hidden[: bn.N_TOP], hidden[bn.N_TOP :]
    on = [sigmoid(b) for b in net.top_bias]
    for weights, b in zip(net.middle_weight, net.middle_bias, strict=True):
        on.append(sigmoid(b + sum(w * s for w, s in zip(weights, top, strict=True))))
    total = math.prod(p if s else 1 - p for p, s in zip(on, hidden, strict=True))
    for weights, b in zip(net.visible_weight, net.visible_bias, strict=True):
        total *= 1 - sigmoid(b + sum(w * s for w, s in zip(weights, middle, strict=True)))
    return total


def naive_components(mix, hidden):
    """Return Q_m(S) of every component."""
    each = []
    for logits in mix.logit_mean:
        on = [sigmoid(u) for u in logits]
        each.append(math.prod(p if s else 1 - p for p, s in zip(on, hidden, strict=True)))
    return np.array(each)


def hidden_states():
    return list(itertools.product((0, 1), repeat=bn.N_HIDDEN))


def weights(mix):
    return np.exp(mix.logit_weight) / np.exp(mix.logit_weight).sum()


@pytest.mark.parametrize("seed", range(3))
def test_the_evidence_is_the_naive_sum(seed):
    total = sum(naive_probability(network(seed), hidden) for hidden in hidden_states())
    assert float(bn.log_evidence(network(seed))) == pytest.approx(math.log(total), abs=1e-12)


def test_all_states_of_all_units_have_probability_one():
    # With the visible units free, their factors sum to one: the hidden ones' prior is left.
    net = network(7)
    free = net._replace(visible_weight=np.zeros_like(net.visible_weight), visible_bias=np.full(6, -50.0))
    assert float(bn.log_evidence(free)) == pytest.approx(0, abs=1e-12)


def test_the_exact_elbo_is_the_naive_sum():
    mix, total = mixture(3), 0.0
    for hidden in hidden_states():
        q = weights(mix) @ naive_components(mix, hidden)
        total += q * (math.log(naive_probability(network(), hidden)) - math.log(q))
    assert float(bn.exact_elbo(mix, bn.log_joint(network()))) == pytest.approx(total, abs=1e-12)


def test_the_elbo_of_the_exact_posterior_is_the_evidence():
    # A component for each state, with that state's posterior probability, is the posterior itself.
    log_p = np.asarray(bn.log_joint(network()))
    exact = bn.Mixture(log_p, 80 * (bn.STATES - 0.5))
    assert float(bn.exact_elbo(exact, log_p)) == pytest.approx(float(bn.log_evidence(network())), abs=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_bounds_are_in_order(seed):
    net, mix = network(seed), mixture(3, seed)
    bound = float(bn.paper_bound(mix, aids(3, seed), net))
    elbo = float(bn.exact_elbo(mix, bn.log_joint(net)))
    assert bound < elbo < float(bn.log_evidence(net))


def test_the_bound_of_one_component_is_the_formula_summed_over_states():
    net, one, helped = network(), mixture(1), aids(1)
    total = 0.0
    moments = np.zeros((2, bn.N_SOFTPLUS))
    for hidden in hidden_states():
        q = naive_components(one, hidden)[0]
        z = np.concatenate(
            [
                net.middle_bias + net.middle_weight @ hidden[: bn.N_TOP],
                net.visible_bias + net.visible_weight @ hidden[bn.N_TOP :],
            ]
        )
        xi = helped.xi[0]
        prior = sum(s * b - math.log1p(math.exp(b)) for s, b in zip(hidden, net.top_bias, strict=False))
        linear = prior + np.dot(hidden[bn.N_TOP :], z[: bn.N_MIDDLE]) - math.log(q)
        total += q * (linear - (xi * z).sum())
        moments += q * np.stack([np.exp(-xi * z), np.exp((1 - xi) * z)])
    total -= np.log(moments.sum(0)).sum()
    found = float(bn.component_bound(one.logit_mean[0], helped.xi[0], net))
    assert found == pytest.approx(total, abs=1e-12)


def test_the_information_bound_is_the_papers_formula_and_below_the_information():
    mix, helped = mixture(3), aids(3)
    alpha = weights(mix)
    smoothed, log_r, information = np.zeros(3), np.zeros(3), 0.0
    for hidden in hidden_states():
        q = naive_components(mix, hidden)
        information += sum(alpha * q * np.log(q / (alpha @ q)))
        log_r += q * (helped.log_odds @ hidden)
        smoothed += np.exp(helped.log_odds @ hidden) * (alpha @ q)
    best = alpha / smoothed

    def papers(lam):
        return alpha @ log_r - alpha @ np.log(alpha) - lam @ smoothed + alpha @ np.log(lam) + 1

    found = float(bn.information_bound(mix, helped.log_odds))
    assert found == pytest.approx(papers(best), abs=1e-12)
    assert papers(1.1 * best) < found < information


def test_one_component_has_no_information():
    assert float(bn.information_bound(mixture(1), np.zeros((1, bn.N_HIDDEN)))) == pytest.approx(0, abs=1e-14)
    assert float(bn.information_bound(mixture(1), aids(1).log_odds)) < 0


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("name", ["elbo", "bound"])
def test_gradients_are_those_of_finite_differences(name, count):
    tree = mixture(count) if name == "elbo" else (mixture(count), aids(count))
    start, unravel = ravel_pytree(tree)
    objective = experiment.elbo_objective if name == "elbo" else experiment.bound_objective
    data = bn.log_joint(network()) if name == "elbo" else network()
    function = jax.jit(lambda x: objective(unravel(x), data))
    gradient = jax.jit(jax.grad(function))
    error = check_grad(lambda x: float(function(x)), lambda x: np.asarray(gradient(x)), np.asarray(start))
    assert error < 1e-5 * np.linalg.norm(gradient(start))


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_a_split_without_a_push_changes_no_bound(rank):
    many = jax.tree.map(lambda leaf: np.asarray(leaf)[None], (mixture(2), aids(2)))
    chosen = experiment.split_index(many[0], rank)
    halved = experiment.split(many[0], rank, np.zeros((1, bn.N_HIDDEN)))
    helped = bn.Aids(*(leaf[0][[0, 1, chosen[0]]] for leaf in many[1]))
    after = jax.tree.map(lambda leaf: leaf[0], halved)
    log_p = bn.log_joint(network())
    assert float(bn.exact_elbo(after, log_p)) == pytest.approx(float(bn.exact_elbo(mixture(2), log_p)))
    assert float(bn.paper_bound(after, helped, network())) == pytest.approx(
        float(bn.paper_bound(mixture(2), aids(2), network()))
    )


@pytest.mark.slow
def test_fits_are_bounds_that_never_fall_with_components(errors):
    assert (errors["bound"] <= errors["elbo_at_bound"]).all()
    assert (errors["elbo_at_bound"] <= errors["elbo"] + 1e-4).mean() > 0.9  # both are local optima
    assert (errors["elbo"] <= errors["log_evidence"] + 1e-12).all()
    for name in ("bound", "elbo"):
        by_count = errors.pivot_table(index="network", columns="components", values=name)
        assert (by_count.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)


@pytest.mark.slow
def test_a_networks_fit_does_not_depend_on_its_neighbours(errors, monkeypatch):
    monkeypatch.setattr(experiment, "COMPONENTS", (1, 2))
    alone = experiment.fit_networks(5, [6])
    together = errors[errors["network"] == 6].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, together, rtol=1e-6)


def test_a_killed_run_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    calls = []

    def made_up(root_seed, numbers):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(list(numbers))
        rows = [(i, m, -4.0) for i in numbers for m in experiment.COMPONENTS]
        table = pd.DataFrame(rows, columns=["network", "components", "log_evidence"])
        share = 0.01 * table["network"] / table["components"]
        kinds = {f"{name}_error": share for name in ("bound", "elbo_at_bound", "elbo")}
        return table.assign(**kinds, bound_converged=True, elbo_converged=table["network"] > 0)

    monkeypatch.setattr(experiment, "fit_networks", made_up)
    monkeypatch.setattr(experiment, "PIECE", 2)
    files = tmp_path / "errors.parquet", tmp_path / "summary.csv"
    with pytest.raises(KeyboardInterrupt):
        experiment.run_experiment(1, 5, *files)
    assert not files[0].exists()
    kept, calls[:] = list(calls), []
    experiment.run_experiment(1, 5, *files)
    assert kept == [[0, 1], [2, 3]] and calls == [[4]]
    assert "5 of 5 networks" in capsys.readouterr().err
    assert pd.read_parquet(files[0])["network"].nunique() == 5
    summary = pd.read_csv(files[1]).set_index("components")
    assert summary["elbo_unconverged"].tolist() == [1] * 5
    np.testing.assert_allclose(summary["bound"], 0.02 / summary.index)
    np.testing.assert_allclose(
        summary["bound_mcse"], np.std([0, 0.01, 0.02, 0.03, 0.04], ddof=1) / 5**0.5 / summary.index
    )
    assert list(tmp_path.glob("pieces")) == []
