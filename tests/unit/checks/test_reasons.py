"""What may be meant is never called wrong: it could not be checked, and the reason says what was seen."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.unit.checks.asked import answer, asked
from tests.unit.checks.healthy import classes, mlp, table
from torch import Tensor, nn
from torch.optim import lr_scheduler

import newllm
from newllm.checks import CheckReport
from newllm.checks.outcome import Outcome


def of(report: CheckReport, probe: str) -> Outcome:
    return next(each for each in report.outcomes if each.probe == probe)


def reason(report: CheckReport, probe: str) -> tuple[str, str]:
    outcome = of(report, probe)
    return outcome.status, outcome.sentence.id.rpartition(".")[2]


class ByMode(nn.Module):
    """Its outputs are larger in evaluation mode, without anything that says so."""

    def __init__(self, factor: float, *more: nn.Module) -> None:
        super().__init__()
        self.layers, self.factor = mlp(3, *more), factor

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) * (1.0 if self.training else self.factor)


class Drops(nn.Module):
    """Dropout in training mode, by a function."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = mlp()

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(self.layers(x), 0.2, self.training)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: ByMode(1.5), ("unchecked", "modes-differ")),
        (lambda: ByMode(1.0), ("sound", "sound")),
        (lambda: ByMode(1.5, nn.BatchNorm1d(3)), ("sound", "sound")),  # it declares that the modes differ
        (Drops, ("sound", "sound")),
    ],
    ids=["larger", "same", "declared", "dropout"],
)
def test_modes_that_differ_without_a_layer_for_it(build: Callable[[], nn.Module], expected: tuple[str, str]) -> None:
    torch.manual_seed(0)
    model = build()
    report = newllm.check(model, torch.optim.AdamW(model.parameters(), 1e-3), classes, table(), seconds=60)
    assert reason(report, "evaluation-mode") == expected
    assert report.wrong == []


@pytest.mark.parametrize(("first", "expected"), [(True, ("unchecked", "schedule-first")), (False, ("sound", "sound"))])
def test_a_schedule_that_is_stepped_before_the_update(first: bool, expected: tuple[str, str]) -> None:
    torch.manual_seed(0)
    model = mlp()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    schedule = lr_scheduler.CosineAnnealingLR(optimizer, 100)

    def step(batch: Any) -> None:
        optimizer.zero_grad()
        classes(model, batch).backward()
        for each in (schedule, optimizer) if first else (optimizer, schedule):
            each.step()

    report = newllm.check(model, optimizer, classes, table(), step=step, seconds=60)
    assert reason(report, "schedule") == expected
    assert report.wrong == []


@pytest.mark.parametrize(
    ("bias", "rare", "learnt"),
    [
        pytest.param([0.0, 0.0, 0.0], 3, False, id="each class alike"),
        pytest.param([4.6, 0.0, 0.0], 3, "prior", id="by the share of each class"),
        pytest.param([4.6, 0.0, 0.0], 60, False, id="by other shares, which costs more than guessing"),
    ],
)
def test_a_model_that_begins_by_the_share_of_each_class(bias: list[float], rare: int, learnt: object) -> None:
    torch.manual_seed(0)
    model = mlp()
    with torch.no_grad():
        model.get_parameter("2.weight").mul_(0.01)
        model.get_parameter("2.bias").copy_(torch.tensor(bias))
    y = torch.zeros(300, dtype=torch.int64)
    y[:rare], y[rare : 2 * rare] = 1, 2
    batch = torch.randn(300, 10), y
    report = newllm.check(model, torch.optim.AdamW(model.parameters(), 1e-3), classes, batch, seconds=60)
    found = of(report, "initial-loss")
    assert found.evidence.get("learnt", False) == learnt
    assert ("share of each class" in str(found.sentence)) == (learnt == "prior")


def test_a_model_that_knows_the_answers_does_not_begin_by_their_share() -> None:
    torch.manual_seed(0)
    y = torch.randint(0, 3, (300,))
    x = torch.nn.functional.one_hot(y, 3).float() * 8
    model = nn.Linear(3, 3)
    with torch.no_grad():
        model.weight.copy_(torch.eye(3))
    report = newllm.check(model, torch.optim.AdamW(model.parameters(), 1e-3), classes, (x, y), seconds=60)
    assert of(report, "initial-loss").evidence["learnt"] is True


def test_a_bias_before_a_batch_norm_need_not_move() -> None:
    """Its gradient is nothing but rounding, which at a small rate does not reach the last digit of the bias."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3))
    report = newllm.check(model, torch.optim.SGD(model.parameters(), 1e-3), classes, table(), seconds=60)
    assert of(report, "moves").status == "sound"
    assert report.wrong == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="it works here")
def test_mixed_precision_that_cannot_work_here_is_not_called_absent() -> None:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        with torch.autocast("cuda", torch.float16):
            return classes(model, batch)

    torch.manual_seed(0)
    assert answer("autocast", mlp(), classes, table()) == "no-autocast"
    assert "CUDA is not available" in str(asked("autocast", mlp(), loss, table()).sentence)


def test_what_an_exception_says_is_quoted_behind_a_sentence() -> None:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        if len(batch[0]) < 16:
            raise ValueError("expected 16 rows,\n  got fewer")
        return classes(model, batch)

    torch.manual_seed(0)
    said = str(asked("accumulation", mlp(), loss, table()).sentence)
    assert said.startswith("the loss of half of the rows cannot be computed")
    assert said.endswith(': "ValueError: expected 16 rows, got fewer"')

    def broken(model: nn.Module, batch: Any) -> Tensor:
        raise ArithmeticError(f"no {type(batch).__name__} for {type(model).__name__}")

    report = newllm.check(mlp(), torch.optim.AdamW(mlp().parameters()), classes, table(), evaluate=broken)
    assert str(of(report, "evaluation").sentence) == (
        'what was tried for it ended in an error: "ArithmeticError: no tuple for Sequential"'
    )
    raises = newllm.check(mlp(), torch.optim.AdamW(mlp().parameters()), broken, table())
    assert str(of(raises, "runs").sentence) == (
        "the loss cannot be computed: what was tried for it ended in an error: "
        '"ArithmeticError: no tuple for Sequential"'
    )
