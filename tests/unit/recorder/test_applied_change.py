"""What `newllm replay RECORDING` changes inside a program: by the environment, in some steps, and in no other."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

import newllm
from newllm.errors import UserError
from newllm.recorder import applied_change
from newllm.trace.program import CHANGE, CHANGED
from newllm.trace.readers import read_log

OPTIMIZERS: dict[str, Callable[[list[nn.Parameter]], torch.optim.Optimizer]] = {
    "sgd": lambda given: torch.optim.SGD(given, 0.1, momentum=0.9, weight_decay=0.01),
    "adam": lambda given: torch.optim.AdamW(given, 0.01),
    "captured": lambda given: torch.optim.AdamW(given, torch.tensor(0.01)),  # its rate is read in place
}


Meddle = Callable[[int, nn.Module, torch.optim.Optimizer], None]


def train(
    out: Path,
    optimizer: str = "sgd",
    steps: int = 12,
    at: Meddle | None = None,
    carries: int = 99,
    *,
    is_closed: bool = False,
) -> list[torch.Tensor]:
    """Train a small model, and return its weights after each step; from step `carries` on no gradient is cleared.

    With `is_closed` the optimizer's step calls for the gradients itself, as Lightning lets it.
    """
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    given = OPTIMIZERS[optimizer](list(model.parameters()))
    return trained(out, model, given, steps, at, carries, is_closed=is_closed)


def trained(
    out: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    steps: int,
    at: Meddle | None,
    carries: int = 99,
    *,
    is_closed: bool = False,
) -> list[torch.Tensor]:
    seen = []
    with newllm.record(model, optimizer, out=out) as recorder:
        for step in range(1, steps + 1):
            if at is not None and not is_closed:
                at(step, model, optimizer)
            x = torch.randn(16, 4)

            def closure(x: torch.Tensor = x, step: int = step) -> torch.Tensor:
                if at is not None and is_closed:
                    at(step, model, optimizer)
                loss = mse_loss(model(x), x[:, :3])
                if step < carries:
                    optimizer.zero_grad()
                loss.backward()
                return loss

            if is_closed:
                loss = cast(Any, optimizer).step(closure)
            else:
                loss = closure()
                optimizer.step()
            recorder.step(loss)
            seen.append(torch.cat([one.detach().flatten() for one in model.parameters()]))
    return seen


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> list[bool]:
    return [torch.equal(a, b) for a, b in zip(one, other, strict=True)]


def change(monkeypatch: pytest.MonkeyPatch, kind: str, first: int, last: int, **known: object) -> None:
    monkeypatch.setenv(CHANGE, json.dumps({"kind": kind, "first": first, "last": last, **known}))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def glitch(step: int, _: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    set_rate(optimizer, 1.0 if step in (6, 7) else 0.05)


def steady(_: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    glitch(0, model, optimizer)


@pytest.mark.parametrize("is_closed", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_setting_is_held_at_what_it_was_before(tmp_path, monkeypatch, optimizer, is_closed):
    def run(name: str, at: Meddle) -> list[torch.Tensor]:
        return train(tmp_path / name, optimizer, at=at, is_closed=is_closed)

    wrong, sound = run("wrong", glitch), run("sound", steady)
    assert same(wrong, sound) == [True] * 5 + [False] * 7
    change(monkeypatch, "hold", 6, 12, settings=["lr"])
    assert all(same(run("held", glitch), sound))
    assert (tmp_path / "held" / CHANGED).is_file()
    assert not (tmp_path / "wrong" / CHANGED).exists()
    assert read_log(tmp_path / "held").series("loss").value.tolist() == (
        read_log(tmp_path / "sound").series("loss").value.tolist()
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_rate_is_held_at_its_highest(tmp_path, monkeypatch, optimizer):
    def restarted(factor: float) -> Meddle:
        return lambda step, _, made: set_rate(made, 0.05 / step if step < 8 else factor * 0.05)

    wanted = train(tmp_path / "sound", optimizer, at=restarted(1.0))
    change(monkeypatch, "cap", 8, 12, settings=["lr"])
    assert all(same(train(tmp_path / "capped", optimizer, at=restarted(20.0)), wanted))
    lower = train(tmp_path / "lower", optimizer, at=restarted(0.5))
    monkeypatch.delenv(CHANGE)
    assert all(same(train(tmp_path / "alone", optimizer, at=restarted(0.5)), lower))  # what is lower is left


def test_a_group_that_is_added_is_held_as_the_first_one(tmp_path, monkeypatch):
    def run(name: str, rate: float) -> list[torch.Tensor]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3))

        def unfreeze(step: int, _: nn.Module, optimizer: torch.optim.Optimizer) -> None:
            if step == 5:
                optimizer.add_param_group({"params": list(model[0].parameters()), "lr": rate})

        return trained(tmp_path / name, model, torch.optim.SGD(model[1].parameters(), 0.05), 8, unfreeze)

    wanted = run("sound", 0.05)
    change(monkeypatch, "hold", 5, 8, settings=["lr"])
    assert all(same(run("held", 3.0), wanted))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_rate_is_multiplied_in_its_steps_alone_and_a_schedule_goes_on(tmp_path, monkeypatch, optimizer):
    def high(step: int, _: nn.Module, made: torch.optim.Optimizer) -> None:
        set_rate(made, 0.05 * (20 if step in (6, 7) else 1))

    wanted = train(tmp_path / "high", optimizer, at=high)
    change(monkeypatch, "scale", 6, 7, factor=20.0)
    assert all(same(train(tmp_path / "scaled", optimizer, at=steady), wanted))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_gradients_that_are_carried_over_are_cleared(tmp_path, monkeypatch, optimizer):
    sound, wrong = train(tmp_path / "sound", optimizer), train(tmp_path / "wrong", optimizer, carries=6)
    assert same(wrong, sound) == [True] * 5 + [False] * 7
    change(monkeypatch, "clear", 5, 12)
    assert all(same(train(tmp_path / "cleared", optimizer, carries=6), sound))
    assert all(same(train(tmp_path / "as it was", optimizer), sound))
    change(monkeypatch, "clear", 5, 8)
    assert same(train(tmp_path / "in part", optimizer, carries=6), sound) == [True] * 9 + [False] * 3


@pytest.mark.parametrize("is_closed", [False, True])
def test_updates_are_left_out(tmp_path, monkeypatch, is_closed):
    for optimizer in OPTIMIZERS:
        change(monkeypatch, "skip", 4, 6)
        weights = train(tmp_path / optimizer, optimizer, is_closed=is_closed)
        assert same(weights[3:6], [weights[2]] * 3) == [True] * 3
        assert not torch.equal(weights[6], weights[5])


@pytest.mark.parametrize("is_closed", [False, True])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_updates_by_gradients_that_are_not_finite_are_left_out(tmp_path, monkeypatch, value, is_closed):
    def damage(step: int, model: nn.Module, _: torch.optim.Optimizer) -> None:
        if step == 5:
            handles.append(next(model.parameters()).register_hook(lambda given: value * given))
        elif step == 6:
            handles.pop().remove()

    handles: list[Any] = []
    for optimizer in OPTIMIZERS:
        change(monkeypatch, "sift", 4, 12)
        weights = train(tmp_path / optimizer, optimizer, at=damage, is_closed=is_closed)
        assert torch.equal(weights[4], weights[3])
        assert all(bool(torch.isfinite(one).all()) for one in weights)
        assert (tmp_path / optimizer / CHANGED).is_file()
        calm = train(tmp_path / f"{optimizer}-calm", optimizer, is_closed=is_closed)
        assert not (tmp_path / f"{optimizer}-calm" / CHANGED).exists()  # of a sound training nothing is left out
        monkeypatch.delenv(CHANGE)
        assert all(same(train(tmp_path / f"{optimizer}-alone", optimizer, is_closed=is_closed), calm))


@pytest.mark.parametrize("is_closed", [False, True])
def test_the_gradient_is_clipped(tmp_path, monkeypatch, is_closed):
    change(monkeypatch, "clip", 5, 12, norm=1e-9)
    weights = train(tmp_path / "run", "adam", is_closed=is_closed)
    plain = train(tmp_path / "again", "adam", is_closed=is_closed) if not monkeypatch.delenv(CHANGE) else []
    assert same(weights, plain) == [True] * 4 + [False] * 8


def test_what_others_write_is_undone(tmp_path, monkeypatch):
    def damaged(step: int, model: nn.Module, made: torch.optim.Optimizer) -> None:
        if step == 8:
            with torch.no_grad():
                next(model.parameters()).mul_(3)
                for own in made.state.values():
                    for one in own.values():
                        if isinstance(one, torch.Tensor) and one.dim():
                            one.zero_()

    for optimizer in OPTIMIZERS:
        monkeypatch.delenv(CHANGE, raising=False)
        sound = train(tmp_path / f"sound-{optimizer}", optimizer)
        assert same(train(tmp_path / f"wrong-{optimizer}", optimizer, at=damaged), sound)[7:] == [False] * 5
        change(monkeypatch, "keep-state", 3, 12)
        assert all(same(train(tmp_path / f"kept-{optimizer}", optimizer, at=damaged), sound))
        assert (tmp_path / f"kept-{optimizer}" / CHANGED).is_file()
        train(tmp_path / f"nothing-{optimizer}", optimizer)
        assert not (tmp_path / f"nothing-{optimizer}" / CHANGED).exists()  # there was nothing to undo


def test_only_the_recording_that_is_meant_is_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(applied_change, "_RECORDINGS", [])
    change(monkeypatch, "skip", 4, 6, nth=2)
    for name in ("first", "second", "third"):
        train(tmp_path / name)
    assert [(tmp_path / name / CHANGED).is_file() for name in ("first", "second", "third")] == [False, True, False]


@pytest.mark.parametrize("text", [
    "{", "[]", '{"kind": "x", "first": 1, "last": 2}', '{"kind": "skip", "first": 3, "last": 2}',
    '{"kind": "scale", "first": 1, "last": 2}',
])  # fmt: skip
def test_what_is_no_change_is_refused_before_the_training_begins(tmp_path, monkeypatch, text):
    monkeypatch.setenv(CHANGE, text)
    with pytest.raises(UserError, match="only newllm sets it"):
        train(tmp_path / "run")


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_change_that_fails_ends_no_training(tmp_path, monkeypatch, is_closed):
    change(monkeypatch, "clip", 1, 12, norm=1.0)
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", None)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert len(train(tmp_path / "run", is_closed=is_closed)) == 12
    assert any("change" in str(one.message) for one in said)
    assert not (tmp_path / "run" / CHANGED).exists()
