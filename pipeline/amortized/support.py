"""Which scenarios the amortized methods know, and how; free of JAX, so that checking settings is quick."""

from pipeline.scenarios.base import Scenario
from pipeline.scenarios.gmm_ordered import GmmOrdered
from pipeline.scenarios.hmm_ordered import HmmOrdered


def is_in_jax(scenario: Scenario) -> bool:
    """Return whether a scenario has its simulator and its log joint in JAX; else NumPy simulates."""
    return isinstance(scenario, GmmOrdered | HmmOrdered)


def obstacle(scenario: Scenario) -> str:
    """Return why no network can be trained for a scenario, or nothing where one can."""
    if is_in_jax(scenario) or scenario.can_simulate:
        return ""
    return f"Scenario {scenario.name} has real data and no prior_predictive to learn from."


def obstacle_in_jax(scenario: Scenario) -> str:
    """Return why a network that needs the simulator in JAX cannot be trained, or nothing where it can."""
    if is_in_jax(scenario):
        return ""
    return f"Scenario {scenario.name} has no simulator in JAX; gmm-ordered and hmm-ordered have."
