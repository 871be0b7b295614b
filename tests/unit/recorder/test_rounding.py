"""Whether 16-bit weights take their updates."""

from pathlib import Path

import pytest
import torch
from torch import nn

import newllm
from newllm.trace import read_trace


def still(out: Path, dtype: torch.dtype, rate: float, *, precise: bool = False) -> list[float]:
    """Return the share of weights that never moved, at each update of a training with a constant gradient."""
    torch.manual_seed(0)
    model = nn.Linear(64, 64, bias=False).to(dtype)  # weights up to 0.125: a step of bfloat16 is up to 0.0005
    copy = model.weight.detach().float()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    with newllm.record(model, optimizer, out, every=1) as recorder:
        for _ in range(20):
            loss = model(torch.ones(1, 64, dtype=dtype)).float().sum()
            optimizer.zero_grad()
            loss.backward()
            if precise:  # an optimizer that keeps 32-bit weights: the model's are rounded anew each time
                copy -= rate
                model.weight.data.copy_(copy)
                optimizer.param_groups[0]["lr"] = 0.0
            optimizer.step()
            recorder.step(loss)
    return read_trace(out / "trace.jsonl").series("weights_still").value.tolist()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_updates_below_half_a_step_of_the_format_are_lost(tmp_path: Path, dtype: torch.dtype) -> None:
    lost = still(tmp_path / "lost", dtype, 1e-6)
    assert len(lost) == 19
    assert lost[-1] > 0.8
    assert still(tmp_path / "kept", dtype, 1e-2)[-1] == 0


def test_weights_of_32_bits_say_nothing_and_a_precise_copy_moves_all(tmp_path: Path) -> None:
    assert still(tmp_path / "single", torch.float32, 1e-6) == []
    assert (
        still(tmp_path / "copy", torch.bfloat16, 1e-4, precise=True)[-1]
        < 0.1
        < 0.3
        < still(tmp_path / "alone", torch.bfloat16, 1e-4)[-1]
    )
