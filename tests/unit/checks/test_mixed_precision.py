"""Mixed precision wherever a model turns it on, and a loss scale of any size."""

from collections.abc import Callable

import pytest
import torch
from tests.unit.checks.asked import answer, asked
from tests.unit.checks.healthy import classes, mlp, table
from torch import Tensor, nn
from torch.nn import functional as F


class Within(nn.Module):
    """It turns mixed precision on itself, around a function of its own."""

    def __init__(self, use: Callable[["Within", Tensor], Tensor], *, on: bool = True) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(10, 16), nn.Linear(16, 3)
        self.use, self.on = use, on

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.on):
            made = self.use(self, x)
        return self.head(made.float())


def _functions(model: Within, x: Tensor) -> Tensor:
    return F.linear(x, model.first.weight, model.first.bias)


def _matrices(model: Within, x: Tensor) -> Tensor:
    return x @ model.first.weight.T


def _double(model: Within, x: Tensor) -> Tensor:
    return F.linear(x.double(), model.first.weight.double(), model.first.bias.double())


def _by_hand(model: Within, x: Tensor) -> Tensor:
    return (x[:, None] * model.first.weight).sum(-1) + model.first.bias


USES: dict[str, tuple[Callable[[Within, Tensor], Tensor], str]] = {
    "layers": (lambda model, x: model.first(x), "sound"),
    "functions": (_functions, "sound"),
    "matrices": (_matrices, "sound"),
    "products of double precision": (_double, "wrong"),
    "products that are not known": (_by_hand, "no-products"),
}


@pytest.mark.parametrize("name", USES)
def test_mixed_precision_that_a_model_turns_on_itself_is_seen(name: str) -> None:
    torch.manual_seed(0)
    use, expected = USES[name]
    assert answer("autocast", Within(use), classes, table()) == expected
    assert answer("autocast", Within(use, on=False), classes, table()) == "no-autocast"


def test_layers_beside_it_are_not_counted() -> None:
    torch.manual_seed(0)
    outcome = asked("autocast", Within(USES["layers"][0]), classes, table())
    assert (outcome.evidence["reduced"], outcome.evidence["layers"]) == (1, 1)


class Mapped(nn.Module):
    """A layer that is called row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.vmap(self.layer)(x)


def test_a_layer_within_vmap_is_no_error() -> None:
    torch.manual_seed(0)
    assert answer("finite", Mapped(), classes, table()) == "sound"
    assert answer("loss-form", Mapped(), classes, table()) == "sound"


@pytest.mark.parametrize(
    ("scale", "expected"), [(2.0**16, "sound"), (2.0**32, "sound"), (2.0**60, "scale-far"), (2.0**-30, "scale-far")]
)
@pytest.mark.parametrize("clips", [False, True])
def test_a_loss_scale_far_beyond_half_precision_is_said(scale: float, clips: bool, expected: str) -> None:
    torch.manual_seed(0)
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)

    def step(batch: tuple[Tensor, Tensor]) -> None:
        optimizer.zero_grad()
        scaler.scale(classes(model, batch)).backward()
        if clips:
            nn.utils.clip_grad_norm_(model.parameters(), 1e-12)
        scaler.step(optimizer)
        scaler.update()

    found = asked("loss-scale", model, classes, table(), step=step, optimizer=optimizer)
    if clips and scale > 1:
        assert found.status == "wrong"
    elif not clips:
        assert (found.sentence.id.rpartition(".")[2] if found.status == "unchecked" else found.status) == expected


@pytest.mark.parametrize(
    ("scale", "expected"),
    [(2.0**40, "overflows"), (2.0**-30, "vanishes"), (2.0**16, "sound"), (2.0**32, "scale-skips")],
)
def test_a_loss_scale_at_which_half_precision_makes_no_update(scale: float, expected: str) -> None:
    """One of those in use may be skipped at first, too: it falls."""
    torch.manual_seed(0)
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        with torch.autocast("cpu", torch.float16):
            return classes(model, batch)

    def step(batch: tuple[Tensor, Tensor]) -> None:
        optimizer.zero_grad()
        scaler.scale(loss(model, batch)).backward()
        scaler.step(optimizer)
        scaler.update()

    found = asked("loss-scale", model, loss, table(), step=step, optimizer=optimizer)
    assert found.sentence.id.rpartition(".")[2] == expected, str(found.sentence)


def test_a_step_that_makes_no_update_by_any_scale_is_not_blamed_on_it() -> None:
    torch.manual_seed(0)
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)

    def step(batch: tuple[Tensor, Tensor]) -> None:
        optimizer.zero_grad()
        scaler.scale(classes(model, batch) * torch.inf).backward()
        scaler.step(optimizer)
        scaler.update()

    assert answer("loss-scale", model, classes, table(), step=step, optimizer=optimizer) == "scale-skips"
