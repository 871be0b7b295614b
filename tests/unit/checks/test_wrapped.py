"""Models that are wrapped, compiled, quantised or unruly: what cannot be asked says so, and nothing is left changed."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.checks.healthy import classes, mlp, table
from torch import Tensor, nn

import newllm

Loss = Callable[[Any, Any], Tensor]


def state(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return every tensor, generator, mode and counter of a training, by what it holds."""
    found: dict[str, Any] = {
        "generators": (torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())),
        "modes": [module.training for module in model.modules()],
        "counters": [{k: v for k, v in vars(m).items() if isinstance(v, int | float | str)} for m in model.modules()],
        "groups": [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups],
        "hooks": [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
    }
    for name, each in [*model.named_parameters(), *model.named_buffers()]:
        found[name] = id(each), each.requires_grad, each.detach().clone().double().tolist()
        found[f"{name}.grad"] = None if each.grad is None else each.grad.tolist()
    found["moments"] = [
        {key: value.tolist() if isinstance(value, Tensor) else str(value) for key, value in held.items()}
        for held in optimizer.state.values()
    ]
    return found


def trained(model: nn.Module, loss: Loss, batch: Any, kind: Any = torch.optim.AdamW) -> torch.optim.Optimizer:
    optimizer = kind([each for each in model.parameters() if each.requires_grad], 1e-3)
    loss(model, batch).backward()
    if kind is not torch.optim.LBFGS:
        optimizer.step()
    return optimizer


@pytest.mark.usefixtures("one_process")
@pytest.mark.filterwarnings("ignore")
def test_a_model_in_ddp_is_checked_like_another() -> None:
    torch.manual_seed(0)
    model, batch = nn.parallel.DistributedDataParallel(mlp()), table()
    optimizer = trained(model, classes, batch)
    before = state(model, optimizer)
    report = newllm.check(model, optimizer, classes, batch, seconds=60)
    assert report.wrong == []
    assert {"loss-form", "gradients", "moves", "learns"} <= {outcome.probe for outcome in report.of("sound")}
    assert state(model, optimizer) == before


class Drawn(nn.Module):
    """It writes noise into its input's copy in place, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.calls = mlp(), 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.layers(x.clone().add_(torch.empty_like(x).normal_(std=0.1)))


class Quantised(nn.Module):
    """Weights of 8 bits that are not trained, below a head that is."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.quantize_per_tensor(torch.randn(32, 10), 0.05, 0, torch.qint8))
        self.head = nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(x @ self.weight.dequantize().T))  # type: ignore[operator] (a buffer)


class Elsewhere(nn.Module):
    """A part stays on another device, and is not used."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = mlp()
        self.register_buffer("table", torch.empty(3, device="meta"))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def compiled() -> nn.Module:
    return torch.compile(mlp(), backend="eager")  # type: ignore[return-value] (a module in, a module out)


def in_place() -> nn.Module:
    model = mlp()
    model.compile(backend="eager")
    return model


def a_part() -> nn.Module:
    model = mlp()
    model[0] = torch.compile(model[0], backend="eager")  # type: ignore[assignment]
    return model


@pytest.mark.parametrize("make", [compiled, in_place, a_part], ids=lambda make: make.__name__)
def test_a_model_that_is_compiled_is_checked_without_it_and_that_is_said_once(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    model, batch = make(), table()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    before = _plain(model, optimizer)

    def step(batch: Any) -> None:
        optimizer.zero_grad()
        classes(model, batch).backward()
        optimizer.step()

    report = newllm.check(model, optimizer, classes, batch, step=step, seconds=60)
    assert report.wrong == []
    sound = {outcome.probe for outcome in report.of("sound")}
    assert {"loss-form", "rows", "gradients", "moves", "step-order", "step-loss", "learns"} <= sound, str(report)
    assert sum("torch.compile" in str(outcome.sentence) for outcome in report.outcomes) == 1
    assert _plain(model, optimizer) == before


@pytest.mark.parametrize("make", [Drawn, Quantised, Elsewhere, compiled], ids=lambda make: make.__name__)
@pytest.mark.filterwarnings("ignore")
def test_an_unruly_model_is_never_called_wrong_and_comes_back(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    model, batch = make(), table()
    optimizer = trained(model, classes, batch)
    before = _plain(model, optimizer)
    report = newllm.check(model, optimizer, classes, batch, seconds=60)
    assert report.wrong == [], str(report)
    assert {"finite", "moves", "learns"} <= {outcome.probe for outcome in report.of("sound")}, str(report)
    assert _plain(model, optimizer) == before


def _plain(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    held = {name: each for name, each in model.named_buffers() if each.is_meta or each.is_quantized}
    for name in held:
        model.register_buffer(name, None)
    try:
        found = state(model, optimizer)
    finally:
        for name, each in held.items():
            model.register_buffer(name, each)
    kept = {name: each.int_repr().tolist() for name, each in held.items() if each.is_quantized}
    return found | kept | {f"{name}:is": id(each) for name, each in held.items()}


@pytest.mark.filterwarnings("ignore")
def test_a_closure_leaves_no_trace() -> None:
    torch.manual_seed(0)
    model, batch = mlp(), table()
    optimizer = trained(model, classes, batch, torch.optim.LBFGS)
    before = state(model, optimizer)
    report = newllm.check(model, optimizer, classes, batch, seconds=60)
    assert report.wrong == []
    reasons = {outcome.probe: str(outcome.sentence) for outcome in report.of("unchecked")}
    assert all("a closure" in reasons[probe] for probe in ("moves", "gradients", "stays", "learns"))
    assert state(model, optimizer) == before


def test_of_a_model_without_numbers_what_needs_a_pass_is_not_checked() -> None:
    model = nn.Linear(10, 3, device="meta")
    optimizer = torch.optim.SGD([model.weight], 0.1)
    report = newllm.check(model, optimizer, classes, table(), seconds=60)
    assert [outcome.probe for outcome in report.wrong] == ["optimizer-holds"]
    reasons = {outcome.probe: str(outcome.sentence) for outcome in report.of("unchecked")}
    assert all("holds no numbers" in reasons[probe] for probe in ("finite", "causality", "learns"))
    assert "no data loader" in reasons["order"]


class OnQuantised(nn.Module):
    """A head on a trunk that rounds each batch by the range of all its rows."""

    def __init__(self) -> None:
        super().__init__()
        trunk = nn.Sequential(nn.Linear(10, 32), nn.ReLU())
        self.trunk = torch.ao.quantization.quantize_dynamic(trunk, {nn.Linear})
        self.head = nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.trunk(x))


class OnObserved(nn.Module):
    """A trunk that is trained as if it were quantised."""

    def __init__(self) -> None:
        super().__init__()
        self.rounding, self.layers = torch.ao.quantization.default_dynamic_fake_quant(), mlp()

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(self.rounding(x))


@pytest.mark.parametrize("make", [OnQuantised, OnObserved], ids=lambda make: make.__name__)
@pytest.mark.filterwarnings("ignore")
def test_rows_that_are_rounded_together_are_not_called_wrong(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    model, batch = make(), table()
    optimizer = trained(model, classes, batch)
    before = state(model, optimizer)
    report = newllm.check(model, optimizer, classes, batch, seconds=60)
    assert report.wrong == [], str(report)
    assert "quantised" in next(str(one.sentence) for one in report.of("unchecked") if one.probe == "rows")
    assert state(model, optimizer) == before


def test_a_softmax_over_the_rows_of_plain_layers_is_still_wrong() -> None:
    torch.manual_seed(0)
    model = mlp(3, nn.Softmax(0))
    report = newllm.check(model, torch.optim.AdamW(model.parameters(), 1e-3), classes, table(), seconds=60)
    assert "rows" in {outcome.probe for outcome in report.wrong}


class Counted(nn.Module):
    """It counts its calls, and keeps a running mean, in TorchScript."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.calls = mlp(3, nn.Dropout(0.1)), 0
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        made = self.layers(x)
        self.mean = 0.9 * self.mean + 0.1 * made.detach().mean(0)
        return made


def scripted() -> nn.Module:
    return torch.jit.script(Counted())


def traced() -> nn.Module:
    return torch.jit.trace(mlp(), torch.randn(16, 10))  # type: ignore[no-any-return]


class WithScript(nn.Module):
    """A part of it is scripted."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = torch.jit.script(Counted()), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


@pytest.mark.parametrize("make", [scripted, traced, WithScript], ids=lambda make: make.__name__)
@pytest.mark.filterwarnings("ignore")
def test_a_model_of_torchscript_is_checked_as_far_as_it_can_be_seen(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    model, batch = make(), table()
    optimizer = trained(model, classes, batch)

    def look() -> Any:
        counts = [each.calls for each in model.modules() if hasattr(each, "calls")]
        return state(model, optimizer), counts

    before = look()
    report = newllm.check(model, optimizer, classes, batch, seconds=60)
    assert look() == before
    assert report.wrong == [], str(report)
    assert {"finite", "repeatable", "gradients", "moves", "learns"} <= {each.probe for each in report.of("sound")}
    reasons = {outcome.probe: str(outcome.sentence) for outcome in report.of("unchecked")}
    assert ("torch.jit" in reasons.get("rows", "")) == (make is not WithScript)
    assert not any("ended in an error" in reason for reason in reasons.values()), str(report)


def test_layers_that_have_no_size_yet_stay_so_and_that_is_said() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.Linear(32, 3))
    report = newllm.check(model, torch.optim.AdamW(model.parameters(), 0.1), classes, table(), seconds=60)
    assert report.wrong == [], str(report)
    reasons = {outcome.probe: str(outcome.sentence) for outcome in report.of("unchecked")}
    assert all("lazy" in reasons[probe] for probe in ("finite", "optimizer-holds", "rows", "learns"))
    assert not any("ended in an error" in reason for reason in reasons.values()), str(report)
    assert "settings" not in reasons
    assert type(model[0]) is nn.LazyLinear
    classes(model, table()).backward()  # it trains from here on
