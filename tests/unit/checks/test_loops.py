"""What a step of the user's own loop shows: its order, its mode, what it freezes, its schedule; all is put back."""

import argparse
import random
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.checks.healthy import VOCABULARY, Words, classes, mlp, table
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import lr_scheduler

import newllm
from newllm import UserError
from newllm.checks import CheckReport

BATCH = Any


class Loop:
    """A training loop: a step, and what it needs."""

    def __init__(self, model: nn.Module | None = None, optimizer: Any = torch.optim.AdamW, **options: Any) -> None:
        torch.manual_seed(0)
        self.model = model or mlp()
        self.optimizer = optimizer(self.model.parameters(), lr=1e-2, **options)
        self.schedule: Any = lr_scheduler.CosineAnnealingLR(self.optimizer, 100)
        self.calls, self.losses = 0, [0.0]

    def step(self, batch: BATCH) -> float:
        self.calls += 1
        self.clear()
        loss = self.loss(batch)
        loss.backward()
        self.update()
        self.losses.append(loss.item())
        return loss.item()

    def loss(self, batch: BATCH) -> Tensor:
        return classes(self.model, batch)

    def clear(self) -> None:
        self.optimizer.zero_grad()

    def update(self) -> None:
        clip_grad_norm_(self.model.parameters(), 0.1)
        self.optimizer.step()
        self.schedule.step()

    def checked(self, **more: Any) -> CheckReport:
        return newllm.check(self.model, self.optimizer, classes, table(), step=self.step, seconds=60, **more)


class NeverClears(Loop):
    def clear(self) -> None:
        pass


class ClearsTooLate(Loop):
    def update(self) -> None:
        self.optimizer.zero_grad()
        super().update()


class UpdatesFirst(Loop):
    """Cleared, updated, and only then computed."""

    def step(self, batch: BATCH) -> float:
        self.optimizer.zero_grad()
        loss = self.loss(batch)
        self.optimizer.step()
        loss.backward()
        self.schedule.step()
        return loss.item()


class NeverComputes(Loop):
    def step(self, batch: BATCH) -> float:
        self.optimizer.zero_grad()
        loss = self.loss(batch)
        self.optimizer.step()
        self.schedule.step()
        return loss.item()


class OneStepLate(Loop):
    """Each update uses the gradients of the call before, as where the two run side by side."""

    def step(self, batch: BATCH) -> float:
        self.optimizer.step()
        self.optimizer.zero_grad()
        loss = self.loss(batch)
        loss.backward()
        self.schedule.step()
        return loss.item()


class UpdatesTwice(Loop):
    def update(self) -> None:
        self.optimizer.step()
        super().update()


class ByHand(Loop):
    """Gradients are written into the parameters, without a backward pass."""

    def step(self, batch: BATCH) -> float:
        loss, parameters = self.loss(batch), list(self.model.parameters())
        for each, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            each.grad = gradient
        self.optimizer.step()
        self.schedule.step()
        return loss.item()


class InThePass(Loop):
    """Each parameter is moved while the pass goes on, and the optimizer finds nothing to do."""

    def __init__(self) -> None:
        super().__init__()
        for each in self.model.parameters():
            each.register_post_accumulate_grad_hook(self.move)

    def move(self, parameter: Tensor) -> None:
        assert parameter.grad is not None
        parameter.data -= 0.01 * parameter.grad
        parameter.grad = None

    def update(self) -> None:
        self.optimizer.step()
        self.schedule.step()


class ClearsToZero(Loop):
    def clear(self) -> None:
        self.optimizer.zero_grad(set_to_none=False)


class ClipsTooLate(Loop):
    def update(self) -> None:
        self.optimizer.step()
        clip_grad_norm_(self.model.parameters(), 0.01)
        self.schedule.step()


class Accumulates(Loop):
    def clear(self) -> None:
        if self.calls % 2:
            self.optimizer.zero_grad()

    def update(self) -> None:
        if not self.calls % 2:
            super().update()


class Scales(Loop):
    """A scaled loss in full precision, as GradScaler does it."""

    def update(self) -> None:
        for each in self.model.parameters():
            if each.grad is not None:
                each.grad /= 1024
        super().update()

    def loss(self, batch: BATCH) -> Tensor:
        return super().loss(batch) * 1024


class StaysInEvaluation(Loop):
    def __init__(self) -> None:
        super().__init__(nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 3)))

    def update(self) -> None:
        super().update()
        if self.calls == 2:
            self.model.eval()


class Evaluates(StaysInEvaluation):
    def update(self) -> None:
        Loop.update(self)
        self.model.eval()
        with torch.no_grad():
            self.loss(table())
        self.model.train()


class FreezesByHand(Loop):
    """Half of a weight, by its gradient."""

    def __init__(self, *, restores: bool) -> None:
        super().__init__(weight_decay=0.1)
        self.restores = restores

    def update(self) -> None:
        weight = self.model.get_parameter("0.weight")
        assert weight.grad is not None
        weight.grad[:16] = 0
        before = weight.detach()[:16].clone()
        super().update()
        if self.restores:
            weight.data[:16] = before


class StepsTwice(Loop):
    def update(self) -> None:
        super().update()
        self.schedule.step()


class OncePerEpoch(Loop):
    def __init__(self) -> None:
        super().__init__()
        self.schedule = lr_scheduler.StepLR(self.optimizer, 10, 0.01)

    def update(self) -> None:
        self.optimizer.step()
        if not self.calls % 4:
            self.schedule.step()


class Sparse(Loop):
    """An embedding whose gradient is sparse."""

    def __init__(self) -> None:
        super().__init__(Words(), torch.optim.SGD)

    def update(self) -> None:
        self.optimizer.step()
        self.schedule.step()

    def checked(self, **more: Any) -> CheckReport:
        batch = torch.randint(0, VOCABULARY, (16, 8)), torch.randint(0, 3, (16,))
        return newllm.check(self.model, self.optimizer, classes, batch, step=self.step, seconds=60, **more)


class TwoOptimizers(Loop):
    def __init__(self) -> None:
        super().__init__()
        first, _, second = self.model.children()
        self.optimizer = torch.optim.AdamW(first.parameters(), 1e-2)
        self.second = torch.optim.SGD(second.parameters(), 1e-2)
        self.schedule = lr_scheduler.CosineAnnealingLR(self.optimizer, 100)

    def clear(self) -> None:
        self.model.zero_grad()

    def update(self) -> None:
        super().update()
        self.second.step()


class Adversaries(Loop):
    """The loss of another model leaves gradients here after the update, which the next step clears."""

    def update(self) -> None:
        super().update()
        self.loss(table()).backward()


SOUND = {"step-order": "sound", "step-mode": "sound", "schedule": "sound", "step-frozen": "unchecked"}
CASES: dict[str, tuple[Callable[[], Loop], dict[str, str]]] = {
    "sound": (Loop, SOUND),
    "of zeros": (ClearsToZero, SOUND),
    "with momentum": (lambda: Loop(optimizer=torch.optim.SGD, momentum=0.9), SOUND),
    "accumulates": (Accumulates, SOUND),
    "scales": (Scales, SOUND),
    "evaluates": (Evaluates, SOUND),
    "sparse": (Sparse, SOUND),
    "two optimizers": (TwoOptimizers, SOUND),
    "adversaries": (Adversaries, SOUND),
    "one step late": (OneStepLate, SOUND),
    "gradients by hand": (ByHand, {"step-order": "sound"}),
    "in the pass": (InThePass, {"step-order": "sound"}),
    "updates first": (UpdatesFirst, {"step-order": "wrong"}),
    "never computes": (NeverComputes, {"step-order": "wrong"}),
    "updates twice": (UpdatesTwice, {"step-order": "wrong"}),
    "never clears": (NeverClears, {"step-order": "wrong"}),
    "clears too late": (ClearsTooLate, {"step-order": "wrong"}),
    "clips too late": (ClipsTooLate, {"step-order": "wrong"}),
    "stays in evaluation": (StaysInEvaluation, {"step-mode": "wrong", "step-order": "sound"}),
    "freezes by hand": (lambda: FreezesByHand(restores=False), {"step-frozen": "wrong", "step-order": "sound"}),
    "freezes and restores": (lambda: FreezesByHand(restores=True), {"step-frozen": "sound"}),
    "steps twice": (StepsTwice, {"schedule": "wrong"}),
    "once per epoch": (OncePerEpoch, {"schedule": "unchecked"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_step_is_seen_through(name: str) -> None:
    make, expected = CASES[name]
    report = make().checked()
    said = {outcome.probe: outcome.status for outcome in report.outcomes}
    assert {probe: said[probe] for probe in expected} == expected, str(report)
    assert {outcome.probe for outcome in report.wrong} == {probe for probe, one in expected.items() if one == "wrong"}


def test_all_that_a_step_holds_comes_back() -> None:
    loop = Evaluates()
    chance, counts, drawn = torch.Generator().manual_seed(3), {"n": 0}, random.Random(4)
    average = torch.optim.swa_utils.AveragedModel(loop.model)
    inner, calls = loop.step, 0

    def step(batch: BATCH) -> None:
        nonlocal calls
        calls += 1
        counts["n"] += 1
        torch.rand(3, generator=chance)
        drawn.random()
        inner(batch)
        average.update_parameters(loop.model)

    def state() -> list[Any]:
        moments = [value.tolist() for held in loop.optimizer.state.values() for value in held.values()]
        return [
            [each.tolist() for each in [*loop.model.parameters(), *average.parameters(), *average.buffers()]], moments,
            loop.schedule.state_dict(), loop.optimizer.param_groups[0]["lr"], loop.calls, list(loop.losses), calls,
            dict(counts), chance.get_state().tolist(), drawn.getstate(), loop.model.training,
            torch.get_rng_state().tolist(), [each.grad is None for each in loop.model.parameters()],
        ]  # fmt: skip

    loop.step(table())
    before = state()
    batch = table()
    torch.set_rng_state(torch.tensor(before[-2], dtype=torch.uint8))
    report = newllm.check(loop.model, loop.optimizer, classes, batch, step=step, seconds=60)
    assert report.wrong == []
    assert state() == before


def test_the_first_step_after_a_check_may_use_its_loss_scale() -> None:
    """A GradScaler notes in a defaultdict that an optimizer was stepped, and refuses a second time."""
    loop, scaler = Loop(), torch.amp.GradScaler("cpu")

    def step(batch: BATCH) -> None:
        loop.clear()
        scaler.scale(loop.loss(batch)).backward()
        scaler.step(loop.optimizer)
        scaler.update()

    report = newllm.check(loop.model, loop.optimizer, classes, table(), step=step, seconds=60)
    assert next(each for each in report.outcomes if each.probe == "step-order").status == "sound"
    step(table())


def test_what_a_step_keeps_in_other_containers_comes_back() -> None:
    loop, options, seeds = Loop(), argparse.Namespace(calls=0, seen=[]), np.random.SeedSequence(3)
    counts, last, by_name = Counter("aab"), deque([1.0, 2.0], maxlen=2), defaultdict(list, {"loss": [1.0]})
    ordered = OrderedDict(first=[0])

    def step(batch: BATCH) -> None:
        options.calls += 1
        options.seen.append(options.calls)
        counts["a"] += 1
        last.append(loop.step(batch))
        by_name["loss"].append(last[-1])
        by_name["late"].append(float(np.random.default_rng(seeds).random()))
        ordered["first"].append(1)
        ordered.move_to_end("second") if "second" in ordered else ordered.setdefault("second", [2])

    report = newllm.check(loop.model, loop.optimizer, classes, table(), step=step, seconds=60)
    assert next(each for each in report.outcomes if each.probe == "step-order").status == "sound"
    assert (options, counts) == (argparse.Namespace(calls=0, seen=[]), {"a": 2, "b": 1})
    assert (list(last), last.maxlen) == ([1.0, 2.0], 2)
    assert (by_name, by_name.default_factory) == ({"loss": [1.0]}, list)
    assert list(ordered.items()) == [("first", [0])]


def test_groups_that_a_step_adds_and_takes_away_come_back() -> None:
    loop = Loop()
    further = nn.Parameter(torch.zeros(3))

    def adds(batch: BATCH) -> None:
        loop.step(batch)
        if len(loop.optimizer.param_groups) == 1:
            loop.optimizer.add_param_group({"params": [further]})

    def takes_away(batch: BATCH) -> None:
        loop.step(batch)
        loop.optimizer.param_groups.clear()

    groups = loop.optimizer.param_groups
    held = [*groups]
    for step in (adds, takes_away):
        newllm.check(loop.model, loop.optimizer, classes, table(), step=step, seconds=60)
        assert loop.optimizer.param_groups is groups
        assert [id(each) for each in groups] == [id(each) for each in held]


def test_an_error_in_the_step_is_said_and_leaves_no_trace() -> None:
    loop = Loop()

    def step(batch: BATCH) -> None:
        loop.step(batch)
        raise RuntimeError("out of ideas")

    before = [each.tolist() for each in loop.model.parameters()]
    report = newllm.check(loop.model, loop.optimizer, classes, table(), step=step, seconds=60)
    said = {outcome.probe: outcome for outcome in report.outcomes}
    assert said["step-order"].status == "unchecked"
    assert "out of ideas" in str(said["step-order"].sentence)
    assert [each.tolist() for each in loop.model.parameters()] == before
    assert (loop.calls, loop.schedule.last_epoch) == (0, 0)


def test_an_optimizer_with_a_closure_is_not_checked() -> None:
    model = mlp()
    optimizer = torch.optim.LBFGS(model.parameters())
    batch = table()

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = classes(model, batch)
        loss.backward()
        return loss

    report = newllm.check(model, optimizer, classes, batch, step=lambda _: optimizer.step(closure), seconds=60)
    said = {outcome.probe: str(outcome.sentence) for outcome in report.of("unchecked")}
    assert "a closure" in said["step-order"]
    assert report.wrong == []


def _warm_up(steps: int) -> Callable[[Any], Any]:
    return lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda at: min(1.0, (at + 1) / steps))


@pytest.mark.parametrize(
    ("make", "steps", "said"),
    [
        (lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 100), 100, "ends at"),
        (lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 100), 170, "T_max"),
        (lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 50), 170, "ends at"),
        (lambda optimizer: lr_scheduler.LinearLR(optimizer, 1.0, 0.0, 60), 100, "from step 60 of 100"),
        (lambda optimizer: lr_scheduler.LinearLR(optimizer, 1.0, 0.0, 100), 100, "ends at"),
        (lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=60), 100, "after 60 of 100"),
        (lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=100), 100, "ends at"),
        (_warm_up(500), 100, "longer than the run"),
        (_warm_up(50), 100, "ends at"),
        (lambda optimizer: lr_scheduler.StepLR(optimizer, 30, 0.1), 100, "ends at"),
        (
            lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda at: 20.0 if 60 <= at < 65 else 1.0),
            100,
            "20 times",
        ),
        (lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda at: 0.01 if at == 0 else 1.0), 100, "ends at"),
        (lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer), 100, "measured"),
        (
            lambda optimizer: lr_scheduler.SequentialLR(
                optimizer,
                [lr_scheduler.LinearLR(optimizer, 0.1, 1, 10), lr_scheduler.CosineAnnealingLR(optimizer, 90)],
                [10],
            ),
            100,
            "ends at",
        ),
    ],
)
def test_a_schedule_is_tried_over_the_run(make: Callable[[Any], Any], steps: int, said: str) -> None:
    loop = Loop()
    loop.schedule = make(loop.optimizer)
    if said == "measured":
        loop.schedule.step = lambda: None
    before = loop.schedule.state_dict(), loop.optimizer.param_groups[0]["lr"]
    report = loop.checked(steps=steps)
    outcome = next(each for each in report.outcomes if each.probe == "schedule")
    assert said in str(outcome.sentence)
    assert outcome.status == {"ends at": "sound", "measured": "unchecked"}.get(said, "wrong")
    assert report.wrong == [outcome] * (outcome.status == "wrong")
    assert (loop.schedule.state_dict(), loop.optimizer.param_groups[0]["lr"]) == before


def test_a_schedule_alone_is_right_where_it_may_be_one_of_epochs() -> None:
    loop = Loop()
    schedule = lr_scheduler.StepLR(loop.optimizer, 1, 0.1)
    report = newllm.check(loop.model, loop.optimizer, classes, table(), scheduler=schedule, steps=100, seconds=60)
    said = {outcome.probe: str(outcome.sentence) for outcome in report.of("unchecked")}
    assert "once per epoch" in said["schedule"]
    jumping = lr_scheduler.LambdaLR(loop.optimizer, lambda at: 20.0 if at == 60 else 1.0)
    report = newllm.check(loop.model, loop.optimizer, classes, table(), scheduler=jumping, steps=100, seconds=60)
    said = {outcome.probe: str(outcome.sentence) for outcome in report.of("unchecked")}
    assert "jumps at step 60 to 0.2, 20 times the highest before" in said["schedule"]
    other = lr_scheduler.StepLR(torch.optim.SGD(mlp().parameters(), 0.1), 1, 0.1)
    report = newllm.check(loop.model, loop.optimizer, classes, table(), scheduler=other, seconds=60)
    assert [str(outcome.sentence) for outcome in report.wrong] == [
        "the schedule belongs to another optimizer, and does not change the learning rate of this one"
    ]


@pytest.mark.parametrize(("more", "says"), [({"step": 3}, "step is of type int"), ({"steps": 0}, "steps is 0")])
def test_mistakes_are_one_line(more: dict[str, Any], says: str) -> None:
    loop = Loop()
    with pytest.raises(UserError, match=says):
        newllm.check(loop.model, loop.optimizer, classes, table(), **more)
