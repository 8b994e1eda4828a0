"""Below which Pareto k-hat importance weights can be trusted: without ArviZ, so that all may import it.

Vehtari, Simpson, Gelman, Yao and Gabry (2024), JMLR 25(72), section 3.2.
"""

import math

MAX_PARETO_K = 0.7  # above, weights need more draws than there are


def accepted_pareto_k(n_draws: int) -> float:
    """Return the largest k-hat with which that many draws are enough: min(1 - 1 / log10 S, .7)."""
    return min(1 - 1 / math.log10(n_draws), MAX_PARETO_K)
