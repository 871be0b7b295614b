"""A contrastive training whose pairs of views are the same."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm


def nt_xent(features: Tensor) -> Tensor:
    """Normalised cross-entropy of pairs (Chen et al. 2020, arXiv:2002.05709): row i belongs to row i + N."""
    near = F.normalize(features, dim=-1)
    rows = len(near) // 2
    similar = (near @ near.T / 0.5).masked_fill(torch.eye(2 * rows, dtype=torch.bool), -1e9)
    return F.cross_entropy(similar, (torch.arange(2 * rows) + rows) % (2 * rows))


@pytest.mark.parametrize(("way", "is_told"), [("same", True), ("apart", False), ("half", False), ("classes", False)])
@pytest.mark.parametrize("at_once", [True, False])
def test_views_that_are_the_same_are_told(tmp_path: Path, way: str, is_told: bool, at_once: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for _ in range(40):
            x = torch.randn(16, 6)
            first = x + 0.1 * torch.randn(16, 6)
            moved = torch.arange(16)[:, None] < (8 if way == "half" else 16 if way == "apart" else 0)
            second = torch.where(moved, x + 0.1 * torch.randn(16, 6), first)
            outputs = model(torch.cat([first, second])) if at_once else torch.cat([model(first), model(second)])
            of_classes = F.cross_entropy(outputs, (x[:, 0] > 0).long().repeat(2))  # as R-Drop has it
            loss = of_classes if way == "classes" else nt_xent(outputs)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    found = newllm.doctor(tmp_path / "run", against=()).findings
    assert any(one.kind == "equal-views" for one in found) is is_told
