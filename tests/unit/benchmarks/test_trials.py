"""Trials are run directories: finished ones are read, stopped ones go on."""

import os
import signal
from pathlib import Path

import pytest

import trials
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.training.run import RunDirectory
from newllm.training.step import StepReport
from search_space import Settings
from trials import Text, Trial, trained

TRIAL = Trial(
    "small", Text("Moby Dick", ("bundled:moby-dick",)), Settings(2e-3, 0.1, 64, 32), seconds=0.05, evaluations=2,
    evaluate_tokens=256,
)  # fmt: skip


def build(length: int, seed: int) -> LanguageModel:
    return LanguageModel(ModelConfig(width=16, layers=1, hidden=16, context=16, vocabulary=257, window=length), seed)


def never(*_: int) -> LanguageModel:
    raise AssertionError("a finished run was built again")


@pytest.mark.slow
def test_a_finished_trial_is_read_and_not_run_again(tmp_path: Path) -> None:
    first = trained(TRIAL, build, tmp_path / "run")
    assert first.status == "finished"
    assert trained(TRIAL, never, tmp_path / "run") == first


def test_seconds_of_training_stand_beside_each_loss(tmp_path: Path) -> None:
    curve = trained(TRIAL, build, tmp_path / "run")
    assert len(curve.seconds) == len(curve.losses) == 3  # at the start, in the middle and at the end
    assert curve.seconds[0] == 0.0 < curve.seconds[1] < curve.seconds[2]


def test_a_stopped_trial_goes_on_with_the_steps_that_were_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: trials.Clock, report: StepReport) -> dict[str, float]:
        if report.step == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return {}

    with monkeypatch.context() as patched:
        patched.setattr(trials.Clock, "stepped", stop, raising=False)
        with pytest.raises(SystemExit, match="the same command goes on with it"):
            trained(TRIAL, build, tmp_path / "run")
    run = RunDirectory(tmp_path / "run")
    steps, place = run.load_config().training.steps, run.last_step()
    assert place == 1 < steps
    curve = trained(TRIAL, build, tmp_path / "run")
    assert (curve.status, curve.steps) == ("finished", steps)
