"""A copy that is evaluated in the model's place, with and without the statistics of its batch norms."""

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

import newllm


class Net(nn.Module):
    def __init__(self, norm: type[nn.Module] = nn.BatchNorm1d) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), norm(8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


@pytest.mark.parametrize(
    ("average", "evaluated", "norm", "is_told"),
    [
        ("parameters", "copy", nn.BatchNorm1d, True),
        ("state_dict", "copy", nn.BatchNorm1d, False),
        ("parameters", "model", nn.BatchNorm1d, False),  # what the copy is for, nobody knows
        ("nothing", "copy", nn.BatchNorm1d, False),  # a copy of the beginning
        ("parameters", "copy", nn.LayerNorm, False),
    ],
)
@pytest.mark.parametrize("is_late", [False, True])
def test_an_average_of_the_parameters_alone_is_told(
    tmp_path: Path, average: str, evaluated: str, norm: type[nn.Module], is_told: bool, is_late: bool
) -> None:
    torch.manual_seed(0)
    model = Net(norm)
    shadow = copy.deepcopy(model).eval()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        if is_late:
            shadow = copy.deepcopy(model).eval()  # with the recorder's hooks
        for step in range(1, 31):
            x = torch.randn(16, 4) + 3
            loss = (model(x) - x[:, :1]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            if average != "nothing":
                own, other = (
                    each.state_dict() if average == "state_dict" else dict(each.named_parameters())
                    for each in (model, shadow)
                )
                with torch.no_grad():
                    for name, value in other.items():
                        value.copy_(value * 0.9 + own[name] * 0.1 if value.is_floating_point() else own[name])
            if step % 10 == 0:
                with torch.no_grad():
                    evaluate = shadow if evaluated == "copy" else model.eval()
                    recorder.validation((evaluate(x) - x[:, :1]).square().mean())
                model.train()
    found = newllm.doctor(tmp_path / "run", against=()).findings
    assert any(one.kind == "copy-without-statistics" for one in found) is is_told
