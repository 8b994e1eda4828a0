"""Time the gradient of each Stan program against other ways to write its likelihood.

    python benchmarks/density_forms.py [PROGRAM ...]

Prints for each form microseconds of processor time a gradient takes through BridgeStan (median), its ratio to
that of the program in stan/ (median and quartiles over rounds in alternating order), the largest relative
difference of its gradient, which shows that it is the same density, and whether it stays finite for 1,000
observations far from every component. Builds each form once (about a minute) and keeps it in the cache.
hmm_exchangeable has the likelihood of hmm, gmm_exchangeable that of gmm.
"""

import json
import sys
import tempfile
import time
import warnings
from pathlib import Path

import bridgestan
import numpy as np

from pipeline.scenarios import get_scenario
from pipeline.scenarios.base import STAN_FOLDER
from pipeline.scenarios.galaxies import Galaxies
from pipeline.stan.build import build

NAIVE_FOLDER = STAN_FOLDER.parent / "tests" / "scenarios" / "naive"
# What follows the last line of the prior, which all programs share.
LAST_PRIOR_LINE = "  mu ~ normal(mu_mean, mu_sd);\n"
MIXTURE_TERMS = {
    "gmm_ordered": "log(pi) - 0.5 * precision * square(y_mean[n] - mu)",
    "gmm": "log(pi) - log(sd) - 0.5 * square((y[n] - mu) ./ sd)",
}
COLUMN = {
    "gmm_ordered": "log(pi[k]) - 0.5 * precision * square(y_mean - mu[k])",
    "gmm": "log(pi[k]) - log(sd[k]) - 0.5 * square((y - mu[k]) / sd[k])",
}


def mixture_forms(program: str) -> dict[str, str]:
    """Ways to sum log_sum_exp over observations."""
    term, column = MIXTURE_TERMS[program], COLUMN[program]
    return {
        "loop of log_sum_exp": f"for (n in 1:N) {{ target += log_sum_exp({term}); }}",
        "log_mix of an array": (
            f"array[N] vector[K] terms; for (n in 1:N) {{ terms[n] = {term} - log(pi); }}"
            "target += log_mix(pi, terms);"
        ),
        "log_sum_exp of columns": (
            f"vector[N] total; for (k in 1:K) {{ vector[N] column = {column};"
            "total = k == 1 ? column : log_sum_exp(total, column); } target += sum(total);"
        ),
        "log of a sum of exp columns": (
            f"vector[N] total = zeros_vector(N); for (k in 1:K) {{ total += exp({column}); }}"
            "target += sum(log(total));"
        ),
        "exp of a matrix, row maximum by fmax": (
            f"matrix[N, K] terms; for (k in 1:K) {{ terms[:, k] = {column}; }}"
            "vector[N] top = terms[:, 1]; for (k in 2:K) { top = fmax(top, terms[:, k]); }"
            "target += sum(top) + sum(log(exp(terms - rep_matrix(top, K)) * ones_vector(K)));"
        ),
    }


TRANSITIONS = {
    "hmm_ordered": "int K = 2; matrix[2, 2] A = [[p_stay[1], 1 - p_stay[1]], [1 - p_stay[2], p_stay[2]]];",
    "hmm": (
        "matrix[K, K] A; for (k in 1:K) { transition[k] ~ dirichlet(concentration); A[k] = transition[k]'; }"
    ),
}
EMISSIONS = {
    "hmm_ordered": "for (k in 1:K) { omega[k] = -0.5 * precision * square(y_mean - mu[k])'; }",
    "hmm": "for (k in 1:K) { omega[k] = -0.5 * square((y - mu[k]) / sd[k])' - log(sd[k]); }",
}
# By one product of matrices, as the programs in stan/ have them.
LINEAR_EMISSIONS = {
    "hmm_ordered": (
        "y_mean ~ normal(mu[2], sd / sqrt(n_rep)); omega = append_row("
        "(x * [mu[1] - mu[2], square(mu[1]) - square(mu[2])]')', rep_row_vector(0, T));"
    ),
    "hmm": (
        "vector[K] weight = -0.5 * inv_square(sd); vector[K] centre = mu - y_mean;"
        "vector[K] constant = square(centre) .* weight - log(sd);"
        "omega = append_col(append_col(constant, -2 * centre .* weight), weight) * x;"
    ),
}


def hmm_forms(program: str) -> dict[str, str]:
    """Ways to sum over the paths of the hidden states."""
    start = f"{TRANSITIONS[program]} matrix[K, T] omega;"
    setup, linear = f"{start} {EMISSIONS[program]}", f"{start} {LINEAR_EMISSIONS[program]}"
    top = "row_vector[T] top = omega[1]; for (k in 2:K) { top = fmax(top, omega[k]); } target += sum(top);"
    marginal = f"{top} target += hmm_marginal(omega - rep_matrix(top, K), A, initial);"
    return {
        "hmm_marginal": f"{setup} {marginal}",
        "hmm_marginal of linear log likelihoods": f"{linear} {marginal}",
        "forward algorithm in log space": (
            f"{setup} matrix[K, K] log_A = log(A)'; vector[K] alpha = log(initial) + omega[:, 1];"
            "for (t in 2:T) { vector[K] next; for (k in 1:K) {"
            "next[k] = log_sum_exp(alpha + log_A[k]') + omega[k, t]; } alpha = next; }"
            "target += log_sum_exp(alpha);"
        ),
        "forward algorithm, normalised at each time": (
            f"{setup} {top} matrix[K, T] e = exp(omega - rep_matrix(top, K)); vector[T] total;"
            "vector[K] alpha = initial .* e[:, 1]; total[1] = sum(alpha); alpha /= total[1];"
            "matrix[K, K] B = A'; for (t in 2:T) { alpha = (B * alpha) .* e[:, t];"
            "total[t] = sum(alpha); alpha /= total[t]; } target += sum(log(total));"
        ),
    }


def data_of(program: str) -> dict:
    """Return a data set of usual size for each program, fit for its textbook twin too."""
    galaxies = {"file": str(Galaxies.input_files[0]), "column": "velocity_1000_km_per_s", "n_components": 3}
    name, block = {
        "gmm_ordered": ("gmm-ordered", {"n_obs": [200, 200], "n_rep": [3, 3]}),
        "hmm_ordered": ("hmm-ordered", {}),
        "gmm": ("galaxies", {}),
        "hmm": ("custom", {"family": "hmm", **galaxies}),
    }[program]
    scenario = get_scenario(name, block)
    return with_replicates(scenario.stan_data(scenario.data_sets([3])[0]))


def with_replicates(data: dict) -> dict:
    """Add y, all replicates at their mean: how they scatter around it is a constant of the density."""
    return data if "y" in data else {**data, "y": [[mean] * data["n_rep"] for mean in data["y_mean"]]}


def far_apart(data: dict) -> dict:
    """Return data of 1,000 observations that jump to and fro, far from every component."""
    y = np.where(np.arange(1_000) % 2, 100.0, -100.0).tolist()
    observed = {"y_mean" if "n_rep" in data else "y": y, "N" if "N" in data else "T": len(y)}
    return with_replicates({**{k: v for k, v in data.items() if k != "y"}, **observed})


class Timed:
    """A built program: its gradients at 50 points, and what one of them takes.

    Attributes:
        gradients: one row a point.
        is_stable: whether gradients are finite for far-apart data as well.
    """

    def __init__(self, stan_file: Path, data: dict):
        library = str(build(stan_file, jobs=1).library)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the library is loaded a second time
            self._model = bridgestan.StanModel(library, data=json.dumps(data))
            far = bridgestan.StanModel(library, data=json.dumps(far_apart(data)))
        self._out = np.empty(self._model.param_unc_num())
        self._points = np.random.default_rng(1).normal(scale=0.5, size=(50, len(self._out)))
        self.gradients = np.array([self._model.log_density_gradient(point)[1] for point in self._points])
        self.is_stable = all(np.isfinite(far.log_density_gradient(point)[1]).all() for point in self._points)

    def gradient_us(self) -> float:
        """Time a gradient, in microseconds of processor time."""
        start = time.thread_time()
        for point in self._points:
            self._model.log_density_gradient(point, out=self._out)
        return (time.thread_time() - start) / len(self._points) * 1e6


def report(timed: dict[str, Timed], rounds: int = 200) -> None:
    """Print a line for each form; the first one is what the others are held against."""
    costs = np.empty((rounds, len(timed)))
    for i in range(rounds):
        # In alternating order, so that neighbours on the machine and what is in its caches favour none.
        for j in range(len(timed)) if i % 2 else reversed(range(len(timed))):
            costs[i, j] = list(timed.values())[j].gradient_us()
    ratios = np.quantile(costs / costs[:, :1], [0.25, 0.5, 0.75], axis=0).T
    shipped = next(iter(timed.values()))
    for (form, found), median_us, (low, median, high) in zip(
        timed.items(), np.median(costs, axis=0), ratios, strict=True
    ):
        error = np.abs(found.gradients / shipped.gradients - 1).max()
        print(
            f"{form:45} {median_us:8.2f} us {median:6.2f} ({low:.2f} to {high:.2f}) x  difference {error:.0e}"
            f"{'' if found.is_stable else '  not finite for far-apart data'}",
            flush=True,
        )


def main() -> None:
    """Print the table of each program."""
    for program in sys.argv[1:] or ["gmm_ordered", "gmm", "hmm_ordered", "hmm"]:
        shipped = STAN_FOLDER / f"{program}.stan"
        forms = mixture_forms(program) if program in MIXTURE_TERMS else hmm_forms(program)
        head = shipped.read_text().partition(LAST_PRIOR_LINE)[0] + LAST_PRIOR_LINE
        data = data_of(program)
        timed = {f"stan/{shipped.name}": Timed(shipped, data)}
        with tempfile.TemporaryDirectory() as folder:
            for i, (form, likelihood) in enumerate(forms.items()):
                stan_file = Path(folder) / f"{program}_form_{i}.stan"
                stan_file.write_text(f"{head}{likelihood}\n}}\n")
                timed[form] = Timed(stan_file, data)
        timed["textbook program of the tests"] = Timed(NAIVE_FOLDER / shipped.name, data)
        report(timed)


if __name__ == "__main__":
    main()
