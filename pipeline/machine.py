"""What of this machine a process may use."""

import os


def usable_cores() -> int:
    """Return the number of cores that this process may run on: a cluster's job has a share of its node."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
