"""posteriordb's reference draws, with what the record beside them says of the sampler."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pipeline.errors import UserError
from pipeline.scenarios.base import PublishedReference
from pipeline.scenarios.posteriordb_files import is_numbers, read_json


def read_draws(file: Path) -> dict[str, Float[np.ndarray, "chain draw"]]:
    """Read reference draws: a list of chains, each with the draws of every scalar by its name.

    Raises:
        UserError: the file cannot be read, or chains differ in their names or lengths, or hold something else
            than finite numbers.
    """
    chains = read_json(file)
    if not isinstance(chains, list) or not chains or not all(isinstance(chain, dict) for chain in chains):
        raise UserError(f"{file}: must hold a list of chains, each with draws by the parameters' names.")
    names = list(chains[0])
    if not names or any(chain.keys() != chains[0].keys() for chain in chains):
        raise UserError(f"{file}: the chains must have draws of the same parameters; they differ in names.")
    draws = {}
    for name in names:
        try:
            draws[name] = np.array([chain[name] for chain in chains], dtype=float)
        except (TypeError, ValueError):
            raise UserError(
                f"{file}: {name}: the chains must have equally many draws, all of them numbers."
            ) from None
        if draws[name].ndim != 2 or draws[name].shape[1] < 4 or not np.isfinite(draws[name]).all():
            raise UserError(
                f"{file}: {name}: each chain must have at least 4 draws, all of them finite numbers."
            )
    if len({values.shape for values in draws.values()}) != 1:
        raise UserError(f"{file}: the parameters must have equally many draws; they differ.")
    return draws


def published(
    posterior: str, draws: dict[str, Float[np.ndarray, "chain draw"]], record: Mapping[str, Any]
) -> PublishedReference:
    """Put draws and the record beside them together; what the record lacks is None."""
    diagnostics = _mapping(record.get("diagnostics"))
    divergent = diagnostics.get("divergent_transitions")
    by_chain = diagnostics.get("expected_fraction_of_missing_information")
    # As this suite's own databases have it.
    smallest = diagnostics.get("expected_fraction_of_missing_information_min")
    n_chains, n_draws = next(iter(draws.values())).shape
    method = _mapping(record.get("inference")).get("method")
    parts = [f"{n_chains} chains of {n_draws:,} draws", method, _version(record), record.get("added_date")]
    return PublishedReference(
        source=f"posteriordb's own draws of {posterior} ({', '.join(str(part) for part in parts if part)})",
        draws=draws,
        divergences=int(sum(divergent)) if is_numbers(divergent) else None,
        e_bfmi_min=float(min(by_chain)) if is_numbers(by_chain) else smallest,
    )


def _version(record: Mapping[str, Any]) -> str:
    """Return which interface to Stan sampled, where the record says it."""
    for key, value in _mapping(record.get("versions")).items():
        if "stan" in key:
            return str(value) if "stan" in str(value) else f"{key} {value}"
    return ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
