"""A loss that takes the rows of a batch in the order in which they happen to come."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm

KIND = "place-in-batch"


def partial_likelihood(risk: Tensor, time: Tensor) -> Tensor:
    """Cox's, of which each row's event is held against those who lived as long."""
    order = time.argsort(descending=True)
    return unsorted(risk[order], time)


def unsorted(risk: Tensor, time: Tensor) -> Tensor:  # noqa: ARG001 (it ought to read the times)
    """The same where nobody has sorted the rows."""
    return -(risk - risk.logcumsumexp(0)).mean()


def findings(out: Path, loss: Callable[[Tensor, Tensor], Tensor], *, is_sorted: bool = False) -> set[str]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(0))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    with newllm.record(model, optimizer, out=out) as recorder:
        for _ in range(150):
            rows = torch.randn(64, 6)
            time = torch.rand(64).log().neg() * (-rows[:, 0]).exp()
            if is_sorted:
                time, order = time.sort()
                rows = rows[order]
            value = loss(model(rows), time)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            recorder.step(value)
    found = newllm.doctor(out, against=())
    return {one.kind for one in found.findings if one.severity != "note"}


def test_a_likelihood_of_rows_that_are_not_sorted(tmp_path: Path) -> None:
    assert KIND in findings(tmp_path / "run", unsorted)
    assert newllm.doctor(tmp_path / "run", against=()).findings[0].kind == KIND


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        (partial_likelihood, {}),
        (partial_likelihood, {"is_sorted": True}),
        (lambda o, t: F.mse_loss(o, t.log()), {"is_sorted": True}),  # in an order of their own, and learnt
        (lambda o, _: F.binary_cross_entropy_with_logits(o, (torch.arange(64) < 32).float()), {}),  # of two kinds
        (lambda o, _: F.mse_loss(o, torch.randn(64)), {}),  # nothing can be learnt
    ],
)
def test_what_does_not_hang_on_the_place(
    tmp_path: Path, loss: Callable[[Tensor, Tensor], Tensor], options: dict[str, bool]
) -> None:
    assert KIND not in findings(tmp_path / "run", loss, **options)
