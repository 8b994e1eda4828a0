"""Which scenarios the amortized methods know; free of JAX, so that configurations are checked quickly."""

from pipeline.scenarios.base import Scenario
from pipeline.scenarios.gmm_ordered import GmmOrdered
from pipeline.scenarios.hmm_ordered import HmmOrdered


def obstacle(scenario: Scenario) -> str:
    """Return why no network can be trained for a scenario, or nothing where one can."""
    if isinstance(scenario, GmmOrdered | HmmOrdered):
        return ""
    return f"Scenario {scenario.name} has no simulator in JAX; gmm-ordered and hmm-ordered have."
