import pytest

from tests.stan.driver import Stan, runner


@pytest.fixture
def stan(built_model, tmp_path, monkeypatch) -> Stan:
    """Run a Stan program in an empty folder: stan("mixture", "sample ...", ok=True)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STAN_NUM_THREADS", raising=False)
    return runner(built_model)
