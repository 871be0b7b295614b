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
            recorder.step(loss)
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
