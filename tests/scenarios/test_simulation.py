"""The simulators against the prior predictive in closed form and against a slow, independent simulator."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from pipeline.scenarios import get_scenario, simulation

from . import slow_simulators

N_SLOW = 300
SLOW = {"gmm-ordered": slow_simulators.gmm_ordered, "hmm-ordered": slow_simulators.hmm_ordered}

SIZES = {"gmm-ordered": [(150, 250), (2, 4)], "hmm-ordered": [(100, 100), (2, 5)]}


@pytest.fixture(scope="module")
def many():
    """8,000 data sets of each scenario."""
    return {name: get_scenario(name).data_sets(range(8_000)) for name in SLOW}


def assert_mean(values, expected):
    """The mean of independent values lies within five standard errors of the expected one."""
    values = np.asarray(values, dtype=float)
    assert abs(values.mean() - expected) < 5 * values.std() / np.sqrt(len(values))


def gmm_mean_moments():
    """E[mu] and E[mu^2] of Normal([-2, 0, 2], 1) in increasing order, by quadrature over the two gaps."""
    gaps = stats.multivariate_normal(np.array([2, 2]), np.array([[2, -1], [-1, 2]]))  # pyright: ignore[reportArgumentType]

    def expect(function):
        return integrate.dblquad(lambda b, a: function(a, b) * gaps.pdf([a, b]), 0, 12, 0, 12, epsabs=1e-7)[0]

    # Given the gaps, the mean of the three means is still Normal(0, 1/3).
    probability = expect(lambda a, b: 1.0)
    first = expect(lambda a, b: (-2 * a - b) / 3) / probability
    first_square = expect(lambda a, b: ((-2 * a - b) / 3) ** 2) / probability + 1 / 3
    middle_square = expect(lambda a, b: ((a - b) / 3) ** 2) / probability + 1 / 3
    return [first, 0, -first], [first_square, middle_square, first_square]


@pytest.mark.slow
def test_gmm_means_and_weights(many):
    data_sets = many["gmm-ordered"]
    mu = np.array([data.theta["mu"] for data in data_sets])
    pi = np.array([data.theta["pi"] for data in data_sets])
    for k, (mean, mean_square) in enumerate(zip(*gmm_mean_moments(), strict=True)):
        assert_mean(mu[:, k], mean)
        assert_mean(mu[:, k] ** 2, mean_square)
        # A weight of Dirichlet(2, 2, 2) is Beta(2, 4).
        assert stats.kstest(pi[:, k], stats.beta(2, 4).cdf).pvalue > 1e-4


def test_gmm_observations(many):
    data_sets = many["gmm-ordered"]
    mean_square = np.mean(gmm_mean_moments()[1])  # weights are exchangeable
    assert_mean([data.y[0, 0] for data in data_sets], 0)
    assert_mean([data.y[-1, 1] ** 2 for data in data_sets], 1 + mean_square)
    assert_mean([data.y[5, 0] * data.y[5, 1] for data in data_sets], mean_square)  # replicates share z
    # Two observations share theta but not z: E[y_1 y_2] = E[(sum_k pi_k mu_k)^2].
    first, squares = gmm_mean_moments()
    same, cross = 2 * 3 / (6 * 7), 2 * 2 / (6 * 7)  # E[pi_k^2] and E[pi_j pi_k] of Dirichlet(2, 2, 2)
    sum_variance = 3  # of mu_1 + mu_2 + mu_3, whose mean is zero
    expected = same * sum(squares) + cross * (sum_variance - sum(squares))
    assert_mean([data.y[0, 0] * data.y[1, 0] for data in data_sets], expected)
    assert first[1] == 0


def test_hmm_means_and_transitions(many):
    data_sets = many["hmm-ordered"]
    mu = np.array([data.theta["mu"] for data in data_sets])
    # The gap of two normals is Normal(2, 2) truncated at zero; their sum is Normal(0, 2), whatever the gap.
    gap = stats.truncnorm(-2 / np.sqrt(2), np.inf, loc=2, scale=np.sqrt(2))
    assert stats.kstest(mu[:, 1] - mu[:, 0], gap.cdf).pvalue > 1e-4
    assert stats.kstest(mu.sum(axis=1), stats.norm(0, np.sqrt(2)).cdf).pvalue > 1e-4
    for state in range(2):
        p_stay = np.array([data.theta["p_stay"][state] for data in data_sets])
        assert stats.kstest(p_stay, stats.beta(2, 2).cdf).pvalue > 1e-4
        stays = np.array([(data.z[1:] == state)[data.z[:-1] == state].sum() for data in data_sets])
        visits = np.array([(data.z[:-1] == state).sum() for data in data_sets])
        assert_mean(stays - visits * p_stay, 0)
        assert_mean((stays - visits * p_stay) ** 2 - visits * p_stay * (1 - p_stay), 0)
    assert_mean([data.z[0] for data in data_sets], 0.5)


def test_hmm_observations(many):
    data_sets = many["hmm-ordered"]
    gap = stats.truncnorm(-2 / np.sqrt(2), np.inf, loc=2, scale=np.sqrt(2))
    # By symmetry both states are equally likely at any time; E[mu_k^2] = (E[sum^2] + E[gap^2]) / 4.
    mean_square = (2 + gap.moment(2)) / 4
    assert_mean([data.y[0, 0] for data in data_sets], 0)
    assert_mean([data.y[-1, 1] ** 2 for data in data_sets], 1 + mean_square)
    assert_mean([data.y[50, 0] * data.y[50, 1] for data in data_sets], mean_square)
    # E[mu_z1 mu_z2]: the first state is a fair coin and stays with probability E[p_stay] = 1/2.
    assert_mean(
        [data.y[0, 0] * data.y[1, 0] for data in data_sets], 0.5 * mean_square + 0.5 * (2 - gap.moment(2)) / 4
    )


@pytest.mark.parametrize("name", SLOW)
def test_sizes_are_uniform(many, name):
    for axis, (low, high) in enumerate(SIZES[name]):
        sizes = np.array([data.y.shape[axis] for data in many[name]])
        counts = np.array([(sizes == size).sum() for size in range(low, high + 1)])
        assert counts.sum() == len(sizes)
        if high > low:
            assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("name", SLOW)
def test_noise_is_standard_normal_and_independent_of_the_rest(many, name):
    noise = np.array([(data.y - data.theta["mu"][data.z][:, None])[:3, :2].ravel() for data in many[name]])
    for values in noise.T:
        assert stats.kstest(values, stats.norm.cdf).pvalue > 1e-4
    correlation = np.corrcoef(noise.T) - np.eye(noise.shape[1])
    assert np.abs(correlation).max() < 5 / np.sqrt(len(noise))


def summaries(y, theta, z):
    """Statistics of a data set that see its sizes, parameters, states, dependence and noise."""
    row_means = y.mean(axis=1)
    return [
        *y.shape,
        *np.concatenate(list(theta.values())),
        z.mean(),
        (z[1:] == z[:-1]).mean(),
        y.mean(),
        y.std(),
        row_means.std(),
        y.std(axis=1).mean(),
        np.corrcoef(row_means[1:], row_means[:-1])[0, 1],
        y.min(),
        y.max(),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_same_distribution_as_the_slow_simulator(many, name):
    rng = random.Random(4)
    slow = np.array([summaries(*SLOW[name](rng)) for _ in range(N_SLOW)])
    fast = np.array([summaries(data.y, data.theta, data.z) for data in many[name][:4000]])
    for i in range(slow.shape[1]):
        _, p_value = stats.ks_2samp(slow[:, i], fast[:, i])
        assert p_value > 1e-4, i  # pyright: ignore[reportOperatorIssue]


def test_settings_are_followed():
    block = {
        "mu_mean": [0, 100],
        "mu_sd": 0.1,
        "pi_concentration": [1, 1e6],
        "sd": 0.01,
        "n_obs": [7, 7],
        "n_rep": [1, 1],
    }
    (mixture,) = get_scenario("gmm-ordered", block).data_sets([1])
    assert mixture.y.shape == (7, 1)
    np.testing.assert_allclose(mixture.y, 100, atol=1)
    block = {
        "mu_mean": [0, 100],
        "mu_sd": 0.1,
        "p_stay_shape": [1, 1e9],
        "initial": [1, 0],
        "sd": 0.01,
        "n_times": 9,
    }
    (chain,) = get_scenario("hmm-ordered", {**block, "n_rep": [3, 3]}).data_sets([1])
    assert chain.z is not None
    assert chain.y.shape == (9, 3)
    np.testing.assert_array_equal(chain.z, [0, 1] * 4 + [0])
    np.testing.assert_allclose(chain.y, 100 * chain.z[:, None] + np.zeros(3), atol=1)


@pytest.mark.slow
def test_exchangeable_mixtures_are_drawn_from_their_prior():
    scenario = get_scenario("gmm-exchangeable")
    data_sets = scenario.data_sets(range(4000))
    pi, mu, sd = (np.array([data.theta[name] for data in data_sets]) for name in ("pi", "mu", "sd"))
    for k in range(3):
        assert stats.kstest(pi[:, k], stats.beta(4, 8).cdf).pvalue > 1e-4
        assert stats.kstest(mu[:, k], stats.norm(0, 5).cdf).pvalue > 1e-4
        assert stats.kstest(sd[:, k] ** 2, stats.invgamma(5, scale=5).cdf).pvalue > 1e-4
    # E[y] = 0; E[y^2] = E[mu^2] + E[sd^2], the latter 5 / (5 - 1).
    assert_mean([data.y[0, 0] for data in data_sets], 0)
    assert_mean([data.y[-1, 0] ** 2 for data in data_sets], 25 + 1.25)
    # Two observations share a component with probability E[sum pi_k^2] = 3 * 4 * 5 / (12 * 13).
    assert_mean([data.z[0] == data.z[1] for data in data_sets], 60 / 156)
    assert_mean([data.y[0, 0] * data.y[1, 0] for data in data_sets], 25 * 60 / 156)
    assert_mean([data.z[2] for data in data_sets], 1)  # labels are exchangeable
    for data in data_sets[:200]:
        residual = (data.y[:, 0] - data.theta["mu"][data.z]) / data.theta["sd"][data.z]
        assert abs(residual.mean()) < 5 / np.sqrt(len(residual))
        assert 150 <= len(data.y) <= 250


@pytest.mark.slow
@pytest.mark.parametrize("n_dims", [2, 3])
def test_multivariate_mixtures_are_drawn_from_their_prior(n_dims):
    scenario = get_scenario("gmm-multivariate", {"n_dims": n_dims})
    data_sets = scenario.data_sets(range(3000))
    pi, mu, sd = (np.array([data.theta[name] for data in data_sets]) for name in ("pi", "mu", "sd"))
    for k in range(3):
        assert stats.kstest(pi[:, k], stats.beta(4, 8).cdf).pvalue > 1e-4
        for d in range(n_dims):
            assert stats.kstest(mu[:, k, d], stats.norm(0, 3).cdf).pvalue > 1e-4
            assert stats.kstest(sd[:, k, d] ** 2, stats.invgamma(5, scale=5).cdf).pvalue > 1e-4
    assert_mean([data.y[-1, 0] ** 2 for data in data_sets], 9 + 1.25)
    # Dimensions share the component and nothing else.
    assert_mean([data.y[0, 0] * data.y[0, 1] for data in data_sets], 0)
    assert_mean([data.z[0] == data.z[1] for data in data_sets], 60 / 156)
    assert_mean([data.y[0, 1] * data.y[1, 1] for data in data_sets], 9 * 60 / 156)
    residual = [((d.y - d.theta["mu"][d.z]) / d.theta["sd"][d.z])[:3] for d in data_sets]
    assert stats.kstest(np.concatenate(residual).ravel(), stats.norm.cdf).pvalue > 1e-4


def test_separation_of_multivariate_mixtures_is_kept():
    scenario = get_scenario("gmm-multivariate", {"separation": [3, 4], "n_obs": [20, 30]})
    for data in scenario.data_sets(range(30)):
        mu, sd = data.theta["mu"], data.theta["sd"]
        apart = [
            np.sqrt(sum((mu[i, d] - mu[j, d]) ** 2 / ((sd[i, d] ** 2 + sd[j, d] ** 2) / 2) for d in range(2)))
            for i, j in ((0, 1), (0, 2), (1, 2))
        ]
        assert 3 <= min(apart) <= 4
        assert 20 <= len(data.y) <= 30


def test_exchangeable_hmms_are_drawn_from_their_prior():
    data_sets = get_scenario("hmm-exchangeable", {"n_times": 30}).data_sets(range(3000))
    transition, mu, sd = (np.array([d.theta[name] for d in data_sets]) for name in ("transition", "mu", "sd"))
    for k in range(3):
        assert stats.kstest(transition[:, k, (k + 1) % 3], stats.beta(1, 2).cdf).pvalue > 1e-4
        assert stats.kstest(mu[:, k], stats.norm(0, 5).cdf).pvalue > 1e-4
        assert stats.kstest(sd[:, k] ** 2, stats.invgamma(5, scale=5).cdf).pvalue > 1e-4
        assert_mean([(data.z[0] == k) for data in data_sets], 1 / 3)
        stays = np.array([((data.z[1:] == k) & (data.z[:-1] == k)).sum() for data in data_sets])
        visits = np.array([(data.z[:-1] == k).sum() for data in data_sets])
        assert_mean(stays - visits * transition[:, k, k], 0)
    assert_mean([data.y[-1, 0] ** 2 for data in data_sets], 25 + 1.25)
    residual = [(d.y[:, 0] - d.theta["mu"][d.z]) / d.theta["sd"][d.z] for d in data_sets]
    assert stats.kstest(np.concatenate(residual)[::7], stats.norm.cdf).pvalue > 1e-4


def test_the_ordered_twin_of_an_hmm_has_the_same_data_with_all_parameters_renamed():
    data_sets = get_scenario("hmm-exchangeable").data_sets(range(20))
    twins = get_scenario("hmm-exchangeable", {"ordered": True}).data_sets(range(20))
    for data, twin in zip(data_sets, twins, strict=True):
        np.testing.assert_array_equal(twin.y, data.y)
        order = np.argsort(data.theta["mu"])
        np.testing.assert_array_equal(order[twin.z], data.z)
        for name in ("mu", "sd"):
            np.testing.assert_array_equal(twin.theta[name], data.theta[name][order])
        np.testing.assert_array_equal(
            twin.theta["transition"], data.theta["transition"][np.ix_(order, order)]
        )


def test_separation_is_kept_and_the_ordered_twin_has_the_same_data():
    block = {"n_components": 4, "separation": [1.0, 2.0], "n_obs": [40, 60]}
    scenario = get_scenario("gmm-exchangeable", block)
    twin = get_scenario("gmm-exchangeable", {**block, "ordered": True})
    for data, ordered in zip(scenario.data_sets(range(50)), twin.data_sets(range(50)), strict=True):
        order = np.argsort(data.theta["mu"])
        mu, sd = data.theta["mu"][order], data.theta["sd"][order]
        assert 1 <= (np.diff(mu) / np.sqrt((sd[1:] ** 2 + sd[:-1] ** 2) / 2)).min() <= 2
        np.testing.assert_array_equal(ordered.y, data.y)
        np.testing.assert_array_equal(ordered.theta["mu"], mu)
        np.testing.assert_array_equal(order[ordered.z], data.z)


@given(st.floats(0, 1, exclude_max=True), st.lists(st.floats(0.01, 1), min_size=2, max_size=5))
def test_a_category_is_where_its_uniform_falls(uniform, weights):
    probabilities = np.array(weights) / sum(weights)
    category = simulation.draw_categories(np.array(uniform), probabilities)
    assert probabilities[:category].sum() <= uniform + 1e-12
    assert uniform - 1e-12 <= probabilities[: category + 1].sum()


def test_no_uniform_falls_outside_probabilities_that_sum_to_less_than_one():
    largest = np.nextafter(1.0, 0.0)
    assert simulation.draw_categories(np.array(largest), np.full(10, 0.1 - 1e-12)) == 9
