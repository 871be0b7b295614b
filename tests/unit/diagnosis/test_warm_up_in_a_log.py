"""A warm-up that goes on to the end of a log: what the log itself says of its length decides."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from newllm.diagnosis.detectors.learning_rate import detect_warm_up
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding
from newllm.trace.readers import read_log

STEPS = range(1, 301)


def loss(step: int) -> float:
    return round(2 + 2.5 * float(np.exp(-step / 80)), 4)


def rate(step: int) -> float:
    return step * 1e-6


def found(path: Path, text: str, name: str = "log.csv") -> list[Finding]:
    (path / name).write_text(text)
    return detect_warm_up(read_log(path / name), Facts())


def table(**columns: Callable[[int], float] | float) -> str:
    cells = {"step": int, "loss": loss, "lr": rate} | columns
    rows = [",".join(str(cell(step) if callable(cell) else cell) for cell in cells.values()) for step in STEPS]
    return "\n".join([",".join(cells), *rows]) + "\n"


def trainer_state(steps: int) -> str:
    rows = [{"epoch": step / 100, "step": step, "loss": loss(step), "learning_rate": rate(step)} for step in STEPS]
    state = {"epoch": 3.0, "global_step": 300, "log_history": rows, "logging_steps": 1, "max_steps": steps}
    return json.dumps(state, indent=2)


def console(line: str, steps: range = STEPS) -> str:
    return "".join(line.format(at=at, loss=loss(at), rate=rate(at), epoch=1 + at // 10) + "\n" for at in steps)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", table(max_steps=300)),
        ("a.csv", table(**{"train/total_steps": 310})),
        ("a.csv", table(epoch=lambda step: step / 10, num_train_epochs=30)),
        ("trainer_state.json", trainer_state(300)),
        ("a.log", console("step {at}/300 loss {loss} lr {rate}")),
        ("a.log", console("Epoch {at}/300 - loss: {loss} - lr: {rate}")),
        ("a.log", console("epoch {epoch}/31 step {at} loss {loss} lr {rate}")),
    ],
)
def test_a_log_that_has_come_to_its_end_says_that_the_warm_up_did_not_end(tmp_path: Path, name: str, text: str) -> None:
    (finding,) = found(tmp_path, text, name)
    assert (finding.kind, finding.severity) == ("warm-up-unfinished", "warning")
    assert [one.id for one in finding.alternatives] == ["finding-warm-up-unfinished.planned"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", table()),  # nobody knows
        ("a.csv", table(max_steps=3000)),  # a run that is young
        ("a.csv", table(epoch=lambda step: step / 10, num_train_epochs=300)),  # as masked autoencoders warm up
        ("a.csv", table(total_steps=lambda step: 8 * step)),  # a count, not a total
        ("a.csv", table(max_steps=60)),  # of an epoch
        ("a.csv", table(epoch=lambda step: step / 200)),
        ("trainer_state.json", trainer_state(3000)),
        ("a.log", console("step {at}/3000 loss {loss} lr {rate}")),
        ("a.log", console("Epoch {at}/800 - loss: {loss} - lr: {rate}")),
        ("a.log", console("Epoch 1/2 step {at}/3000 loss {loss} lr {rate}")),
        ("a.log", console("Epoch 2/2 step {at}/3000 loss {loss} lr {rate}")),
        ("a.log", console("Epoch [1/30], Step [{at}/300], Loss: {loss}, lr: {rate}")),  # the first epoch's end
        ("a.log", "Epoch 1\n" + console("step {at}/300 loss {loss} lr {rate}")),
        ("a.log", console("step {at}/300 loss {loss} lr {rate}") * 2),  # begun anew
        ("a.csv", table(max_steps=300, lr=lambda step: min(step, 250) * 1e-6)),  # it ended
    ],
)
def test_a_log_that_goes_on_or_does_not_say_is_no_warm_up_without_end(tmp_path: Path, name: str, text: str) -> None:
    assert not found(tmp_path, text, name)


@pytest.mark.parametrize("text", [table(epoch=lambda step: step / 60), table(epoch=lambda step: 1 + step // 60)])
def test_several_epochs_without_a_total_are_a_note_that_says_so(tmp_path: Path, text: str) -> None:
    (note,) = found(tmp_path, text)
    assert (note.severity, note.candidate_causes) == ("note", ())
    assert "the log does not say how long the run is" in str(note.sentence)
