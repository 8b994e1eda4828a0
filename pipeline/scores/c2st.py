"""The classifier two-sample test: can a classifier tell the method's draws from the reference's?"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from pipeline.scores.monte_carlo import Estimate

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

N_FOLDS = 5
N_LANDMARKS = 100
REGULARISATION = 0.01


def _classifier(dim: int, seed: int) -> "Pipeline":
    """Return ridge-penalised logistic regression on Nystroem features of a Gaussian kernel.

    In whitened space a typical squared distance is 2 dim, hence the bandwidth. Chosen by measurement among
    eleven classifiers: docs/metrics.md.
    """
    from sklearn.kernel_approximation import Nystroem  # slow to import, and only this score needs it
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        Nystroem(gamma=1 / (2 * dim), n_components=N_LANDMARKS, random_state=seed),
        StandardScaler(),
        LogisticRegression(C=REGULARISATION, max_iter=500),
    )


def _auc(decision: np.ndarray, from_method: np.ndarray) -> tuple[float, float]:
    """Return the area under the ROC curve and its variance (DeLong et al. 1988, Biometrics 44(3))."""
    ranks = rankdata(decision)
    positive, negative = decision[from_method], decision[~from_method]
    below_positive = (ranks[from_method] - rankdata(positive)) / negative.size
    above_negative = 1 - (ranks[~from_method] - rankdata(negative)) / positive.size
    variance = np.var(below_positive, ddof=1) / positive.size + np.var(above_negative, ddof=1) / negative.size
    return float(below_positive.mean()), float(variance)


def c2st(
    method: Float[np.ndarray, "chain draw dim"], reference: Float[np.ndarray, "chain draw dim"], *, seed: int
) -> dict[str, Estimate]:
    """Return the cross-validated accuracy ("c2st") and area under the curve ("c2st_auc"); .5 is ideal.

    Lopez-Paz and Oquab (2017), ICLR. Accuracy is over all held-out draws of five stratified folds, with its
    binomial error; the area is the mean over folds, with DeLong's. Both errors leave out that another sample
    would have trained another classifier, which matters near .5: there the true error is up to 1.5 times
    as large (docs/metrics.md). Repeated draws count against a method, being what it hands over.

    Args:
        method: draws of the method, whitened by the reference.
        reference: as many draws of the reference, whitened by itself.
        seed: seed of folds and landmarks.

    Raises:
        ValueError: the two sides differ in number of draws or dimension, or have fewer than ten draws.
    """
    dim = reference.shape[-1]
    x, y = method.reshape(-1, method.shape[-1]), reference.reshape(-1, dim)
    n = x.shape[0]
    if x.shape != y.shape or n < 2 * N_FOLDS:
        raise ValueError(f"equal shapes with at least {2 * N_FOLDS} draws are needed: {x.shape}, {y.shape}")
    rng = np.random.default_rng(seed)
    draws = np.concatenate([x, y])
    from_method = np.arange(2 * n) < n
    fold = np.concatenate([rng.permutation(n) % N_FOLDS, rng.permutation(n) % N_FOLDS])
    correct, areas = 0, []
    for held_out in (fold == k for k in range(N_FOLDS)):
        classifier = _classifier(dim, int(rng.integers(2**31))).fit(draws[~held_out], from_method[~held_out])
        decision = classifier.decision_function(draws[held_out])
        correct += int(np.sum((decision > 0) == from_method[held_out]))
        areas.append(_auc(decision, from_method[held_out]))
    accuracy = correct / (2 * n)
    area, variance = np.mean(areas, axis=0)
    return {
        "c2st": Estimate(accuracy, float(np.sqrt(accuracy * (1 - accuracy) / (2 * n)))),
        "c2st_auc": Estimate(float(area), float(np.sqrt(variance / N_FOLDS))),
    }
