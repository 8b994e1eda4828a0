from pathlib import Path

import bridgestan
import pytest

from tests.stan.building import FAKE_COMPILER, PROGRAM
from tests.stan.driver import Stan, runner

HERE = Path(__file__).parent


@pytest.fixture
def stan(built_model, tmp_path, monkeypatch) -> Stan:
    """Run a Stan program in an empty folder: stan("mixture", "sample ...", ok=True)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STAN_NUM_THREADS", raising=False)
    return runner(built_model)


@pytest.fixture(scope="module")
def load(built_model):
    def load(name, data=None, **options):
        (file,) = HERE.glob(f"*/{name}.stan")
        library = str(built_model(file).library)
        return bridgestan.StanModel(library, data, warn=False, **options)

    return load


@pytest.fixture(scope="module")
def mixture(load):
    return load("mixture", str(HERE / "golden" / "mixture.data.json"))


@pytest.fixture(scope="module")
def kinds(load):
    return load("kinds", {"K": 3})


@pytest.fixture(scope="module")
def throwing(load):
    return load("throwing", {"throws_in_data": 0})


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with a program, a cache of its own and a compiler that only pretends."""
    monkeypatch.setenv("LATENTBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", str(FAKE_COMPILER))
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    for name in ("CMDSTAN", "LATENTBENCH_PRECOMPILE", "LATENTBENCH_OPTIMISATION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "log").touch()
    (tmp_path / "normal.stan").write_text(PROGRAM)
    return tmp_path
