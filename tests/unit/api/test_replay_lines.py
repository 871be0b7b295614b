"""What a script's `newllm.replay` says while a person waits for it."""

import io

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import newllm
from newllm.api.replay_lines import PLAIN_SECONDS, ReplayLines
from newllm.messages import catalogue
from newllm.replays.watcher import Watcher


def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:  # noqa: ARG001
    model = nn.Linear(8, 3)
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


def batch(step: int) -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(step)
    x = torch.rand(16, 8, generator=chance)
    return x * (1000 if step == 40 else 1), (x.argmax(1) > 3).long()


def loss(model: nn.Module, given: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(given[0]), given[1])


@pytest.fixture(scope="module")
def loop() -> newllm.Loop:
    return newllm.Loop(build, batch, loss, steps=80)


def test_a_script_says_what_it_does(loop: newllm.Loop, capsys: pytest.CaptureFixture[str]) -> None:
    newllm.replay(loop, only=("half-learning-rate",), budget=20)
    out, err = capsys.readouterr()
    assert out == ""  # the script's own
    lines = err.splitlines()
    assert lines[0].startswith("note: loss jumps from")
    assert "null replays: up to " in err
    assert "screening: up to " in err


def test_who_wants_no_lines_gives_a_watcher(loop: newllm.Loop, capsys: pytest.CaptureFixture[str]) -> None:
    newllm.replay(loop, only=("half-learning-rate",), budget=20, watcher=Watcher())
    assert capsys.readouterr() == ("", "")


def test_a_long_training_says_now_and_then_how_far_it_is() -> None:
    now, stream = [0.0], io.StringIO()
    lines = ReplayLines(stream, catalogue("en"), lambda: now[0])
    for step in range(1, 101):
        now[0] = step * PLAIN_SECONDS / 25
        lines.trained(step, 1000)
    lines.planned("screen", 7)
    now[0] += PLAIN_SECONDS
    lines.replayed("screen", "sgd", 2, True, 1.0)
    assert stream.getvalue().splitlines() == [
        *(f"the training runs once: step {step} of 1,000" for step in (25, 50, 75, 100)),
        "screening: up to 7 replays",
        "screening 1/7   sgd #2 spiked   10 s",  # of the budget, of which the training is no part
    ]


def test_an_injected_cause_is_told_from_a_change_and_from_nothing() -> None:
    now, stream = [0.0], io.StringIO()
    lines = ReplayLines(stream, catalogue("en"), lambda: now[0])
    for name in ("unmodified", "sgd"):
        for stage in ("screen", "reverse test"):
            lines.planned(stage, 1)
            now[0] += PLAIN_SECONDS
            lines.replayed(stage, name, 0, True, 1.0)
    said = [line.split("   ")[1] for line in stream.getvalue().splitlines() if "   " in line]
    assert said == ["unmodified #0 spiked", "unmodified #0 spiked", "sgd #0 spiked", "sgd (cause injected) #0 spiked"]
