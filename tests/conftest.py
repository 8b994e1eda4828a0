from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.stan.build import Built, build


@pytest.fixture(scope="session")
def built_model() -> Callable[[Path], Built]:
    """Compile Stan programs with the embedded toolchain, each once a machine: for slow tests only."""
    return lambda stan_file: build(stan_file, "embedded")
