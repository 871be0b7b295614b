"""A fine-tuning whose layers begin as they were made."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import newllm
from newllm.recorder.fresh_layers import untrained_share


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv1d(3, 16, 3), nn.BatchNorm1d(16), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 6, 32), nn.LayerNorm(32)
        )
        self.memory = nn.GRU(32, 16)
        self.head = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.memory(self.encoder(x)[None])[0][0])


def train(model: Net, steps: int) -> Net:
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(torch.randn(8, 3, 8)), torch.randint(0, 4, (8,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def by_hand(model: Net) -> Net:
    """As BERT's are: normal weights, biases of zero."""
    for one in model.modules():
        if isinstance(one, nn.Linear | nn.Conv1d):
            nn.init.normal_(one.weight, std=0.02)
            one.bias = nn.Parameter(torch.zeros(len(one.weight)))
    return model


@pytest.mark.parametrize(
    ("prepare", "low", "high"),
    [(lambda model: model, 1.0, 1.0), (by_hand, 1.0, 1.0), (lambda model: train(model, 3), 0.0, 0.0)],
)
def test_what_nobody_trained_is_told(prepare: Callable[[Net], Net], low: float, high: float) -> None:
    torch.manual_seed(0)
    share = untrained_share(prepare(Net()))
    assert share is not None
    assert low <= share <= high


def test_without_biases_nothing_is_known() -> None:
    model = nn.Linear(64, 64, bias=False)
    nn.init.normal_(model.weight, std=0.02)
    assert untrained_share(model) is None


@pytest.mark.parametrize("prefix", ["", "encoder."])
def test_a_checkpoint_whose_names_do_not_fit_is_told(tmp_path: Path, prefix: str) -> None:
    torch.manual_seed(0)
    before, model = train(Net(), 20), Net()
    state = {prefix + name: value for name, value in before.encoder.state_dict().items()}
    model.load_state_dict(state, strict=False)
    model.load_state_dict(
        {f"memory.{name}": value for name, value in before.memory.state_dict().items()} if prefix else {}, strict=False
    )
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for kind in ("fine-tune", None):
        with newllm.record(model, optimizer, out=tmp_path / str(kind), kind=kind) as recorder:
            for _ in range(3):
                loss = nn.functional.cross_entropy(model(torch.randn(8, 3, 8)), torch.randint(0, 4, (8,)))
                recorder.step(loss)
        found = newllm.doctor(tmp_path / str(kind), against=()).findings
        assert any(one.kind == "untrained-start" for one in found) is (kind is not None and not prefix)


@pytest.mark.parametrize(
    ("prepare", "mode", "severity"),
    [
        (lambda model: model, "eval", "warning"),  # nothing is normalised
        (lambda model: train(model, 3), "eval", "note"),  # statistics that are kept on purpose
        (lambda model: model, "train", None),
    ],
)
def test_new_batch_norms_that_are_trained_in_evaluation_mode(
    tmp_path: Path, prepare: Callable[[Net], Net], mode: str, severity: str | None
) -> None:
    torch.manual_seed(0)
    model = prepare(Net())
    getattr(model, mode)()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    with newllm.record(model, optimizer, out=tmp_path / "run") as recorder:
        for _ in range(12):
            loss = nn.functional.cross_entropy(model(torch.randn(8, 3, 8)), torch.randint(0, 4, (8,)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    found = [
        one for one in newllm.doctor(tmp_path / "run", against=()).findings if "evaluation mode" in str(one.sentence)
    ]
    assert [one.severity for one in found] == ([severity] if severity else [])
