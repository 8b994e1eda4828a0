"""The classifier two-sample test: can a classifier tell the method's draws from the reference's?"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata

from pipeline.scores.monte_carlo import Estimate

N_FOLDS = 5
N_LANDMARKS = 100
REGULARISATION = 0.003


def _marginal_features(draws: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, "draw feature"]:
    """Return the coordinates, and bumps over each one's range: they see skewness and tails of marginals."""
    centres = np.arange(-3, 4)
    bumps = np.exp(-0.5 * ((draws[:, :, None] - centres) / 0.7) ** 2)
    return np.concatenate([draws, bumps.reshape(len(draws), -1)], axis=1)


def _decisions(
    draws: Float[np.ndarray, "draw dim"],
    from_method: Bool[np.ndarray, " draw"],
    training: Bool[np.ndarray, " draw"],
    seed: int,
) -> Float[np.ndarray, " held_out"]:
    """Train on some draws and return the log odds of the others to come from the method.

    A ridge-penalised logistic regression on marginal features and on Nystroem features of a Gaussian kernel,
    which see whatever else differs. In whitened space a typical squared distance is 2 dim, hence the
    bandwidth. Chosen by measurement among sixteen classifiers: docs/metrics.md.
    """
    from sklearn.kernel_approximation import Nystroem  # slow to import, and only this score needs it
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    n_landmarks = min(N_LANDMARKS, int(training.sum()))
    kernel = Nystroem(gamma=1 / (2 * draws.shape[1]), n_components=n_landmarks, random_state=seed)
    features = [kernel.fit(draws[training]).transform(draws), _marginal_features(draws)]
    scaler = StandardScaler()
    classifier = LogisticRegression(C=REGULARISATION, max_iter=500)
    joined = np.concatenate(features, axis=1)
    classifier.fit(scaler.fit_transform(joined[training]), from_method[training])
    return classifier.decision_function(scaler.transform(joined[~training]))


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
    would have trained another classifier, which matters near .5: there the true error is about 1.5 times
    as large (docs/metrics.md). Repeated draws count against a method, being what it hands over.

    Args:
        method: draws of the method, whitened by the reference.
        reference: as many draws of the reference, whitened by itself.
        seed: seed of folds and landmarks.

    Raises:
        ValueError: the two sides differ in number of draws or dimension, or have fewer than ten draws.
    """
    from threadpoolctl import threadpool_limits

    dim = reference.shape[-1]
    x, y = method.reshape(-1, method.shape[-1]), reference.reshape(-1, dim)
    n = x.shape[0]
    if x.shape != y.shape or n < 2 * N_FOLDS:
        raise ValueError(
            f"equal shapes with at least {2 * N_FOLDS} draws are needed; found {x.shape} and {y.shape}, "
            "draws first"
        )
    rng = np.random.default_rng(seed)
    draws = np.concatenate([x, y])
    from_method = np.arange(2 * n) < n
    fold = np.concatenate([rng.permutation(n) % N_FOLDS, rng.permutation(n) % N_FOLDS])
    correct, areas = 0, []
    # Sums over several threads round differently, and the result must not depend on their number.
    with threadpool_limits(1):
        for held_out in (fold == k for k in range(N_FOLDS)):
            decision = _decisions(draws, from_method, ~held_out, int(rng.integers(2**31)))
            correct += int(np.sum((decision > 0) == from_method[held_out]))
            areas.append(_auc(decision, from_method[held_out]))
    accuracy = correct / (2 * n)
    area, variance = np.mean(areas, axis=0)
    return {
        "c2st": Estimate(accuracy, float(np.sqrt(accuracy * (1 - accuracy) / (2 * n)))),
        "c2st_auc": Estimate(float(area), float(np.sqrt(variance / N_FOLDS))),
    }
