"""A gradient that the backward pass leaves and that the optimizer does not find."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.trace import Finding

Loss = Callable[[nn.Module], Tensor]
STEPS, SINCE = 24, 13


def findings(out: Path, model: nn.Module, loss_of: Loss, way: str) -> dict[str, Finding]:
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with newllm.record(model, optimizer, out, every=2) as recorder:
        for step in range(1, STEPS + 1):
            optimizer.zero_grad()
            loss = loss_of(model)
            if way == "step first":
                optimizer.step()
            loss.backward()
            skips = way == "a bad batch" and step == SINCE
            if skips or (way in ("none", "zeros") and step >= SINCE):
                optimizer.zero_grad(set_to_none=way != "zeros")
            if way != "step first":
                optimizer.step()
            recorder.step(loss)
    return {one.kind: one for one in newllm.doctor(out, against=()).findings}


@pytest.mark.parametrize(("way", "first"), [("none", SINCE), ("zeros", SINCE), ("step first", 1)])
def test_a_gradient_that_is_gone_at_the_step_is_a_fault_with_its_cause(
    tmp_path: Path, model: nn.Module, loss_of: Loss, way: str, first: int
) -> None:
    found = findings(tmp_path / "run", model, loss_of, way)
    gone = found["cleared-gradient"]
    assert (gone.severity, gone.first_step, gone.last_step) == ("fault", first, STEPS)
    assert [cause.name for cause in gone.causes or ()] == ["cleared-gradient"]
    assert all(one.severity == "note" or one.follows == "cleared-gradient" for one in found.values() if one is not gone)


@pytest.mark.parametrize("way", ["sound", "a bad batch"])
def test_a_batch_that_is_left_out_is_none(tmp_path: Path, model: nn.Module, loss_of: Loss, way: str) -> None:
    assert "cleared-gradient" not in findings(tmp_path / "run", model, loss_of, way)


def test_what_holds_no_weight_of_the_model_reads_nothing_of_it(tmp_path: Path, model: nn.Module, loss_of: Loss) -> None:
    """An optimizer whose groups hold copies of the weights, in 32 bits say, takes its gradients from there."""
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with newllm.record(model, optimizer, tmp_path / "run", every=2) as recorder:
        for group in optimizer.param_groups:
            group["params"] = [nn.Parameter(one.detach().clone()) for one in group["params"]]
        for _ in range(9):
            loss = loss_of(model)
            loss.backward()
            model.zero_grad()
            optimizer.step()
            recorder.step(loss)
    assert "cleared-gradient" not in {one.kind for one in newllm.doctor(tmp_path / "run", against=()).findings}


@pytest.mark.parametrize(
    ("way", "lost"), [("before the last", 3), ("at the start", 0), ("one loss in parts", 0), ("kept aside", 0)]
)
def test_micro_batches_whose_gradient_is_cleared_before_the_update_are_told(
    tmp_path: Path, way: str, lost: int
) -> None:
    """`zero_grad` at the start of Accelerate's `accumulate` acts in the last micro-batch alone."""
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for _ in range(20):
            loss, aside = torch.zeros(()), []
            outputs = model(torch.randn(8, 4)) if way == "one loss in parts" else None
            for part in range(4):
                if part == {"before the last": 3, "at the start": 0}.get(way, part):
                    optimizer.zero_grad()
                loss = (model(torch.randn(8, 4)) if outputs is None else outputs[:, :1] * part).square().mean() / 4
                loss.backward(retain_graph=outputs is not None)
                aside.append([one.grad.clone() for one in model.parameters() if one.grad is not None])
            if way == "kept aside":
                for one, *parts in zip(model.parameters(), *aside, strict=True):
                    one.grad = torch.stack(parts).sum(0)
            optimizer.step()
            recorder.step(loss)
    found = [one for one in newllm.doctor(tmp_path / "run", against=()).findings if one.kind == "cleared-gradient"]
    assert [one.evidence["passes"] for one in found] == ([lost] if lost else [])
    assert all([cause.name for cause in one.causes or ()] == ["cleared-gradient"] for one in found)
