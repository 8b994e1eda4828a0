import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from platformdirs import user_cache_path

from pipeline.stan.build import Built, build

# How long an example takes says more about the machine than about the code.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# Networks of one architecture compile many times over in these tests; processes that they start inherit this.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(user_cache_path("latentbench-tests") / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")


@pytest.fixture(scope="session")
def built_model() -> Callable[[Path], Built]:
    """Compile Stan programs with the embedded toolchain, each once a machine: for slow tests only."""
    return lambda stan_file: build(stan_file, "embedded")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the workflow's tests, the longest: several workers then end together."""
    items.sort(key=lambda item: "tests/workflow/" not in item.nodeid)
