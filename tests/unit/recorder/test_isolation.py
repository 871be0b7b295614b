"""A recorder never ends a training: what fails inside it is reported once, and the rest goes on."""

import json
import resource
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import newllm
from newllm.errors import UserError
from newllm.recorder import (
    activations,
    attention,
    calls,
    context_signals,
    gradients,
    influence,
    ledger,
    optimizers,
    outputs,
    pending,
    recorder,
    sampled,
    updates,
    weights,
)
from newllm.recorder.recorder import TRACE
from newllm.trace import Trace, read_trace

STEPS = 12


class Reader(nn.Module):
    """Attention and a recurrence in one small model, so that every part of a recorder has something to see."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.recurrence = nn.GRU(8, 8, batch_first=True)
        self.hidden = nn.Linear(8, 8)
        self.head = nn.Linear(8, 11)

    def forward(self, tokens_BT: torch.Tensor) -> torch.Tensor:
        x_BTD = self.embedding(tokens_BT)
        x_BTD = x_BTD + self.attention(x_BTD, x_BTD, x_BTD)[0]
        return self.head(torch.relu(self.hidden(self.recurrence(x_BTD)[0])))


def nothing(_: Any) -> None:
    """For a training that is not recorded, or in which nothing comes to happen."""


def trained(
    out: Path | None, before_step: Callable[[int], Any] = nothing, last: Callable[[int], Any] = nothing
) -> torch.Tensor:
    """Train for a few steps, recorded or not; return all weights."""
    torch.manual_seed(0)
    model = Reader()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    tokens_BT = torch.randint(11, (2, 9))

    def steps(after: Callable[[torch.Tensor], None]) -> None:
        for step in range(STEPS):
            before_step(step)
            optimizer.zero_grad()
            logits = model(tokens_BT[:, :-1])
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens_BT[:, 1:].flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            after(loss)
        last(STEPS)

    if out is None:
        steps(nothing)
    else:
        with newllm.record(model, optimizer, out, every=1) as recorder:
            steps(recorder.step)
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def fails(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("of all\nthings")


def recorded(out: Path) -> tuple[Trace, list[str]]:
    return read_trace(out / "trace.jsonl"), json.loads((out / "recording.json").read_text())["left_out"]


def phases(out: Path | None) -> torch.Tensor:
    """Train the last layer alone, then all, then the middle one alone; gradients are left from before."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))
    x = torch.randn(4, 6)
    model(x).square().mean().backward()  # gradients of an earlier phase
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    trained = {0: ["4"], 5: ["0", "2", "4"], 10: ["2"]}

    def steps(after: Callable[[torch.Tensor], None]) -> None:
        for step in range(15):
            for name, parameter in model.named_parameters() if step in trained else ():
                parameter.requires_grad_(name[0] in trained[step])
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.grad = None
            loss = model(x).square().mean()
            loss.backward()
            gradients_now = [p.grad.flatten() for p in model.parameters() if p.requires_grad and p.grad is not None]
            lengths.append(float(torch.cat(gradients_now).norm()))
            for parameter in model.parameters():
                if not parameter.requires_grad:
                    parameter.grad = None if step % 2 else parameter.grad
            optimizer.step()
            after(loss)

    lengths: list[float] = []
    if out is None:
        steps(nothing)
    else:
        with newllm.record(model, optimizer, out, every=1) as recorder:
            steps(recorder.step)
        trace = read_trace(out / "trace.jsonl")
        assert trace.series("gradient_norm").value.tolist() == pytest.approx(lengths, rel=1e-5)
        assert len(trace.series("weight_norm/4").step) == 10
        assert len(trace.series("weight_norm/0").step) == 5
        assert len(trace.series("weight_norm/2").step) == 10
        assert "gradient_carried" not in trace.signals
        assert recorded(out)[1] == []
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_layers_that_are_frozen_and_unfrozen_on_the_way_are_recorded_while_they_are_trained(tmp_path: Path) -> None:
    assert torch.equal(phases(tmp_path / "run"), phases(None))


@pytest.mark.parametrize(
    ("place", "name", "part", "lost", "left"),
    [
        (gradients, "gradient_norms", "updates", "gradient_norm", "activation_rms/hidden"),
        (gradients, "dense", "updates", "gradient_norm", "context_norm"),
        (weights, "alike", "updates", "weight_norm/hidden", "log_z"),
        (weights, "_together", "updates", "weight_norm/hidden", "log_z"),  # where the numbers are read, a second later
        (activations, "norm", "activations", "activation_rms/hidden", "attention_entropy/attention"),
        (attention, "statistics", "attention", "attention_entropy/attention", "activation_rms/hidden"),
        (context_signals, "summed_up", "contexts", "context_norm", "gradient_norm"),
        (outputs, "_last_width", "outputs", "", "gradient_norm"),
        (calls, "put_logits", "outputs", "log_z", "activation_rms/hidden"),
        (influence, "main_output", "influence", "later_tokens_seen", "log_z"),
    ],
)
def test_a_part_that_fails_is_reported_once_and_the_training_goes_on(
    place: Any, name: str, part: str, lost: str, left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = trained(None)
    monkeypatch.setattr(pending, "FLUSH_SECONDS", 3600.0)  # a busy machine would read the first step before the second
    monkeypatch.setattr(place, name, fails)
    if not lost:
        assert torch.equal(trained(tmp_path / "run"), expected)  # it is not needed for this model
        return
    with pytest.warns(UserWarning, match=f"recording of {part} stopped, the training goes on: ZeroDiv") as said:
        assert torch.equal(trained(tmp_path / "run"), expected)
    assert len(said) == 1
    trace, left_out = recorded(tmp_path / "run")
    assert left_out == [f"recording of {part} stopped, the training goes on: ZeroDivisionError: of all things"]
    assert len(trace.series("loss").step) == STEPS
    assert lost not in trace.signals
    assert len(trace.series(left).step) == STEPS


def test_what_fails_from_some_step_on_was_recorded_until_then(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, pytest.warns(UserWarning, match="recording of activations stopped"):
        trained(tmp_path / "run", lambda step: patch.setattr(activations, "norm", fails) if step == 5 else None)
    assert len(recorded(tmp_path / "run")[0].series("activation_rms/hidden").step) == 5


def test_warnings_that_are_errors_end_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = trained(None)
    monkeypatch.setattr(activations, "norm", fails)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(trained(tmp_path / "run"), expected)
    assert len(recorded(tmp_path / "run")[1]) == 1


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file of this process grow past a few bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_a_disk_that_is_full_for_a_while_ends_no_training_and_costs_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "FLUSH_SECONDS", 0.0)  # every step is written at once
    expected, full = trained(None), ExitStack()

    def fill(step: int) -> None:
        if step == 3:
            full.enter_context(no_room())
        if step == 8:
            full.close()

    with full, pytest.warns(UserWarning, match="waits to be written, the training goes on: no room to write") as said:
        assert torch.equal(trained(tmp_path / "run", fill), expected)
    assert len(said) == 1
    trace, left_out = recorded(tmp_path / "run")
    assert trace.series("loss").step.tolist() == list(range(1, STEPS + 1))
    assert len(left_out) == 1


@pytest.mark.parametrize("most", [10_000, 5])
def test_a_disk_that_stays_full_ends_no_training(most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(recorder, "MOST_WAITING", most)
    expected, full = trained(None), ExitStack()
    with full, pytest.warns(UserWarning, match="no room to write") as said:
        found = trained(tmp_path / "run", lambda step: full.enter_context(no_room()) if step == 3 else None)
    assert torch.equal(found, expected)
    assert ("recording of all signals stopped" in str(said[-1].message)) == (most == 5)
    assert len(read_trace(tmp_path / "run" / "trace.jsonl").series("loss").step) == 3


def test_numbers_that_cannot_be_read_end_the_recording_and_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "FLUSH_SECONDS", 0.0)
    expected = trained(None)
    with pytest.warns(UserWarning, match="recording of all signals stopped, the training goes on: ZeroDiv") as said:
        found = trained(tmp_path / "run", lambda step: step == 3 and monkeypatch.setattr(pending, "_read", fails))
    assert torch.equal(found, expected)
    assert len(said) == 1 + 1  # and the rows that were left at the end
    assert len(read_trace(tmp_path / "run" / "trace.jsonl").series("loss").step) == 3


WRONG: dict[str, Callable[[Any], None]] = {
    "step": lambda recorder: recorder.step(None),
    "validation": lambda recorder: recorder.validation(torch.ones(3)),
    "metrics": lambda recorder: recorder.metrics({"device": "cpu", "reward": 1.5}),
    "note": lambda recorder: recorder.note("curriculum", 100),
    "data": lambda recorder: recorder.data(3, 4),
}


@pytest.mark.parametrize("call", WRONG)
def test_wrong_arguments_are_an_error_at_first_and_end_no_training_later(call: str, tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        with pytest.raises((UserError, TypeError)):
            WRONG[call](recorder)
        recorder.step(1.0)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            for _ in range(3):
                WRONG[call](recorder)
        recorder.step(2.0)
    assert [str(one.message).split(",")[0] for one in told] == [f"recorder.{call}() was given what it cannot record"]
    said = json.loads((tmp_path / "run" / "recording.json").read_text(encoding="utf-8"))
    assert said["left_out"] == [str(one.message) for one in told]
    trace = read_trace(tmp_path / "run" / TRACE)
    losses = {1: 1.0, 5: 2.0} if call == "step" else {1: 1.0, 2: 2.0}  # a step counts, whatever its loss
    assert dict(zip(trace.series("loss").step.tolist(), trace.series("loss").value.tolist(), strict=True)) == losses
    assert trace.series("reward").value.tolist() == ([1.5] if call == "metrics" else [])


ENDS = [
    (ledger.Ledger, "close", "ledger"),
    (updates.UpdateWatch, "close", "updates"),
    (context_signals.ContextSignals, "close", "contexts"),
    (optimizers.Optimizers, "close", "optimizers"),
    (calls.CallWatch, "close", "outputs"),
    (calls.CallWatch, "begin", "all signals"),
    (calls.CallWatch, "put", "all signals"),
    (sampled.SampledForward, "close", "layers"),
    (influence.InfluenceWatch, "close", "influence"),
    (calls, "first_tensor", "calls"),
    (calls, "_is_small", "calls"),
]


@pytest.mark.parametrize(("place", "name", "part"), ENDS)
@pytest.mark.parametrize("since", [0, 5, STEPS])
def test_what_fails_at_a_begin_or_an_end_ends_no_training(
    place: Any, name: str, part: str, since: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = trained(None)

    def fail(step: int) -> None:
        if step == since:
            monkeypatch.setattr(place, name, fails)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert torch.equal(trained(tmp_path / "run", fail, last=fail), expected)
    said = [str(one.message) for one in told]
    assert len(said) <= 1
    assert all("stopped, the training goes on: ZeroDivisionError" in one for one in said)
    if name == "close":
        assert f"recording of {part} stopped" in said[0]
    trace, left_out = recorded(tmp_path / "run")
    assert left_out == said
    assert len(trace.series("loss").step) >= min(since, STEPS) - 1
    if name == "close":
        assert len(trace.series("loss").step) == STEPS  # what takes hooks away is no reason to stop


def test_a_part_that_failed_still_takes_its_hooks_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activations, "norm", fails)
    model = Reader()
    watched = newllm.record(model, torch.optim.Adam(model.parameters()), tmp_path / "run")
    with pytest.warns(UserWarning, match="recording of activations stopped"):
        model(torch.randint(11, (2, 9))).sum().backward()
    watched.close()
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in model.modules())


def test_an_error_of_the_training_is_not_hidden_by_one_of_the_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = nn.Linear(2, 1)
    monkeypatch.setattr(ledger.Ledger, "close", fails)
    with (
        pytest.warns(UserWarning, match="recording of ledger stopped"),
        pytest.raises(KeyError, match="of the loop"),
        newllm.record(model, torch.optim.SGD(model.parameters(), 0.1), tmp_path / "run"),
    ):
        raise KeyError("of the loop")


def test_a_flush_after_the_end_is_told_and_ends_no_training(tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    with newllm.record(model, torch.optim.SGD(model.parameters(), 0.1), tmp_path / "run") as watched:
        watched.step(1.0)
    with pytest.warns(UserWarning, match="recorder.flush.. was given what it cannot record.*is closed"):
        watched.flush()
