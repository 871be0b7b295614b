"""Values that a model writes over each other, read off its graph."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.recorder.lost_writes import LostWrites
from newllm.recorder.pending import Row, read_rows

SOURCE, TARGET = torch.arange(12), torch.arange(12) % 5


def overwritten(x: Tensor) -> Tensor:
    total = torch.zeros(5, x.shape[1])
    total[TARGET] += x[SOURCE]
    return total


def summed(x: Tensor) -> Tensor:
    return torch.zeros(5, x.shape[1]).index_add_(0, TARGET, x[SOURCE])


def accumulated(x: Tensor) -> Tensor:
    return torch.zeros(5, x.shape[1]).index_put_((TARGET,), x[SOURCE], accumulate=True)


def permuted(x: Tensor) -> Tensor:
    total = torch.zeros(12, x.shape[1])
    total[SOURCE.flip(0)] = x
    return total


def masked(x: Tensor) -> Tensor:
    total = torch.zeros(12, x.shape[1])
    total[TARGET > 2] = x[TARGET > 2]
    return total


def filled(x: Tensor) -> Tensor:
    total = x * 1
    total[TARGET] = x.mean()  # one number, wherever it stands
    return total


@pytest.mark.parametrize(
    ("gather", "lost"),
    [(overwritten, 7 / 12), (summed, None), (accumulated, None), (permuted, None), (masked, None), (filled, None)],
)
def test_what_an_assignment_loses_is_told(
    tmp_path: Path, gather: Callable[[Tensor], Tensor], lost: float | None
) -> None:
    class Graph(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(gather(self.first(x)))

    torch.manual_seed(0)
    model = Graph()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with newllm.record(model, optimizer, tmp_path / "run", every=2) as recorder:
        for _ in range(8):
            loss = model(torch.randn(12, 4)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    found = [one for one in newllm.doctor(tmp_path / "run", against=()).findings if one.kind == "lost-writes"]
    assert [one.evidence["share"] for one in found] == ([pytest.approx(lost)] if lost is not None else [])


def at_one_place(x: Tensor) -> Tensor:
    total = torch.zeros(5, x.shape[1])
    total[torch.tensor(2)] = x[0]  # an index without an axis
    return total + x[:5]


def test_an_index_of_one_place_loses_nothing_and_ends_nothing() -> None:
    model = nn.Linear(4, 8)
    row = Row()
    LostWrites().returned(at_one_place(model(torch.randn(12, 4))), row)
    assert read_rows([row])[0].get("writes_lost", 0.0) == 0.0
