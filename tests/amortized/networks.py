"""Small untrained networks for tests, with weights moved away from their plain start."""

import equinox as eqx
import jax
import jax.random as jr

from pipeline.amortized.network import Architecture, initial_network
from pipeline.amortized.simulators import get_simulator
from pipeline.scenarios import get_scenario

SMALL = {"width": 16, "n_context": 8, "head_width": 8, "n_bins": 5, "membership_width": 8}


def shaken(module, seed=0, size=0.1):
    """Add noise to every weight, so that zeros of the start hide nothing."""
    leaves, structure = jax.tree.flatten(eqx.filter(module, eqx.is_inexact_array))
    keys = jr.split(jr.key(seed), len(leaves))
    moved = [leaf + size * jr.normal(key, leaf.shape) for leaf, key in zip(leaves, keys, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, moved), module)


def small_network(scenario="gmm-ordered", **settings):
    """Return an untrained network whose head depends on everything."""
    simulator = get_simulator(get_scenario(scenario))
    network = initial_network(simulator, Architecture(**(SMALL | settings)), seed=1)
    return eqx.tree_at(lambda n: n.head, network, shaken(network.head))
