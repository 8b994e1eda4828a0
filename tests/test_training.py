"""The train stage deletes what it cannot use, and nothing else."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from pipeline import training
from pipeline.errors import UnusableCheckpoint, UserError
from pipeline.timing import PhaseTime


@dataclass
class Learner:
    """Trains by appending to its checkpoint, and may refuse what it finds there."""

    failure: type[UserError] | None = None
    name: ClassVar[str] = "learner"

    def train(self, scenario, seed, checkpoint, built):
        assert built is None
        if checkpoint.exists() and self.failure:
            raise self.failure("not this one")
        with checkpoint.open("a") as file:
            file.write("trained")
        return [PhaseTime("train", 1.0, 1.0)]

    def learning(self, checkpoint):
        return {"steps": 1}


def run(monkeypatch, tmp_path, failure):
    monkeypatch.setattr(training, "get_method", lambda name, settings: Learner(failure))
    monkeypatch.setattr(training, "TrainedMethod", Learner)
    (tmp_path / "work").write_text("half ")
    files = (tmp_path / name for name in ("work", "checkpoint", "record.json"))
    training.run_training("gmm-ordered", "{}", "learner", '{"seed": 1}', *files, model_file=None)


def test_a_training_under_way_goes_on(monkeypatch, tmp_path):
    run(monkeypatch, tmp_path, None)
    assert (tmp_path / "checkpoint").read_text() == "half trained"


def test_another_runs_checkpoint_gives_way_to_a_new_training(monkeypatch, tmp_path):
    run(monkeypatch, tmp_path, UnusableCheckpoint)
    assert (tmp_path / "checkpoint").read_text() == "trained"


def test_any_other_failure_leaves_the_training_as_it_was(monkeypatch, tmp_path):
    with pytest.raises(UserError, match="not this one"):
        run(monkeypatch, tmp_path, UserError)
    assert (tmp_path / "work").read_text() == "half "
