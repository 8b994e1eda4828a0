"""The experiment of Bishop, Lawrence, Jaakkola and Jordan (1998) on random sigmoid belief networks.

For each network, mixtures of M = 1, 2, .. components are fitted twice: by the paper's bound, and by the exact
ELBO. A fit of M components starts several times from the best one of M - 1, with one component split in two
halves that are pushed apart; the split alone changes neither bound, so the best of all starts and of the fit
before never falls with M.
"""

import functools
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from pipeline.files import fingerprint, whole
from pipeline.seeds import derive_seed
from pipeline.sources import hash_of
from pipeline.variational import belief_networks as bn
from pipeline.variational.ascent import maximise_all

COMPONENTS = (1, 2, 3, 4, 5)
# Mean relative errors of the bound by M (Bishop et al. 1998, section 4).
PAPER_ERRORS = {1: 0.015731, 2: 0.013979, 3: 0.012880, 4: 0.012024, 5: 0.011394}
PUSHES = (1.0, 3.0)  # standard deviations, in logits, by which each start is pushed
PIECE = 250  # networks that are finished, and kept, together
_SCENARIO = "belief-networks"  # in the names of seeds

Tree = Any  # parameters of one family, or of one network: a tree of arrays


class Fits(NamedTuple):
    """The best fits of one family to many networks.

    Attributes:
        tree: the parameters, each leaf with a leading axis over networks.
        value: of the bound, in nats.
        converged: whether the search that gave the value did.
    """

    tree: Tree
    value: Float[np.ndarray, " network"]
    converged: Bool[np.ndarray, " network"]


def run_experiment(root_seed: int, n_networks: int, errors_file: Path, summary_file: Path) -> None:
    """Fit all networks, piece by piece, and write one row a network and M, and one row an M.

    Finished pieces lie in ``pieces`` beside the results until those are written, and are found again by a
    run that follows a killed one.
    """
    folder, key = errors_file.parent / "pieces", fingerprint(root_seed, hash_of(__name__))
    ranges = [range(i, min(i + PIECE, n_networks)) for i in range(0, n_networks, PIECE)]
    tables, started, fitted = [], time.perf_counter(), 0
    for numbers in ranges:
        piece = folder / f"{numbers.start}-{numbers.stop}-{key}.parquet"
        if not piece.exists():
            table = fit_networks(root_seed, numbers)
            with whole(piece) as temporary:
                table.to_parquet(temporary)
            fitted += len(numbers)
        tables.append(pd.read_parquet(piece))
        left_s = (time.perf_counter() - started) / max(fitted, 1) * (n_networks - numbers.stop)
        print(
            f"belief networks: {numbers.stop} of {n_networks} networks, about {left_s:.0f} s left",
            file=sys.stderr,
        )
    errors = pd.concat(tables, ignore_index=True)
    with whole(errors_file) as temporary:
        errors.to_parquet(temporary)
    with whole(summary_file) as temporary:
        summarise(errors).to_csv(temporary, index=False)
    shutil.rmtree(folder)


def fit_networks(root_seed: int, numbers: Sequence[int]) -> pd.DataFrame:
    """Return one row a network and M: log evidence, bounds and their relative errors.

    Columns: network, components, log_evidence; bound (the paper's, maximised), elbo_at_bound (the exact ELBO
    of that same mixture) and elbo (maximised), in nats; each one's relative error bound / log_evidence - 1,
    which is positive; whether the two searches converged.
    """
    with jax.enable_x64(True):
        networks = _stack([bn.random_network(_rng(root_seed, i, "simulate")) for i in numbers])
        log_p = np.asarray(jax.jit(jax.vmap(bn.log_joint))(networks))
        log_evidence = np.logaddexp.reduce(log_p, axis=1)
        elbos: Fits | None = None
        bounds: Fits | None = None
        tables = []
        for count in COMPONENTS:
            noise = np.stack([_rng(root_seed, i, f"start {count}").standard_normal(_NOISE) for i in numbers])
            elbos = _best(elbo_objective, elbos, _mixture_starts(elbos, noise), log_p)
            bounds = _best(bound_objective, bounds, _bound_starts(bounds, noise, networks), networks)
            at_bound = np.asarray(jax.jit(jax.vmap(bn.exact_elbo))(bounds.tree[0], log_p))
            values = {"bound": bounds.value, "elbo_at_bound": at_bound, "elbo": elbos.value}
            table = pd.DataFrame({"network": numbers, "components": count, "log_evidence": log_evidence})
            tables.append(
                table.assign(
                    **values,
                    **{f"{name}_error": value / log_evidence - 1 for name, value in values.items()},
                    bound_converged=bounds.converged,
                    elbo_converged=elbos.converged,
                )
            )
    return pd.concat(tables, ignore_index=True)


def summarise(errors: pd.DataFrame) -> pd.DataFrame:
    """Return one row an M: mean relative errors, their Monte Carlo errors over networks, the paper's mean."""
    groups = errors.groupby("components")
    summary = pd.DataFrame({"paper": pd.Series(PAPER_ERRORS)}).reindex(errors["components"].unique())
    for name in ("bound", "elbo_at_bound", "elbo"):
        summary[name] = groups[f"{name}_error"].mean()
        summary[f"{name}_mcse"] = groups[f"{name}_error"].sem()
    summary["networks"] = groups.size()
    for name in ("bound", "elbo"):
        summary[f"{name}_unconverged"] = (~errors[f"{name}_converged"]).groupby(errors["components"]).sum()
    return summary.rename_axis("components").reset_index()


def elbo_objective(mixture: bn.Mixture, log_p: Float[jax.Array, " state"]) -> Float[jax.Array, ""]:
    """Return the exact ELBO, given log P of all states."""
    return bn.exact_elbo(mixture, log_p)


def bound_objective(tree: tuple[bn.Mixture, bn.Aids], network: bn.Network) -> Float[jax.Array, ""]:
    """Return the paper's bound."""
    return bn.paper_bound(*tree, network)


_NOISE = (len(PUSHES), bn.N_HIDDEN)


def _mixture_starts(
    before: Fits | None, noise: Float[np.ndarray, "network start hidden"]
) -> list[bn.Mixture]:
    """Return mixtures to begin with, one for each push, all networks together."""
    pushes = [push * noise[:, j] for j, push in enumerate(PUSHES)]
    if before is None:
        return [bn.Mixture(np.zeros((len(push), 1)), push[:, None]) for push in pushes]
    return [split(before.tree, j, push) for j, push in enumerate(pushes)]


def _bound_starts(
    before: Fits | None, noise: Float[np.ndarray, "network start hidden"], networks: bn.Network
) -> list[tuple[bn.Mixture, bn.Aids]]:
    if before is None:
        usual = jax.jit(jax.vmap(bn.usual_aids))
        return [(mixture, usual(mixture, networks)) for mixture in _mixture_starts(None, noise)]
    mixture, aids = before.tree
    halves = [split_index(mixture, j) for j in range(len(PUSHES))]
    moved = [split(mixture, j, push * noise[:, j]) for j, push in enumerate(PUSHES)]
    return [
        (one, bn.Aids(*(_append(leaf, half) for leaf in aids)))
        for one, half in zip(moved, halves, strict=True)
    ]


def split_index(mixture: bn.Mixture, rank: int) -> Int[np.ndarray, " network"]:
    """Return which component of each network is split: the heaviest, the one after it, and round again."""
    order = np.argsort(-np.asarray(mixture.logit_weight), axis=1)
    return order[:, rank % order.shape[1]]


def split(mixture: bn.Mixture, rank: int, push: Float[np.ndarray, "network hidden"]) -> bn.Mixture:
    """Halve one component of each network's mixture and push the halves apart; no push changes no bound."""
    rows, chosen = np.arange(len(push)), split_index(mixture, rank)
    logit_weight = np.array(mixture.logit_weight)
    logit_weight[rows, chosen] -= np.log(2)
    logit_mean = _append(mixture.logit_mean, chosen)
    logit_mean[rows, chosen] -= push
    logit_mean[:, -1] += push
    return bn.Mixture(_append(logit_weight, chosen), logit_mean)


def _append(leaf: Any, chosen: Int[np.ndarray, " network"]) -> np.ndarray:
    """Repeat one component of each network as its last."""
    leaf = np.asarray(leaf)
    return np.concatenate([leaf, leaf[np.arange(len(leaf)), chosen][:, None]], axis=1)


def _best(objective: Callable, before: Fits | None, starts: list[Tree], data: Tree) -> Fits:
    """Climb from every start; keep each network's best, or its fit before where no start is better."""
    one = jax.tree.map(lambda leaf: np.asarray(leaf)[0], starts[0])
    structure, shapes = jax.tree.structure(one), tuple(leaf.shape for leaf in jax.tree.leaves(one))
    function = _flat(objective, structure, shapes)
    vectors = np.concatenate([_vectors(start) for start in starts])
    repeated = jax.tree.map(lambda leaf: np.concatenate([np.asarray(leaf)] * len(starts)), data)
    found = maximise_all(function, vectors, repeated)
    value = found.value.reshape(len(starts), -1)
    best, rows = value.argmax(0), np.arange(value.shape[1])
    x = found.x.reshape(*value.shape, -1)[best, rows]
    converged = found.converged.reshape(value.shape)[best, rows]
    value = value[best, rows]
    if before is not None:
        same = _vectors(_unpushed(before))
        kept = value < before.value
        x[kept], value[kept], converged[kept] = same[kept], before.value[kept], before.converged[kept]
    return Fits(_tree(x, structure, shapes), value, converged)


def _unpushed(before: Fits) -> Tree:
    """Return the fits of one component fewer as mixtures with one component in two halves."""
    mixture, aids = before.tree if not isinstance(before.tree, bn.Mixture) else (before.tree, None)
    still = split(mixture, 0, np.zeros((len(before.value), bn.N_HIDDEN)))
    if aids is None:
        return still
    return still, bn.Aids(*(_append(leaf, split_index(mixture, 0)) for leaf in aids))


def _vectors(tree: Tree) -> Float[np.ndarray, "network dim"]:
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    return np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)


def _tree(x: Any, structure: Any, shapes: tuple[tuple[int, ...], ...]) -> Tree:
    """Invert `_vectors`; of one vector where x has no leading axis."""
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes])
    split_at = np.split if isinstance(x, np.ndarray) else jnp.split
    parts = split_at(x, ends[:-1], axis=-1)
    leaves = [part.reshape(*x.shape[:-1], *shape) for part, shape in zip(parts, shapes, strict=True)]
    return jax.tree.unflatten(structure, leaves)


@functools.cache
def _flat(objective: Callable, structure: Any, shapes: tuple[tuple[int, ...], ...]) -> Callable:
    """Return an objective of one vector; the same object for the same shapes, so that it compiles once."""
    return lambda x, data: objective(_tree(x, structure, shapes), data)


def _stack(trees: Sequence[Tree]) -> Tree:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def _rng(root_seed: int, number: int, purpose: str) -> np.random.Generator:
    return np.random.default_rng(derive_seed(root_seed, _SCENARIO, number, "", purpose))
