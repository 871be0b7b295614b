"""Which of torch's functions a loss comes of."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm
from newllm.recorder.loss_function import loss_function

TARGETS, LENGTHS = torch.randint(1, 5, (4, 3)), torch.full((4,), 3)


def ctc(outputs: Tensor, reduction: str = "mean", low: int = 0) -> Tensor:
    inputs, of_inputs = outputs.log_softmax(-1), torch.full((4,), len(outputs))
    return F.ctc_loss(inputs, (TARGETS - low).clamp(min=0), of_inputs, LENGTHS, reduction=reduction)


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (lambda x: ctc(x), "CtcLoss"),
        (lambda x: ctc(x, "sum") / 4, "CtcLoss"),
        (lambda x: ctc(x, "none").mean(), "CtcLoss"),
        (lambda x: -ctc(x), "Neg"),
        (lambda x: ctc(x) + x.mean(), "Add"),
        (lambda x: F.binary_cross_entropy_with_logits(x, torch.rand(10, 4, 5)), "BinaryCrossEntropyWithLogits"),
        (lambda x: x.mean().detach(), None),
        (lambda _: 1.5, None),
    ],
)
def test_it_is_read_off_the_graph(made: object, name: str | None) -> None:
    loss = made(torch.randn(10, 4, 5, requires_grad=True))  # type: ignore[operator]
    assert loss_function(loss) == name


def test_a_ctc_loss_whose_targets_hold_the_blank_is_told(tmp_path: Path) -> None:
    """Labels that begin at 0, which is the blank."""
    for low in (0, 1):
        torch.manual_seed(0)
        model, out = nn.Linear(4, 5), tmp_path / str(low)
        optimizer = torch.optim.Adam(model.parameters(), 0.3)
        inputs = torch.eye(4)[torch.tensor([0, 1, 2, 3, 0, 1])][:, None].expand(6, 4, 4)
        with newllm.record(model, optimizer, out=out) as recorder:
            for _ in range(60):
                loss = ctc(model(inputs), low=low * 4)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
        assert json.loads((out / "recording.json").read_text())["loss_function"] == "CtcLoss"
        found = newllm.doctor(out, against=()).findings
        assert any("blank" in str(one.sentence) for one in found) is (low == 1)
