"""What a loss keeps besides model and batch is after a check as it was before, and each pass finds it so."""

import functools
import io
import itertools
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.checks.healthy import classes, mlp, table
from torch import Tensor, nn
from torch.nn import functional as F

import newllm
from newllm.checks.report import CheckReport

Loss = Callable[..., Tensor]
Look = Callable[[], Any]
"""It returns everything that a loss keeps, by identity where it is an object, and by bits."""

ACROSS = 0  # a global variable that losses write


def bits(*tensors: Tensor | None) -> list[Any]:
    """Return what tensors are, what they hold, and what gradient they have."""
    return [None if t is None else (id(t), t.data_ptr(), t.tolist(), bits(t.grad)) for t in tensors]


def of_network(network: nn.Module) -> Look:
    return lambda: [
        *bits(*network.parameters(), *network.buffers()),
        [each.requires_grad for each in network.parameters()],
        [each.training for each in network.modules()],
    ]


def plain() -> tuple[Loss, Look]:
    count, seen, sums, names = 0, [0.5], {"all": [0.0]}, {"first"}

    def loss(model: nn.Module, batch: Any) -> Tensor:
        nonlocal count
        count += 1
        made = classes(model, batch)
        seen.append(float(made))
        sums["all"].append(float(made))
        sums.setdefault("more", []).append(1.0)
        names.add(str(count))
        return made

    return loss, lambda: (count, seen, {key: list(value) for key, value in sums.items()}, sorted(names))


def unset() -> tuple[Loss, Look]:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        nonlocal last
        made = classes(model, batch)
        last = float(made)
        return made

    if ACROSS < 0:  # never: it has no value before the first loss
        last = 0.0

    def look() -> bool:
        try:
            return bool(loss.__closure__ and loss.__closure__[0].cell_contents)
        except ValueError:
            return False

    return loss, look


def by_default() -> tuple[Loss, Look]:
    def loss(model: nn.Module, batch: Any, seen: list[float] = [], *, sums: dict[str, int] = {"n": 0}) -> Tensor:  # noqa: B006
        seen.append(1.0)
        sums["n"] += 1
        loss.calls += 1  # type: ignore[attr-defined]
        return classes(model, batch)

    loss.calls = 0  # type: ignore[attr-defined]
    return loss, lambda: (list(loss.__defaults__[0]), dict(loss.__kwdefaults__["sums"]), loss.calls)  # type: ignore


def by_global() -> tuple[Loss, Look]:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        global ACROSS, NOT_YET
        ACROSS += 1
        NOT_YET = ACROSS  # type: ignore[name-defined]
        return classes(model, batch)

    return loss, lambda: (ACROSS, "NOT_YET" in globals())


class Tracker:
    """Attributes in a dictionary, in slots, in an object within, and a global that only a method names."""

    __slots__ = ("__dict__", "calls", "late")

    def __init__(self) -> None:
        self.calls, self.within, self.history = 0, Inner(), [1.0]

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:
        global ACROSS
        ACROSS += 1
        self.calls += 1
        self.late = self.new = self.calls
        self.within.count += 1
        self.history = [*self.history, 2.0]
        return classes(model, batch)

    def weigh(self, model: nn.Module, batch: Any, factor: float = 1.0) -> Tensor:
        return self(model, batch) * factor

    def look(self) -> Any:
        return (
            ACROSS, self.calls, hasattr(self, "late"), hasattr(self, "new"), self.within.count, id(self.history),
            len(self.history),
        )  # fmt: skip


class Shared:
    """Its variables are the class's own, and a method of it names a global."""

    calls, seen = 0, [0.0]

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:
        self.count()
        Shared.late = True  # type: ignore[attr-defined]
        return classes(model, batch)

    @classmethod
    def count(cls) -> None:
        global ACROSS
        ACROSS += 1
        cls.calls += 1
        cls.seen.append(1.0)


class Inner:
    def __init__(self) -> None:
        self.count = 0


def callable_object() -> tuple[Loss, Look]:
    tracker = Tracker()
    return tracker, tracker.look


def class_variables() -> tuple[Loss, Look]:
    return Shared(), lambda: (ACROSS, Shared.calls, len(Shared.seen), hasattr(Shared, "late"))


def method() -> tuple[Loss, Look]:
    tracker = Tracker()
    return tracker.weigh, tracker.look


def partial() -> tuple[Loss, Look]:
    tracker = Tracker()
    return functools.partial(tracker.weigh, factor=1.0), tracker.look


def centre() -> tuple[Loss, Look]:
    held = {"centre": torch.zeros(3)}

    def loss(model: nn.Module, batch: Any) -> Tensor:
        made = model(batch[0])
        held["centre"] = 0.9 * held["centre"] + 0.1 * made.detach().mean(0)
        return F.cross_entropy(made - held["centre"], batch[1])

    return loss, lambda: bits(held["centre"])


class Centred(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(3))
        self.chance = torch.Generator().manual_seed(0)
        self.calls = 0

    def forward(self, model: nn.Module, batch: Any) -> Tensor:
        made = model(batch[0])
        self.calls += 1
        self.centre.mul_(0.9).add_(made.detach().mean(0), alpha=0.1)  # type: ignore[operator] (a buffer)
        return F.cross_entropy(made - self.centre + 0.01 * torch.rand(3, generator=self.chance), batch[1])  # type: ignore


def module() -> tuple[Loss, Look]:
    centred = Centred()
    look = of_network(centred)
    return centred, lambda: (look(), centred.chance.get_state().tolist(), centred.calls)


def moved() -> tuple[Loss, Look]:
    """Tensors that are given other memory, another size, or written to behind autograd's back."""
    first, second, third = torch.zeros(3), torch.ones(2), torch.zeros(3)

    def loss(model: nn.Module, batch: Any) -> Tensor:
        first.data = first.data + 1
        second.resize_(4).fill_(2)
        third.data.add_(1)
        return classes(model, batch) * (1 + 0 * first.sum())

    return loss, lambda: (bits(first, third), second.tolist())


def target() -> tuple[Loss, Look]:
    network = mlp()

    def loss(model: nn.Module, batch: Any) -> Tensor:
        for own, followed in zip(network.parameters(), model.parameters(), strict=True):
            own.data.mul_(0.9).add_(followed.data, alpha=0.1)
        return F.mse_loss(model(batch[0]), network(batch[0]).detach())

    return loss, of_network(network)


def judge() -> tuple[Loss, Look]:
    network = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)

    def loss(model: nn.Module, batch: Any) -> Tensor:
        made = model(batch[0])
        optimizer.zero_grad()
        (F.softplus(network(made.detach())).mean() + F.softplus(-network(made.detach() + 1)).mean()).backward()
        optimizer.step()
        return F.softplus(-network(made)).mean()

    loss(mlp(), table()).backward()  # it has moments and gradients
    look = of_network(network)

    def moments() -> Any:
        return [[bits(value) for value in held.values()] for held in optimizer.state.values()]

    return loss, lambda: (look(), moments())


def generators() -> tuple[Loss, Look]:
    own, python = torch.Generator().manual_seed(1), random.Random(2)
    numpys, old, raw = np.random.default_rng(3), np.random.RandomState(4), np.random.PCG64(5)

    def loss(model: nn.Module, batch: Any) -> Tensor:
        noise = torch.randn(batch[0].shape, generator=own) + python.random() + numpys.normal() + old.normal()
        return F.cross_entropy(model(batch[0] + 0.01 * (noise + raw.random_raw() % 7)), batch[1])

    return loss, lambda: (
        own.get_state().tolist(), python.getstate(), str(numpys.bit_generator.state), str(old.get_state()),
        str(raw.state),
    )  # fmt: skip


def array() -> tuple[Loss, Look]:
    counts = np.zeros(3)

    def loss(model: nn.Module, batch: Any) -> Tensor:
        counts[:] += np.bincount(batch[1].numpy(), minlength=3)
        return classes(model, batch)

    return loss, lambda: counts.tolist()


KEEPING = [
    plain, unset, by_default, by_global, callable_object, class_variables, method, partial, centre, module, moved,
    target, judge, generators, array,
]  # fmt: skip


def checked(loss: Any, model: nn.Module | None = None, **more: Any) -> CheckReport:
    model = mlp() if model is None else model
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    return newllm.check(model, optimizer, loss, table(), seconds=60, **more)


def status(report: CheckReport, probe: str) -> tuple[str, str]:
    return next((one.status, str(one.sentence)) for one in report.outcomes if one.probe == probe)


@pytest.mark.parametrize("make", KEEPING, ids=lambda make: make.__name__)
def test_what_a_loss_keeps_comes_back(make: Callable[[], tuple[Loss, Look]]) -> None:
    torch.manual_seed(0)
    loss, look = make()
    before = look()
    report = checked(loss)
    assert look() == before
    assert report.wrong == [], str(report)
    assert {"finite", "gradients", "moves"} <= {outcome.probe for outcome in report.of("sound")}, str(report)


@pytest.mark.parametrize("at", [0, 1, 3, 8, 20])
@pytest.mark.parametrize("make", [plain, judge, generators], ids=lambda make: make.__name__)
def test_an_error_in_the_middle_leaves_it_as_it_was(make: Callable[[], tuple[Loss, Look]], at: int) -> None:
    torch.manual_seed(0)
    inner, look = make()
    calls = itertools.count()  # nobody can put it back

    def loss(model: nn.Module, batch: Any) -> Tensor:
        made = inner(model, batch)
        if next(calls) == at:
            raise KeyboardInterrupt
        return made

    before = look()
    with pytest.raises(KeyboardInterrupt):
        checked(loss)
    assert look() == before


@pytest.mark.parametrize("make", [plain, generators, moved, array], ids=lambda make: make.__name__)
def test_a_loss_whose_numbers_do_not_hang_on_it_is_repeatable(make: Callable[[], tuple[Loss, Look]]) -> None:
    torch.manual_seed(0)
    assert status(checked(make()[0]), "repeatable")[0] == "sound"


@pytest.mark.parametrize("make", [centre, module, target, judge], ids=lambda make: make.__name__)
def test_one_that_carries_something_on_is_not_checked_with_the_reason(make: Callable[[], tuple[Loss, Look]]) -> None:
    torch.manual_seed(0)
    how, why = status(checked(make()[0]), "repeatable")
    assert how == "unchecked"
    assert "its next call" in why


def unseeded(model: nn.Module, batch: Any) -> Tensor:
    noise = np.random.default_rng().normal(size=batch[0].shape)
    return F.cross_entropy(model(batch[0] + torch.tensor(noise, dtype=torch.float32)), batch[1])


def timed(model: nn.Module, batch: Any) -> Tensor:
    return classes(model, batch) * (1 + time.monotonic() % 1)


@pytest.mark.parametrize("loss", [unseeded, timed])
def test_one_that_nothing_makes_the_same_is_wrong(loss: Loss) -> None:
    torch.manual_seed(0)
    assert status(checked(loss), "repeatable")[0] == "wrong"


def test_targets_that_its_own_generator_shuffles_are_found() -> None:
    """Other chance is asked of it, too: from the same state it shuffles the same way each time."""
    torch.manual_seed(0)
    model, own = mlp(), torch.Generator().manual_seed(1)

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1][torch.randperm(32, generator=own)])

    optimizer, batch = torch.optim.AdamW(model.parameters(), 1e-2), (torch.randn(32, 10), torch.randint(0, 3, (32,)))
    assert [each.probe for each in newllm.check(model, optimizer, loss, batch, seconds=60).wrong] == ["learns"]


def test_weights_of_the_loss_that_the_optimizer_trains_move() -> None:
    torch.manual_seed(0)
    model, prototypes, batch = mlp(8), nn.Parameter(torch.zeros(3, 8)), table()
    alias = prototypes.data, model.get_parameter("0.weight").detach(), model.get_parameter("2.weight").detach().numpy()
    optimizer = torch.optim.SGD([*model.parameters(), prototypes], 0.5)
    settings = optimizer.param_groups[0]

    def loss(model: nn.Module, batch: Any) -> Tensor:
        assert settings["lr"] > 0
        assert all(each.any() or True for each in alias)
        return F.cross_entropy(model(batch[0]) @ prototypes.T, batch[1])

    before = bits(prototypes, *model.parameters())
    report = newllm.check(model, optimizer, loss, batch, seconds=60)
    assert report.wrong == [], str(report)
    assert {"moves", "gradients", "learns"} <= {outcome.probe for outcome in report.of("sound")}, str(report)
    assert bits(prototypes, *model.parameters()) == before


def test_updates_go_on_with_what_the_loss_keeps() -> None:
    """A term that begins at the second call, as where a teacher is given its weights at the first."""
    torch.manual_seed(0)
    model, calls = mlp(), [0]
    model.register_parameter("late", nn.Parameter(torch.ones(3)))

    def loss(model: nn.Module, batch: Any) -> Tensor:
        calls[0] += 1
        return classes(model, batch) + (calls[0] > 1) * model.get_parameter("late").square().sum()

    report = checked(loss, model)
    assert report.wrong == [], str(report)
    assert {"gradients", "moves", "learns"} <= {outcome.probe for outcome in report.of("sound")}, str(report)
    assert calls == [0]


class Log:
    """It writes lines, and numbers them."""

    def __init__(self) -> None:
        self.file, self.lines = io.StringIO(), 0

    def write(self, line: str) -> None:
        self.lines += 1
        self.file.write(f"{self.lines} {line}\n")

    def close(self) -> None:
        self.file.close()


def test_what_writes_to_a_file_stays_as_far_as_the_file_is() -> None:
    torch.manual_seed(0)
    log = Log()

    def loss(model: nn.Module, batch: Any) -> Tensor:
        log.write("a loss")
        return classes(model, batch)

    assert checked(loss).wrong == []
    assert [int(line.split()[0]) for line in log.file.getvalue().splitlines()] == list(range(1, log.lines + 1))


class Holder:
    def __init__(self) -> None:
        self.chance, self.calls = torch.Generator().manual_seed(0), 0


class Holding(nn.Module):
    """Its generator and its counter are in an object, and in one of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.holder, self.chance = mlp(), Holder(), random.Random(0)

    def forward(self, x: Tensor) -> Tensor:
        self.holder.calls += 1
        noise = torch.randn(x.shape, generator=self.holder.chance) + self.chance.random()
        return self.layers(x + 0.01 * noise if self.training else x)


def test_what_a_model_and_its_hooks_keep_comes_back() -> None:
    torch.manual_seed(0)
    model, seen = Holding(), [0.0]
    model.layers[0].register_forward_hook(lambda _, __, made: seen.append(float(made.detach().sum())))  # type: ignore[operator]

    def look() -> Any:
        return model.holder.calls, model.holder.chance.get_state().tolist(), model.chance.getstate(), list(seen)

    before = look()
    report = checked(classes, model)
    assert report.wrong == [], str(report)
    assert status(report, "repeatable")[0] == "sound"
    assert look() == before
    assert len(model.layers[0]._forward_hooks) == 1


class Carrying(nn.Module):
    """What it answers hangs on what it answered before, as of a recurrent one that goes through a text."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.carried = mlp(), torch.zeros(3)

    def forward(self, x: Tensor) -> Tensor:
        made = self.layers(x) + self.carried
        self.carried = made.detach().mean(0)
        return made


def test_what_a_model_carries_is_no_matter_of_the_loss() -> None:
    torch.manual_seed(0)
    report = checked(classes, Carrying())
    assert report.wrong == [], str(report)
    assert status(report, "repeatable")[0] == "sound"
