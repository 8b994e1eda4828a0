"""Monte Carlo errors of membership scores where draws are repeated, or chains disagree."""

import numpy as np
import pytest

from pipeline.batches import batches_of, share
from pipeline.scores.classification import truth_scores

Y = np.linspace(-3, 3, 80)
TRUTH = (np.random.default_rng(0).random(80) > 1 / (1 + np.exp(-Y - 1))).astype(int)
SMOOTH = ("log_loss", "brier")


def memberships(theta: np.ndarray) -> np.ndarray:
    """Return P(z | y, theta) of each draw, by batches as the fit stage makes them."""
    p = 1 / (1 + np.exp(-(Y - theta.ravel()[:, None])))
    by_draw, batches = np.stack([p, 1 - p], axis=-1), batches_of(theta)
    return np.stack([by_draw[batch].mean(axis=0) * share(batch, batches) for batch in batches])


def scores(theta: np.ndarray, seed: int) -> dict:
    found = truth_scores(memberships(theta), TRUTH, seed=seed, chains=len(theta))
    return {name: found[name] for name in SMOOTH}


@pytest.mark.parametrize("scale", [0.8, 0.72])
def test_repeated_draws_count_once(scale):
    """Draws resampled by importance weights from a proposal that is too narrow."""

    def resampled(seed):
        rng = np.random.default_rng(seed)
        proposed = scale * rng.normal(size=4000)
        weight = np.exp(proposed**2 * (1 / scale**2 - 1) / 2)
        return rng.choice(proposed, size=(1, 1000), p=weight / weight.sum())

    found = [scores(resampled(seed), seed) for seed in range(60)]
    for name in SMOOTH:
        spread = np.std([one[name].value for one in found], ddof=1)
        # Taken for independent draws, in batches of fifty, they have .76 of it (.8) and .66 (.72).
        assert 0.65 < np.median([one[name].mcse for one in found]) / spread < 1.5


def test_chains_that_disagree_count_as_chains():
    def stuck(seed):
        rng = np.random.default_rng(seed)
        return rng.normal(size=(4, 1)) + 0.3 * rng.normal(size=(4, 1000))

    found = [scores(stuck(seed), seed) for seed in range(60)]
    for name in SMOOTH:
        spread = np.std([one[name].value for one in found], ddof=1)
        # By batches it is .37.
        assert 0.65 < np.mean([one[name].mcse for one in found]) / spread < 1.5


def test_chains_that_agree_count_as_draws(autoregressive):
    found = [scores(autoregressive(seed, 4, 1000), seed) for seed in range(60)]
    for name in SMOOTH:
        spread = np.std([one[name].value for one in found], ddof=1)
        assert 0.65 < np.median([one[name].mcse for one in found]) / spread < 1.5
