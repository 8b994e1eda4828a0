import numpy as np
import pytest
from scipy.stats import norm, t

from pipeline.scores.density import bridge_sampling, divergences, pareto_k
from pipeline.scores.monte_carlo import effective_size

LOG_Z = 3.0


def log_ratio(x, shift, scale):
    """Return log p - log q with p = Z N(0, I) and q = N(shift, scale^2 I)."""
    return LOG_Z + (norm.logpdf(x) - norm.logpdf(x, shift, scale)).sum(axis=-1)


def ratios(seed, autoregressive, shift, scale, dim=2, draws=500):
    reference = autoregressive(seed, 4, draws, dim=dim).reshape(4, draws, dim)
    proposal = np.random.default_rng(10_000 + seed).normal(shift, scale, size=(1000, dim))
    return log_ratio(reference, shift, scale), log_ratio(proposal, shift, scale)


def kl_to_reference(*found):
    return divergences(*found).kl_to_reference


def evidence_gap(*found):
    return divergences(*found).evidence_gap


def divergence(shift, scale, dim=2):
    return dim * (np.log(scale) + (1 + shift**2) / (2 * scale**2) - 0.5)


def other_divergence(shift, scale, dim=2):
    return dim * (-np.log(scale) + (scale**2 + shift**2 - 1) / 2)


CASES = [(0.2, 1.0), (0.0, 0.6), (0.0, 1.5), (1.5, 1.0)]


@pytest.mark.parametrize("shift, scale", CASES)
def test_bridge_finds_the_evidence(shift, scale, autoregressive):
    estimates = [bridge_sampling(*ratios(i, autoregressive, shift, scale)).log_evidence for i in range(20)]
    assert np.mean(estimates) == pytest.approx(LOG_Z, abs=4 * np.std(estimates) / np.sqrt(20) + 1e-6)


def test_bridge_is_the_published_iteration(autoregressive):
    """Meng and Wong's fixed point, iterated with the reference's effective sample size."""
    at_reference, at_proposal = ratios(1, autoregressive, 1.5, 1.0)
    n_reference, n_proposal = effective_size(at_reference), at_proposal.size
    assert n_reference < at_reference.size / 2
    share = n_reference / (n_reference + n_proposal)
    evidence = 1.0
    for _ in range(200):
        over = np.mean(np.exp(at_proposal) / (share * np.exp(at_proposal) + (1 - share) * evidence))
        under = np.mean(1 / (share * np.exp(at_reference) + (1 - share) * evidence))
        evidence = over / under
    assert bridge_sampling(at_reference, at_proposal).log_evidence == pytest.approx(
        np.log(evidence), abs=1e-8
    )


@pytest.mark.parametrize("shift, scale", CASES)
def test_divergence_of_gaussians(shift, scale, autoregressive, check_calibration):
    estimates = [kl_to_reference(*ratios(i, autoregressive, shift, scale)) for i in range(100)]
    check_calibration(estimates, truth=divergence(shift, scale), factor=1.3)


@pytest.mark.parametrize("shift, scale", CASES)
def test_evidence_gap_of_gaussians(shift, scale, autoregressive, check_calibration):
    estimates = [evidence_gap(*ratios(i, autoregressive, shift, scale)) for i in range(100)]
    check_calibration(estimates, truth=other_divergence(shift, scale), factor=1.3)


def test_exact_approximation_has_no_divergence(autoregressive):
    for value, mcse in divergences(*ratios(1, autoregressive, 0.0, 1.0)):
        assert value == pytest.approx(0, abs=1e-9) and mcse < 1e-9


def test_a_missed_mode_is_seen(autoregressive):
    """q covers one of two equal modes, 40 sds apart: KL is 40^2 / 2 for half of the draws, less log 2."""
    reference = autoregressive(1, 4, 2000, correlation=0.0)
    reference = reference + 40 * (np.random.default_rng(2).random(reference.shape) < 0.5)
    proposal = np.random.default_rng(3).normal(size=1000)

    def ratio(x):
        return np.logaddexp(norm.logpdf(x), norm.logpdf(x, 40)) + np.log(0.5) - norm.logpdf(x)

    (value, mcse), gap = divergences(ratio(reference), ratio(proposal))
    assert value == pytest.approx(400 - np.log(2), abs=4 * mcse)
    assert mcse < 10
    assert gap.value == pytest.approx(np.log(2), abs=4 * gap.mcse) and gap.mcse < 0.1  # one copy of two
    assert pareto_k(ratio(proposal)).value < 0.5  # blind to the mode, as documented


NO_OVERLAP = [(1, 8, 1), (1, 12, 1), (20, 0, 0.1), (40, 0, 5), (1, 10, 0.5), (1, 100, 1), (1, 100, 0.1)]


@pytest.mark.parametrize("dim, shift, scale", NO_OVERLAP)
def test_error_is_honest_without_overlap(dim, shift, scale, autoregressive):
    """Where q hardly meets p the draws cannot tell log Z, and the reported error must say so."""
    for seed in range(5):
        forward, backward = divergences(*ratios(seed, autoregressive, shift, scale, dim))
        assert min(forward.mcse, backward.mcse) > 0.4
        assert forward.value == pytest.approx(divergence(shift, scale, dim), abs=4 * forward.mcse)
        assert backward.value == pytest.approx(other_divergence(shift, scale, dim), abs=4 * backward.mcse)


@pytest.mark.parametrize("dim, scale", [(1, 0.02), (8, 0.3)])
def test_error_is_right_where_most_proposals_count_nothing(dim, scale):
    """Equal influences must not count as one draw repeated: errors would be 32 and 8 times as large."""

    def log_ratio(x):
        return 0.5 * (x**2 - (x / scale) ** 2).sum(axis=-1) - dim * np.log(scale)

    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        reference, proposed = scale * rng.normal(size=(4, 2500, dim)), rng.normal(size=(1000, dim))
        found.append(kl_to_reference(log_ratio(reference), log_ratio(proposed)))
    spread = np.std([one.value for one in found], ddof=1)
    assert 0.7 < np.median([one.mcse for one in found]) / spread < 1.5


def test_zero_density_at_a_reference_draw_is_infinite():
    at_reference = np.zeros((1, 10))
    at_reference[0, 3] = np.inf
    (value, mcse), gap = divergences(at_reference, np.zeros(10))
    assert value == np.inf and np.isnan(mcse) and np.isnan(gap).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_meaningless_ratios_are_refused(bad):
    proposal = np.zeros(100)
    proposal[7] = bad
    with pytest.raises(ValueError, match="finite"):
        pareto_k(proposal)
    with pytest.raises(ValueError, match="finite"):
        bridge_sampling(np.zeros((1, 10)), proposal)


def test_proposals_that_the_target_rejects(autoregressive):
    """A half normal: the bridge takes zero density as it takes any other."""
    x = np.abs(autoregressive(1, 4, 500))
    raw = np.random.default_rng(2).normal(size=1000)

    def ratio(x):
        return np.where(x > 0, LOG_Z + np.log(2) + norm.logpdf(x), -np.inf) - norm.logpdf(x)

    (value, mcse), gap = divergences(ratio(x), ratio(raw))
    assert value == pytest.approx(np.log(2), abs=4 * mcse)
    assert gap.value == np.inf and np.isnan(gap.mcse)
    assert pareto_k(ratio(raw)) == (0, 0)  # bounded ratios


def test_approximation_outside_the_support():
    nowhere = np.full(100, -np.inf)
    assert np.isnan(divergences(np.zeros((1, 10)), nowhere)).all()
    assert pareto_k(nowhere).value == np.inf


def test_proposal_outside_the_support_is_refused():
    with pytest.raises(ValueError, match="finite"):
        bridge_sampling(np.zeros((1, 10)), np.full(10, -np.inf))


@pytest.mark.parametrize("scale", [0.5, 0.8])
def test_pareto_k_of_gaussians(scale):
    """The ratio of N(0, 1) to N(0, s^2) has tail P(r > c) of order c^(-1 / (1 - s^2)): k = 1 - s^2."""
    x = np.random.default_rng(1).normal(0, scale, size=(20, 20_000))
    estimates = [pareto_k(norm.logpdf(row) - norm.logpdf(row, 0, scale)).value for row in x]
    assert np.mean(estimates) == pytest.approx(1 - scale**2, abs=0.1)


def test_pareto_k_of_a_pareto_tail(check_calibration):
    """Ratios that are exactly generalised Pareto with k = 0.4 beyond any threshold."""
    uniform = np.random.default_rng(1).random((150, 2000))
    log_ratios = np.log(1 + (uniform**-0.4 - 1))
    estimates = [pareto_k(row) for row in log_ratios]
    assert np.mean([e.value for e in estimates]) == pytest.approx(0.4, abs=0.05)
    check_calibration(estimates, factor=1.3)


def test_pareto_k_of_heavy_and_bounded_ratios():
    x = np.random.default_rng(1).normal(size=4000)
    assert pareto_k(t.logpdf(x, 1) - norm.logpdf(x)).value > 0.7
    x = np.random.default_rng(1).standard_t(1, size=4000)
    assert pareto_k(norm.logpdf(x) - t.logpdf(x, 1)).value < 0.3


def test_pareto_k_of_an_exact_approximation_is_zero():
    noise = 1e-12 * np.random.default_rng(1).normal(size=1000)
    assert pareto_k(5 + noise) == (0, 0)


def test_inputs_stay_unchanged(autoregressive):
    at_reference, at_proposal = ratios(1, autoregressive, 0.3, 1.2)
    before = at_reference.copy(), at_proposal.copy()
    divergences(at_reference, at_proposal)
    pareto_k(at_proposal)
    np.testing.assert_array_equal(at_reference, before[0])
    np.testing.assert_array_equal(at_proposal, before[1])
