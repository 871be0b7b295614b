"""Buffers that something else than a forward pass changes are told, and statistics of frozen layers that move."""

import contextlib
import copy
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.testing._internal.two_tensor import TwoTensor
from torch.utils.checkpoint import checkpoint

import newllm
from newllm.recorder import ledger

STEPS, AT = 20, 11
Between = Callable[[nn.Sequential], None]


@pytest.fixture(autouse=True)
def _all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch every tensor at every update, whatever that costs on a model of nearly nothing."""
    monkeypatch.setattr(ledger, "SHARE", 1e9)


class Counting(nn.Module):
    """Counts what it has seen, and has a cache and a setting: all buffers."""

    seen: Tensor
    cache: Tensor
    setting: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(3))
        self.register_buffer("cache", torch.zeros(3), persistent=False)
        self.register_buffer("setting", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        """Return x, and count."""
        self.seen = self.seen + 1  # another tensor in place of the old one
        return x * self.setting


def _model() -> nn.Sequential:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU())
    return nn.Sequential(body, Counting(), nn.BatchNorm1d(8), nn.Linear(8, 3))


def _nothing(model: nn.Sequential) -> None:
    """Do nothing between two steps."""


def _call(model: nn.Module, x: Tensor) -> Tensor:
    return model(x)


def _recorded(
    out: Path,
    between: Between = _nothing,
    *,
    make: Callable[[], nn.Sequential] = _model,
    call: Callable[[nn.Module, Tensor], Tensor] = _call,
    every: int = 0,
) -> dict[int, dict[str, float]]:
    """Return what changed by step; `between` runs once, or every so many steps, after an update."""
    model = make()
    optimizer = torch.optim.SGD([one for one in model.parameters() if one.requires_grad], 0.05)
    generator = torch.Generator().manual_seed(1)
    with newllm.record(model, optimizer, out=out) as recorder:
        for step in range(1, STEPS + 1):
            x = torch.randn(32, 6, generator=generator)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(call(model, x), (x[:, 0] > 0).long())
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            if step == AT - 1 or (every and step % every == 0):
                between(model)
    rows = [json.loads(line) for line in (out / "trace.jsonl").read_text().splitlines()]
    found = {row["step"]: {name: value for name, value in row.items() if "_changed/" in name} for row in rows}
    left_out = json.loads((out / "recording.json").read_text())["left_out"]
    assert all(one.startswith("the model itself was not called") for one in left_out)
    return {step: signals for step, signals in found.items() if signals}


def _overwritten(model: nn.Sequential) -> None:
    model.get_buffer("0.1.running_mean")[2] += 1e-6


def _replaced(model: nn.Sequential) -> None:
    norm = model.get_submodule("2")
    assert isinstance(norm, nn.BatchNorm1d)
    norm.running_var = torch.ones(8)


def _of_a_fresh_model(model: nn.Sequential) -> None:
    held = {name: one for name, one in _model().state_dict().items() if "running" in name or "seen" in name}
    model.load_state_dict(held, strict=False)


def _then_evaluated(model: nn.Sequential) -> None:
    _of_a_fresh_model(model)
    _evaluated(model)


def _evaluated(model: nn.Sequential) -> None:
    model.eval()
    with torch.no_grad():
        model(torch.randn(4, 6))
    model.train()


def _evaluated_in_training_mode(model: nn.Sequential) -> None:
    with torch.no_grad():
        model(torch.randn(4, 6))


def _part_evaluated(model: nn.Sequential) -> None:
    with torch.no_grad():
        model.get_submodule("0")(torch.randn(4, 6))


def _averaged_for_an_evaluation(model: nn.Sequential) -> None:
    held = copy.deepcopy(model.state_dict())
    model.load_state_dict({name: value * 0 for name, value in held.items()})
    _evaluated(model)
    seen = model.get_buffer("1.seen")
    model.load_state_dict(held)
    model.get_submodule("1").seen = seen  # what the evaluation counted


def _functional(model: nn.Sequential) -> None:
    names = [*dict(model.named_parameters()), *dict(model.named_buffers())]
    other = {name: value for name, value in _model().state_dict().items() if name in names}
    other["1.cache"] = torch.zeros(3)
    torch.func.functional_call(model, other, (torch.randn(4, 6),))


def _set(model: nn.Sequential) -> None:
    model.get_buffer("1.setting").fill_(0.5)
    model.get_buffer("1.cache").fill_(0.5)


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        (_overwritten, {"buffers_changed/0.1": 1.0}),
        (_replaced, {"buffers_changed/2": 1.0}),
        (_of_a_fresh_model, {"buffers_changed/0.1": 2.0, "buffers_changed/1": 1.0, "buffers_changed/2": 2.0}),
        (_then_evaluated, {"buffers_changed/0.1": 2.0, "buffers_changed/2": 2.0}),  # the evaluation counts too
    ],
)
def test_a_buffer_that_is_written_to_between_steps_is_told(
    tmp_path: Path, between: Between, expected: dict[str, float]
) -> None:
    assert _recorded(tmp_path / "run", between) == {AT: expected}
    (finding,) = [one for one in newllm.doctor(tmp_path / "run", against=()).findings if one.kind == "changed-state"]
    assert (finding.severity, finding.first_step, finding.last_step) == ("warning", AT, AT)
    count = int(sum(expected.values()))
    assert f"changed at least {f'{count} buffers' if count > 1 else 'one buffer'} (" in str(finding.sentence)


@pytest.mark.parametrize(
    "between",
    [
        _nothing,
        _evaluated,
        _evaluated_in_training_mode,
        _part_evaluated,
        _averaged_for_an_evaluation,
        _functional,
        _set,
    ],
)
@pytest.mark.parametrize("every", [0, 1])
def test_what_forward_passes_do_is_no_change(tmp_path: Path, between: Between, every: int) -> None:
    assert _recorded(tmp_path / "run", between, every=every) == {}


@pytest.mark.parametrize(
    "call",
    [
        lambda model, x: model[3](model[2](model[1](model[0](x)))),  # the model itself is never called
        lambda model, x: model[3](checkpoint(model[:3], x, use_reentrant=False)),  # called again on the way back
        lambda model, x: (model(x) + model(x)) / 2,
    ],
)
@pytest.mark.filterwarnings("ignore:the model itself was not called")
def test_a_loop_that_calls_parts_is_silent(tmp_path: Path, call: Callable[[nn.Module, Tensor], Tensor]) -> None:
    assert _recorded(tmp_path / "run", _evaluated, call=call, every=3) == {}


def _with_a_frozen_body() -> nn.Sequential:
    model = _model()
    model.get_submodule("0").requires_grad_(False)
    return model


def test_statistics_of_a_frozen_layer_that_move_are_told(tmp_path: Path) -> None:
    found = _recorded(tmp_path / "run", make=_with_a_frozen_body)
    assert found == {step: {"statistics_changed/0.1": 2.0} for step in range(2, STEPS + 1)}
    (finding,) = [
        one for one in newllm.doctor(tmp_path / "run", against=()).findings if one.kind == "frozen-statistics"
    ]
    assert (finding.severity, finding.first_step, finding.last_step) == ("warning", 2, STEPS)
    assert str(finding.sentence) == (
        f"The weights of a layer are frozen and its statistics move (0.1 (BatchNorm1d)), from step 2 to {STEPS}"
    )


def test_statistics_of_a_frozen_layer_in_evaluation_mode_are_sound(tmp_path: Path) -> None:
    def call(model: nn.Module, x: Tensor) -> Tensor:
        model.get_submodule("0").eval()
        return model(x)

    assert _recorded(tmp_path / "run", make=_with_a_frozen_body, call=call) == {}


@pytest.mark.parametrize("training", [False, True])
def test_a_layer_that_is_frozen_for_a_while_is_watched_for_that_while(tmp_path: Path, training: bool) -> None:
    steps, frozen = iter(range(1, STEPS + 1)), {5, 6, 7, 8, 14, 15, 16}

    def call(model: nn.Module, x: Tensor) -> Tensor:
        body, is_frozen = model.get_submodule("0"), next(steps) in frozen
        body.requires_grad_(not is_frozen)
        body.train(training or not is_frozen)
        return model(x)

    # The forward pass of the first step of such a while is the last one before it is watched.
    expected = {step: {"statistics_changed/0.1": 2.0} for step in (6, 7, 8, 15, 16)} if training else {}
    assert _recorded(tmp_path / "run", call=call) == expected


def test_a_norm_without_weights_is_frozen_with_what_is_around_it(tmp_path: Path) -> None:
    def make() -> nn.Sequential:
        model = _with_a_frozen_body()
        body = model.get_submodule("0")
        assert isinstance(body, nn.Sequential)
        body[1] = nn.BatchNorm1d(8, affine=False)
        return model

    assert set(_recorded(tmp_path / "run", make=make)) == set(range(2, STEPS + 1))


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return self.last(self.norm(self.first(x)))


def test_a_compiled_model_is_not_compiled_again(tmp_path: Path) -> None:
    def graphs(out: Path | None) -> int:
        torch._dynamo.reset()
        found = []
        model = Plain()
        model.compile(backend=lambda graph, _: found.append(graph) or graph.forward)
        optimizer = torch.optim.SGD(model.parameters(), 0.05)
        with contextlib.nullcontext() if out is None else newllm.record(model, optimizer, out, every=50) as recorder:
            for _ in range(4):
                optimizer.zero_grad()
                loss = model(torch.ones(4, 6)).square().mean()
                loss.backward()
                optimizer.step()
                if recorder is not None:
                    recorder.step(loss)
        return len(found)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no layer is seen inside a compiled model
        assert graphs(tmp_path / "run") == graphs(None) == 1


@pytest.mark.parametrize(
    "odd",
    [
        torch.randn(4, dtype=torch.complex64).conj(),
        torch.zeros(5, dtype=torch.bfloat16)[1:],
        torch.zeros(6, dtype=torch.float16)[::2],
        torch.zeros(4, dtype=torch.float8_e4m3fn),
        torch.zeros(4, dtype=torch.bool),
        torch.zeros(1).expand(5),
        torch.zeros(4, device="meta"),
        torch.eye(3).to_sparse(),
        TwoTensor(torch.zeros(4), torch.zeros(4)),
    ],
)
def test_an_odd_buffer_does_not_end_the_watch_of_the_others(tmp_path: Path, odd: Tensor) -> None:
    def make() -> nn.Sequential:
        model = _model()
        model.register_buffer("odd", odd)
        return model

    assert _recorded(tmp_path / "run", _overwritten, make=make) == {AT: {"buffers_changed/0.1": 1.0}}


def test_parameters_that_are_replaced_before_recording_begins_end_nothing(tmp_path: Path) -> None:
    model = _model()
    recorder = newllm.record(model, torch.optim.SGD(model.parameters(), 0.05), tmp_path / "run")
    for module in model.modules():
        for name, one in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(one.detach().clone()))
    with recorder:
        pass
