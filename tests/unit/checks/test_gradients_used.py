"""The gradient that a loop's first update uses: that of the batch's loss, by any loss scale, by present weights."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from tests.unit.checks.healthy import classes, mlp, table
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

import newllm
from newllm.checks import CheckReport

Step = Callable[[Any], float]
Make = Callable[[nn.Module, torch.optim.Optimizer], Step]
PROBES = ("step-loss", "loss-scale", "step-weights")


class Tagger(nn.Module):
    """A class for each of eight positions."""

    def __init__(self, *more: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), *more, nn.Linear(32, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def tags(*, uneven: bool = True) -> tuple[Tensor, Tensor]:
    """Rows of one to eight positions that count; all alike if they are not uneven."""
    y = torch.randint(0, 3, (8, 8))
    return torch.randn(8, 8, 10), y.masked_fill(torch.arange(8) > torch.arange(8)[:, None], -100) if uneven else y


def per_target(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())


def per_row(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    losses = F.cross_entropy(model(batch[0]).transpose(1, 2), batch[1], reduction="none")
    return (losses.sum(1) / (batch[1] >= 0).sum(1)).mean()


def parts(batch: tuple[Tensor, Tensor], passes: int) -> Iterator[tuple[Tensor, Tensor]]:
    return ((batch[0][rows], batch[1][rows]) for rows in torch.arange(len(batch[0])).chunk(passes))


def in_passes(loss: Any, share: Callable[[Tensor, Tensor], Any], passes: int = 4, clip: float = 1e9) -> Make:
    """A step that gives each pass its share, a function of its targets and of all."""

    def make(model: nn.Module, optimizer: torch.optim.Optimizer) -> Step:
        def step(batch: Any) -> float:
            optimizer.zero_grad()
            for part in parts(batch, passes):
                (loss(model, part) * share(part[1], batch[1])).backward()
            clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            return 0.0

        return step

    return make


def by_targets(part: Tensor, whole: Tensor) -> Tensor:
    return (part >= 0).sum() / (whole >= 0).sum()


def checked(make: Make, *, model: nn.Module | None = None, loss: Any = classes, batch: Any = None) -> CheckReport:
    model = model or mlp()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    return newllm.check(
        model, optimizer, loss, table() if batch is None else batch, step=make(model, optimizer), seconds=60
    )


def said(report: CheckReport, probe: str) -> tuple[str, str]:
    """Return the status of a probe, and the case or reason that it gives."""
    outcome = next(each for each in report.outcomes if each.probe == probe)
    return outcome.status, outcome.sentence.id.rpartition(".")[2]


@pytest.mark.parametrize(
    ("make", "options", "expected"),
    [
        pytest.param(in_passes(per_target, by_targets), {}, ("sound", "sound"), id="weighed"),
        pytest.param(in_passes(per_target, by_targets, clip=0.01), {}, ("sound", "sound"), id="weighed and clipped"),
        pytest.param(
            in_passes(per_target, by_targets), {"more": [nn.Dropout(0.3)]}, ("sound", "sound"), id="weighed, dropout"
        ),
        pytest.param(
            in_passes(per_target, by_targets),
            {"more": [nn.BatchNorm1d(8)]},
            ("sound", "sound"),
            id="norms of each pass",
        ),
        pytest.param(in_passes(per_target, lambda *_: 1 / 4), {}, ("wrong", "wrong"), id="a mean of means"),
        pytest.param(in_passes(per_target, lambda *_: 1 / 4, clip=0.01), {}, ("wrong", "wrong"), id="and clipped"),
        pytest.param(in_passes(per_target, lambda *_: 1 / 8, 8), {}, ("wrong", "wrong"), id="row by row"),
        pytest.param(
            in_passes(per_target, lambda *_: 1 / 4), {"uneven": False}, ("sound", "sound"), id="passes of one size"
        ),
        pytest.param(
            in_passes(per_target, lambda *_: 1.0), {"uneven": False}, ("unchecked", "step-sum"), id="added, as in Adam"
        ),
        pytest.param(in_passes(per_row, lambda *_: 1 / 4), {"loss": per_row}, ("sound", "sound"), id="each row alike"),
        pytest.param(
            in_passes(per_target, lambda *_: 1 / 4),
            {"more": [nn.Dropout(0.3)]},
            ("wrong", "wrong"),
            id="with the same dropout",
        ),
        pytest.param(
            in_passes(per_target, lambda part, _: 1 / 4 + 0 * torch.rand(len(part)).sum()),
            {"more": [nn.Dropout(0.3)]},
            ("unchecked", "step-other"),
            id="with other dropout",
        ),
        pytest.param(
            in_passes(per_target, lambda part, _: int(part[0, 0])),
            {},
            ("unchecked", "step-other"),
            id="weights of its own",
        ),
    ],
)
def test_passes_train_the_loss_of_their_batch(make: Make, options: dict[str, Any], expected: tuple[str, str]) -> None:
    torch.manual_seed(0)
    batch = tags(uneven=options.get("uneven", True))
    model = Tagger(*options.get("more", ()))
    report = checked(make, model=model, loss=options.get("loss", per_target), batch=batch)
    assert said(report, "step-loss") == expected
    if expected[0] != "wrong":
        assert report.wrong == []


def test_the_mean_of_means_is_said_with_its_targets() -> None:
    torch.manual_seed(0)
    report = checked(in_passes(per_target, lambda *_: 1 / 4), model=Tagger(), loss=per_target, batch=tags())
    (found,) = report.wrong
    assert "the mean of the gradients of 4 passes" in str(found.sentence)
    assert (found.evidence["least"], found.evidence["most"]) == (3, 15)


def scaled(
    *,
    unscales: bool = True,
    clip: Callable[[nn.Module, torch.amp.GradScaler], Any] = lambda *_: None,
    update: Callable[[torch.amp.GradScaler, Any], Any] = lambda scaler, optimizer: scaler.step(optimizer),
    own: bool = False,
    scale: float = 2.0**16,
    kind: torch.dtype | None = None,
) -> Make:
    """A step with a loss scale; with batches of its own it takes no two alike."""

    def make(model: nn.Module, optimizer: torch.optim.Optimizer) -> Step:
        scaler, chance = torch.amp.GradScaler("cpu", init_scale=scale), itertools.count()

        def step(batch: Any) -> float:
            optimizer.zero_grad()
            if own:
                drawn = torch.Generator().manual_seed(next(chance))
                batch = torch.randn(16, 10, generator=drawn), torch.randint(0, 3, (16,), generator=drawn)
            with torch.autocast("cpu", kind) if kind else nullcontext():
                value = classes(model, batch)
            scaler.scale(value).backward()
            if unscales:
                scaler.unscale_(optimizer)
            clip(model, scaler)
            update(scaler, optimizer)
            if update is not plain_update:
                scaler.update()
            return value.item()

        return step

    return make


def clipped(model: nn.Module, _: Any) -> None:
    clip_grad_norm_(model.parameters(), 0.1)


def clipped_by_the_scale(model: nn.Module, scaler: torch.amp.GradScaler) -> None:
    clip_grad_norm_(model.parameters(), 0.1 * scaler.get_scale())


def plain_update(_: Any, optimizer: Any) -> None:
    optimizer.step()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(scaled(clip=clipped), "sound", id="unscaled, then clipped"),
        pytest.param(scaled(unscales=False), "sound", id="not clipped"),
        pytest.param(scaled(unscales=False, clip=clipped_by_the_scale), "sound", id="a limit times the scale"),
        pytest.param(scaled(own=True, clip=clipped), "sound", id="clipped, of its own batches"),
        pytest.param(scaled(clip=clipped, scale=2.0**24, kind=torch.float16), "sound", id="the first steps overflow"),
        pytest.param(scaled(unscales=False, clip=clipped), "clipped", id="clipped while scaled"),
        pytest.param(scaled(unscales=False, clip=clipped, own=True), "clipped", id="clipped, of batches of its own"),
        pytest.param(scaled(unscales=False, update=plain_update), "kept", id="never divided by the scale"),
        pytest.param(scaled(own=True), "scale-other", id="batches of its own"),
    ],
)
def test_the_loss_scale_leaves_the_update_alone(make: Make, expected: str) -> None:
    torch.manual_seed(0)
    report = checked(make)
    assert said(report, "loss-scale")[1] == expected
    assert ("loss-scale" in {each.probe for each in report.wrong}) == (expected in ("clipped", "kept"))


def test_an_optimizer_that_divides_by_the_scale_itself_is_sound_but_for_an_early_clip() -> None:
    overflows = scaled(unscales=False, scale=2.0**24, kind=torch.float16)
    for make, expected in (
        (scaled(unscales=False), "sound"),
        (overflows, "sound"),
        (scaled(unscales=False, clip=clipped), "clipped"),
    ):
        torch.manual_seed(0)
        model = mlp()
        optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
        step = make(model, optimizer)
        report = newllm.check(model, optimizer, classes, table(), step=step, seconds=60)
        assert said(report, "loss-scale")[1] == expected
        assert said(report, "step-order")[1] == "sound"


def test_passes_whose_gradients_were_thrown_away_are_not_counted() -> None:
    """The first calls overflow and are skipped, and their gradients cleared."""
    torch.manual_seed(0)
    report = checked(scaled(clip=clipped, scale=2.0**24, kind=torch.float16))
    found = next(each for each in report.outcomes if each.probe == "step-loss")
    assert (found.status, found.evidence["passes"]) == ("sound", 1)


def test_single_gradients_that_are_clipped_while_scaled_are_not_said_to_be_sound() -> None:
    torch.manual_seed(0)
    report = checked(scaled(unscales=False, clip=lambda model, _: clip_grad_value_(model.parameters(), 0.1)))
    assert said(report, "loss-scale")[1] != "sound"


def mixed(*, around: bool, keeps: bool = True, clears: bool = False, updates: int = 2) -> Make:
    """A step of several updates: autocast around all of them, or around each pass."""

    def make(model: nn.Module, optimizer: torch.optim.Optimizer) -> Step:
        def block() -> torch.autocast:
            return torch.autocast("cpu", torch.bfloat16, cache_enabled=keeps)

        def step(batch: Any) -> float:
            with block() if around else nullcontext():
                for _ in range(updates):
                    optimizer.zero_grad()
                    with block():
                        value = classes(model, batch)
                    value.backward()
                    optimizer.step()
                    if clears:
                        torch.clear_autocast_cache()
            return 0.0

        return step

    return make


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(mixed(around=True), ("wrong", "wrong"), id="around several updates"),
        pytest.param(mixed(around=True, clears=True), ("sound", "sound"), id="cleared after each"),
        pytest.param(mixed(around=True, updates=1), ("sound", "sound"), id="around one update"),
        pytest.param(mixed(around=True, keeps=False), ("unchecked", "no-autocast-around"), id="without copies"),
        pytest.param(mixed(around=False), ("unchecked", "no-autocast-around"), id="around each pass"),
    ],
)
def test_a_pass_computes_with_present_weights(make: Make, expected: tuple[str, str]) -> None:
    torch.manual_seed(0)
    report = checked(make)
    assert said(report, "step-weights") == expected
    assert ("step-weights" in {each.probe for each in report.wrong}) == (expected[0] == "wrong")


def test_what_a_scaler_holds_comes_back() -> None:
    torch.manual_seed(0)
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=512.0)

    def step(batch: Any) -> None:
        optimizer.zero_grad()
        scaler.scale(classes(model, batch)).backward()
        scaler.step(optimizer)
        scaler.update()

    step(table())
    before = scaler.state_dict()
    report = newllm.check(model, optimizer, classes, table(), step=step, seconds=60)
    assert said(report, "loss-scale") == ("sound", "sound")
    assert scaler.state_dict() == before
