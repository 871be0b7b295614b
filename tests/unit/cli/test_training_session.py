"""What a run's curves are drawn with, and how much time one by the clock has left when it goes on."""

import json
import math
from typing import Any

import pytest

from newllm.api import training_curves, training_session
from newllm.checksum import read_checked
from newllm.messages import Message
from newllm.training.budget import Budget
from newllm.training.config_file import load_config
from newllm.training.configure import configure
from newllm.training.pace import ClockPace
from newllm.training.run import RunDirectory
from newllm.training.schedule_file import LengthDecision, append_decision


def test_curves_are_drawn_with_the_units_of_the_run(call, run, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(training_curves, "draw_training_curves", lambda *_, **options: given.update(options))
    (run / "training_curves.png").unlink(missing_ok=True)
    assert call("train", "--resume", run).code == 0
    counts = json.loads((run / "data.json").read_text())["counts"]
    factor = counts["validation_targets"] / counts["validation_bytes"] / math.log(2)
    assert given["bits_per_byte_factor"] == pytest.approx(factor)
    assert (given["title"], given["by_epoch"]) == ("run: stack, rule gated, seed 0", False)
    assert given["steps_per_epoch"] == pytest.approx(counts["train_targets"] / 16 / 2, rel=0.02)


class Ears:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def noticed(self, notice: Message) -> None:
        self.heard.append(str(notice))

    def planned(self, steps: int, left: float) -> None:
        self.heard.append((steps, left))


def test_a_run_by_the_clock_goes_on_with_what_is_left_of_its_time(run) -> None:
    place, ears = RunDirectory(run), Ears()
    config = load_config(place.config)
    assert type(training_session._pace(place, config, [], Budget())) is training_session.Pace
    config = configure(None, place.config, None, ["training.seconds=100"], {})
    pace = training_session._pace(place, config, [ears], Budget())  # type: ignore[list-item]
    assert isinstance(pace, ClockPace)
    seconds = read_checked(run / "summary.json")["seconds"]
    assert pace._per_step == pytest.approx(seconds / 6, abs=1e-3)
    assert (pace.given, pace._reached, ears.heard) == (100.0, 0, [])
    append_decision(place.schedule, LengthDecision(0, 9, 0, 3.0, 2.0))
    pace = training_session._pace(place, config, [ears], Budget())  # type: ignore[list-item]
    assert isinstance(pace, ClockPace)
    assert (pace.given, pace._per_step, pace._reached) == (85.0, 2.0, 6)
    assert ears.heard == ["85 of the 100 s remain at step 6"]
    pace._planned(7, 1.5)
    assert ears.heard[1:] == [(7, 1.5)]
