"""Writes to weights between updates: all are seen, whatever the ledger can afford; those that move a norm are told."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm
from newllm.recorder import ledger
from newllm.trace import Finding, read_trace

STEPS, AT = 60, 34
Act = Callable[[nn.Sequential, int], object]


def recorded(out: Path, act: Act, monkeypatch: pytest.MonkeyPatch, momentum: float | None = None) -> list[Finding]:
    """Train, `act` before each step; return what is said of the state. The ledger can afford one tensor at a time."""
    monkeypatch.setattr(ledger, "SHARE", 1e-9)
    torch.manual_seed(0)
    layers = [one for _ in range(6) for one in (nn.Linear(16, 16), nn.LayerNorm(16), nn.GELU())]
    model, chance = nn.Sequential(*layers, nn.Linear(16, 4)), torch.Generator().manual_seed(1)
    parameters = model.parameters()
    optimizer = torch.optim.Adam(parameters, 1e-3) if momentum is None else torch.optim.SGD(parameters, 0.01, momentum)
    kinds = torch.randn(16, 4, generator=chance)
    with newllm.record(model, optimizer, out) as recorder:
        for step in range(1, STEPS + 1):
            with torch.no_grad():
                act(model, step)
            x = torch.randn(32, 16, generator=chance)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), (x @ kinds).argmax(1))
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    return [one for one in newllm.doctor(out, against=()).findings if one.kind == "changed-state"]


def weight(model: nn.Sequential, layer: int = 3) -> Tensor:
    return model.get_parameter(f"{layer}.weight")


def writes(out: Path) -> dict[str, list[int]]:
    trace = read_trace(out / "trace.jsonl")
    return {name: one.step.tolist() for name, one in trace.signals.items() if name.startswith("weights_written")}


@pytest.mark.parametrize(("momentum", "times"), [(None, 1.3), (0.9, 3.0)])  # its updates are longer: 1.3 may be theirs
@pytest.mark.parametrize("layer", [0, 3, 6, 12, 15, 18])
def test_any_weight_that_is_changed_once_is_told_at_its_step(
    layer: int, momentum: float | None, times: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scaled(model: nn.Sequential, step: int) -> object:
        return step == AT and weight(model, layer).mul_(times)

    (finding,) = recorded(tmp_path / "run", scaled, monkeypatch, momentum)
    assert writes(tmp_path / "run") == {f"weights_written/{layer}": [AT]}
    assert (finding.severity, finding.first_step, finding.last_step) == ("warning", AT, AT)
    assert f"weights of layer {layer} (" in str(finding.sentence)


kept: list[Tensor] = []


def evaluated(model: nn.Sequential, step: int) -> None:
    """Put averaged weights in for an evaluation, and take them out again."""
    if step in (7, 20, 34, 51):
        kept[:] = [one.clone() for one in model.parameters()]
        for one in model.parameters():
            one.mul_(0.8)
        for one, before in zip(model.parameters(), kept, strict=True):
            one.copy_(before)


def loaded(model: nn.Sequential, step: int) -> None:
    if step == AT:
        model.load_state_dict(model.state_dict())


def clamped(model: nn.Sequential, step: int) -> None:
    if step > 1:
        weight(model).clamp_(-0.2, 0.2)


def nudged(model: nn.Sequential, step: int) -> None:
    if step == AT:
        weight(model)[0, 0] += 1e-4


@pytest.mark.parametrize("act", [lambda *_: None, evaluated, loaded, clamped, nudged])
@pytest.mark.parametrize("momentum", [None, 0.9])
def test_writes_of_a_sound_training_are_not(
    act: Act, momentum: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = recorded(tmp_path / "run", act, monkeypatch, momentum)
    by_norms = {f"finding-changed-state.{name}" for name in ("written", "jumped")}
    assert by_norms.isdisjoint(one.sentence.id for one in found)
    assert bool(writes(tmp_path / "run")) == (act in (evaluated, loaded, clamped, nudged))


def test_what_is_written_behind_the_back_of_torch_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hidden(model: nn.Sequential, step: int) -> object:
        return step == AT and weight(model).data.mul_(1.3)

    recorded(tmp_path / "run", hidden, monkeypatch)
    assert writes(tmp_path / "run") == {}
