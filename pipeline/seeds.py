"""Every random number of a run comes from one root seed, by name and not by order of execution."""

import hashlib


def derive_seed(root_seed: int, scenario: str, dataset: int, method: str, purpose: str) -> int:
    """Return the seed of one piece of work, an integer in 1 .. 2**31 - 1 (Stan takes no larger one).

    It depends on the five arguments alone, so the draws of a data set stay the same whatever else the
    configuration holds, in whatever order and on however many cores the jobs run.
    """
    key = "\x1f".join([str(root_seed), scenario, str(dataset), method, purpose])
    digest = hashlib.sha256(key.encode()).digest()
    return int.from_bytes(digest[:8], "big") % (2**31 - 1) + 1
