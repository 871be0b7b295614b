"""What is frozen stays in the training's own step, too; what a step may do to it on purpose is not called wrong."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.unit.checks.asked import answer, asked
from tests.unit.checks.healthy import classes, mlp, table
from torch import Tensor, nn

Step = Callable[[Any], None]


class Trunk(nn.Module):
    """A trunk that is frozen, with a batch norm in evaluation mode, and a head that is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU()).requires_grad_(False)
        self.head = nn.Linear(32, 3)
        self.warmth = nn.Parameter(torch.ones(1), requires_grad=False)
        self.trunk.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.trunk(x)) * self.warmth


class Taught(nn.Module):
    """A student, and a teacher of the same layers that follows it."""

    def __init__(self, *, alike: bool = True) -> None:
        super().__init__()
        self.student, self.teacher = mlp(), mlp().requires_grad_(False)
        if alike:
            self.teacher.load_state_dict(self.student.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        return self.student(x)


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, after: Callable[[], Any]) -> Step:
    def step(batch: Any) -> None:
        optimizer.zero_grad()
        classes(model, batch).backward()
        optimizer.step()
        with torch.no_grad():
            after()

    return step


def _said(model: nn.Module, after: Callable[[], Any], *, outcome: bool = False) -> Any:
    optimizer = torch.optim.Adam([each for each in model.parameters() if each.requires_grad], 1e-3)
    given = {"optimizer": optimizer, "step": _step(model, optimizer, after)}
    found = asked("stays", model, classes, table(), **given)
    return found if outcome else answer("stays", model, classes, table(), **given)


def _shrinks(model: nn.Module, by: float = 0.999) -> Callable[[], Any]:
    return lambda: [each.mul_(by) for each in model.parameters()]


@pytest.mark.parametrize("by", [0.999, 1 - 1e-5, 0.5, 1.01])
def test_a_decay_by_hand_over_all_weights_is_found(by: float) -> None:
    torch.manual_seed(0)
    model = Trunk()
    found = _said(model, _shrinks(model, by), outcome=True)
    assert found.sentence.id == "check-stays.step", found
    assert found.evidence["names"][0] == "trunk.0.weight"
    assert found.evidence["factor"] == pytest.approx(by, rel=1e-6)


def test_a_decay_by_hand_of_what_is_trained_leaves_the_rest_alone() -> None:
    torch.manual_seed(0)
    model = Trunk()
    trained = model.head
    assert _said(model, lambda: [each.mul_(0.999) for each in trained.parameters()]) == "sound"
    assert _said(model, lambda: None) == "sound"


def test_a_number_that_the_step_anneals_beside_a_decay_is_no_mistake() -> None:
    torch.manual_seed(0)
    model = Trunk()

    def after() -> None:
        model.warmth.mul_(0.999)
        for each in model.head.parameters():
            each.mul_(0.999)

    assert _said(model, after) == "step-writes"


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("decays", [True, False])
@pytest.mark.parametrize("share", [0.01, 0.999, 1.0])
def test_a_teacher_that_follows_its_student_is_no_mistake(alike: bool, decays: bool, share: float) -> None:
    torch.manual_seed(0)
    model = Taught(alike=alike)

    def after() -> None:
        for student, teacher in zip(model.student.parameters(), model.teacher.parameters(), strict=True):
            if decays:
                student.mul_(0.999)
            teacher.lerp_(student, share)

    assert _said(model, after) == "step-writes"


class Pair(nn.Module):
    """Two encoders with batch norms in training mode: the second, which is frozen, follows the first (MoCo)."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = (nn.Sequential(nn.Linear(10, 8), nn.BatchNorm1d(8)) for _ in range(2))
        self.key.requires_grad_(False).load_state_dict(self.query.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        return self.query(x) @ self.key(x.flip(1)).T


def test_the_statistics_of_a_teacher_follow_too() -> None:
    torch.manual_seed(0)
    model = Pair()
    loss: Any = lambda model, batch: nn.functional.cross_entropy(model(batch[0]), torch.arange(16))  # noqa: E731
    assert answer("stays", model, loss, table()) == "follows"
    model.key[0] = nn.Linear(10, 8, bias=False).requires_grad_(False)  # it is none of the first's form
    assert answer("stays", model, loss, table()) == "wrong"


def test_a_copy_that_is_renewed_is_no_mistake() -> None:
    torch.manual_seed(0)
    model = Taught()
    assert _said(model, lambda: model.teacher.load_state_dict(model.student.state_dict())) == "step-writes"


def test_a_codebook_that_decays_and_is_filled_again_is_no_mistake() -> None:
    torch.manual_seed(0)
    model = Trunk()
    codes = model.codes = nn.Parameter(torch.randn(16, 4), requires_grad=False)

    def after() -> None:
        codes.mul_(0.99).add_(0.01 * torch.randn(16, 4))
        for each in model.head.parameters():
            each.mul_(0.99)

    assert _said(model, after) == "step-writes"


def test_what_the_step_unfreezes_is_not_frozen() -> None:
    torch.manual_seed(0)
    model = Trunk()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)

    def step(batch: Any) -> None:  # as of two sides that are trained in turn
        model.trunk[0].requires_grad_(True)
        optimizer.zero_grad()
        classes(model, batch).backward()
        optimizer.step()
        model.trunk[0].requires_grad_(False)

    assert answer("stays", model, classes, table(), optimizer=optimizer, step=step) == "sound"


def test_a_step_that_puts_frozen_batch_norms_into_training_mode_is_found() -> None:
    torch.manual_seed(0)
    model = Trunk()
    optimizer = torch.optim.Adam(model.head.parameters(), 1e-3)

    def step(batch: Any) -> None:
        model.train()
        _step(model, optimizer, lambda: None)(batch)

    found = asked("stays", model, classes, table(), optimizer=optimizer, step=step)
    assert found.sentence.id == "check-stays.statistics"
    assert found.evidence["names"] == ["trunk.1.running_mean", "trunk.1.running_var"]


def test_what_the_step_did_comes_back() -> None:
    torch.manual_seed(0)
    model = Trunk()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    _said(model, _shrinks(model))
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
