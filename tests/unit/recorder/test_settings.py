"""What a training is set to: written on sampled steps, and at once where it has changed."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

import newllm
from newllm.trace import Trace, read_trace


def record(
    out: Path,
    change: Callable[[nn.Sequential, torch.optim.Optimizer], None],
    *,
    at: int = 14,
    make: type[torch.optim.Optimizer] = torch.optim.AdamW,
) -> Trace:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.1), nn.Linear(4, 1))
    optimizer = make(model.parameters(), lr=0.01)  # type: ignore[call-arg]
    with newllm.record(model, optimizer, out) as recorder:
        for step in range(1, 31):
            if step == at:
                change(model, optimizer)
            optimizer.zero_grad()
            loss = model(torch.randn(8, 4)).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(1.0)  # nothing leaps
    return read_trace(out / "trace.jsonl")


def values(trace: Trace, name: str) -> dict[int, float]:
    series = trace.series(name)
    return dict(zip(series.step.tolist(), series.value.tolist(), strict=True))


def test_settings_are_written_on_sampled_steps(tmp_path: Path) -> None:
    trace = record(tmp_path / "run", lambda *_: None)
    for name, value in {"weight_decay": 0.01, "momentum": 0.9, "dropout": 0.1, "tensors_with_gradient": 4.0}.items():
        assert values(trace, name) == dict.fromkeys((1, 10, 20, 30), value)
    assert set(trace.series("row_numbers").value.tolist()) == {4.0}


def test_a_setting_is_written_where_it_changes(tmp_path: Path) -> None:
    def change(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:
        optimizer.param_groups[0].update(weight_decay=10.0, betas=(0.5, 0.999))
        dropout = model[1]
        assert isinstance(dropout, nn.Dropout)
        dropout.p = 0.9
        model[0].requires_grad_(requires_grad=False)

    trace = record(tmp_path / "run", change)
    changed = {"weight_decay": 10.0, "momentum": 0.5, "dropout": 0.9, "tensors_with_gradient": 2.0}
    for name, value in changed.items():
        found = values(trace, name)
        assert list(found) == [1, 10, 14, 20, 30]
        assert found[14] == found[30] == value
        assert found[10] != value


def test_what_an_optimizer_lacks_is_not_written(tmp_path: Path) -> None:
    trace = record(tmp_path / "run", lambda *_: None, make=torch.optim.Adagrad)
    assert "momentum" not in trace.signals
    assert "weight_decay" in trace.signals


class Annealed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.share, self._hidden, self.name = nn.Linear(4, 1), 0.5, 3, "annealed"

    def forward(self, x: torch.Tensor, power: float, *, temperature: float) -> torch.Tensor:
        return self.layer(x) ** power * self.share / temperature


def test_numbers_that_a_model_is_set_to_are_written_where_they_change(tmp_path: Path) -> None:
    model = Annealed()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for step in range(1, 31):
            model.share = 0.5 if step < 15 else 0.1
            loss = model(torch.randn(8, 4), 2, temperature=1.0 if step < 14 else 0.05).square().mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            recorder.step(1.0)  # nothing leaps
    trace = read_trace(tmp_path / "run" / "trace.jsonl")
    assert {name for name in trace.signals if name.startswith("setting/")} == {
        "setting/share", "setting/forward.1", "setting/forward.temperature",
    }  # fmt: skip
    assert values(trace, "setting/share") == {1: 0.5, 20: 0.1}
    assert values(trace, "setting/forward.1") == {1: 2.0}
    assert values(trace, "setting/forward.temperature") == {1: 1.0, 14: 0.05}
