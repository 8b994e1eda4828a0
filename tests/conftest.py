import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from platformdirs import user_cache_path

from pipeline.stan.build import Built, build

# How long an example takes says more about the machine than about the code. CI tries the same examples every
# time, so that it judges the change; whoever runs the tests otherwise tries new ones.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize="LATENTBENCH_CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")

# Networks of one architecture compile many times over in these tests; processes that they start inherit this.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(user_cache_path("latentbench-tests") / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")


@pytest.fixture(scope="session")
def built_model() -> Callable[[Path], Built]:
    """Compile Stan programs with the embedded toolchain, each once a machine: for slow tests only."""
    return lambda stan_file: build(stan_file, "embedded")


@pytest.fixture(scope="module", autouse=True)
def _compiled_code_is_freed() -> Iterator[None]:
    """Give back XLA's compiled code after each file.

    Every compiled function takes some dozen memory maps, of which Linux allows a process 65,530: all tests in
    one process would need more, and XLA then ends it with a segmentation fault.
    """
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the workflow's tests, the longest: several workers then end together."""
    items.sort(key=lambda item: "tests/workflow/" not in item.nodeid)
