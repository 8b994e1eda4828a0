"""Time the gradient of each Stan program against other ways to write its likelihood.

    python benchmarks/density_forms.py [PROGRAM ...]

Prints for each form microseconds a gradient through BridgeStan, the ratio to the program in stan/, and the
largest relative difference of its gradient, which shows that it is the same density. Builds each form once
(about a minute) and keeps it in the cache.
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
        "log of a sum of exp columns (underflows)": (
            f"vector[N] total = zeros_vector(N); for (k in 1:K) {{ total += exp({column}); }}"
            "target += sum(log(total));"
        ),
        "exp of a matrix, row maximum by fmax": (
            f"matrix[N, K] terms; for (k in 1:K) {{ terms[:, k] = {column}; }}"
            "vector[N] top = terms[:, 1]; for (k in 2:K) { top = fmax(top, terms[:, k]); }"
            "target += sum(top) + sum(log(exp(terms - rep_matrix(top, K)) * ones_vector(K)));"
        ),
    }


HMM_SETUP = {
    "hmm_ordered": (
        "int K = 2; matrix[2, 2] A = [[p_stay[1], 1 - p_stay[1]], [1 - p_stay[2], p_stay[2]]];"
        "matrix[K, T] omega; for (k in 1:K) { omega[k] = -0.5 * precision * square(y_mean - mu[k])'; }"
    ),
    "hmm": (
        "matrix[K, K] A; matrix[K, T] omega; for (k in 1:K) { transition[k] ~ dirichlet(concentration);"
        "A[k] = transition[k]'; omega[k] = -0.5 * square((y - mu[k]) / sd[k])' - log(sd[k]); }"
    ),
}


def hmm_forms(program: str) -> dict[str, str]:
    """Ways to sum over the paths of the hidden states."""
    setup = HMM_SETUP[program]
    forms = {
        "hmm_marginal as it stands (underflows)": f"{setup} target += hmm_marginal(omega, A, initial);",
        "hmm_marginal without the columns' maxima": (
            f"{setup} row_vector[T] top = omega[1]; for (k in 2:K) {{ top = fmax(top, omega[k]); }}"
            "target += sum(top) + hmm_marginal(omega - rep_matrix(top, K), A, initial);"
        ),
        "forward algorithm in log space": (
            f"{setup} matrix[K, K] log_A = log(A)'; vector[K] alpha = log(initial) + omega[:, 1];"
            "for (t in 2:T) { vector[K] next; for (k in 1:K) {"
            "next[k] = log_sum_exp(alpha + log_A[k]') + omega[k, t]; } alpha = next; }"
            "target += log_sum_exp(alpha);"
        ),
    }
    if program == "hmm_ordered":
        forms["hmm_marginal of an outer product (overflows)"] = (
            "matrix[2, 2] A = [[p_stay[1], 1 - p_stay[1]], [1 - p_stay[2], p_stay[2]]];"
            "matrix[2, T] omega = (precision * mu) * y_mean'"
            "- rep_matrix(0.5 * precision * square(mu), T);"
            "target += hmm_marginal(omega, A, initial);"
        )
    return forms


def data_of(program: str) -> dict:
    """Return a data set of usual size for each program."""
    galaxies = {"file": str(Galaxies.input_files[0]), "column": "velocity_1000_km_per_s", "n_components": 3}
    name, block = {
        "gmm_ordered": ("gmm-ordered", {"n_obs": [200, 200], "n_rep": [3, 3]}),
        "hmm_ordered": ("hmm-ordered", {}),
        "gmm": ("galaxies", {}),
        "hmm": ("custom", {"family": "hmm", **galaxies}),
    }[program]
    scenario = get_scenario(name, block)
    return scenario.stan_data(scenario.data_sets([3])[0])


def gradient_timer(stan_file: Path, data: dict):
    """Return a function that gives microseconds a gradient, and the gradients at 50 points."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = bridgestan.StanModel(str(build(stan_file, jobs=1).library), data=json.dumps(data))
    points = np.random.default_rng(1).normal(scale=0.5, size=(50, model.param_unc_num()))
    out = np.empty(model.param_unc_num())

    def time_once() -> float:
        start = time.perf_counter()
        for point in points:
            model.log_density_gradient(point, out=out)
        return (time.perf_counter() - start) / len(points) * 1e6

    return time_once, np.array([model.log_density_gradient(point)[1] for point in points])


def main():
    """Print the table of each program."""
    for program in sys.argv[1:] or ["gmm_ordered", "gmm", "hmm_ordered", "hmm"]:
        shipped = STAN_FOLDER / f"{program}.stan"
        forms = mixture_forms(program) if program in MIXTURE_TERMS else hmm_forms(program)
        head = shipped.read_text().partition(LAST_PRIOR_LINE)[0] + LAST_PRIOR_LINE
        data = data_of(program)
        timers = {f"stan/{shipped.name}": gradient_timer(shipped, data)}
        with tempfile.TemporaryDirectory() as folder:
            for i, (form, likelihood) in enumerate(forms.items()):
                stan_file = Path(folder) / f"{program}_form_{i}.stan"
                stan_file.write_text(f"{head}{likelihood}\n}}\n")
                timers[form] = gradient_timer(stan_file, data)
        # Interleaved, and the fastest of many: neighbours on the machine disturb all forms alike.
        best = dict.fromkeys(timers, np.inf)
        for _ in range(200):
            for form, (time_once, _) in timers.items():
                best[form] = min(best[form], time_once())
        base_us, base_gradients = best[f"stan/{shipped.name}"], timers[f"stan/{shipped.name}"][1]
        for form, (_, gradients) in timers.items():
            error = np.abs(gradients / base_gradients - 1).max()
            print(f"{form:45} {best[form]:8.2f} us {best[form] / base_us:6.2f} x  difference {error:.0e}")


if __name__ == "__main__":
    main()
