"""Fingerprints of a model's inputs: of the passes that train, in the steps that are compared, and of their places."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import newllm
from newllm.recorder.rank_inputs import RankInputs

X = torch.arange(128.0).reshape(16, 8)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 2)

    def forward(self, batch: dict[str, Any]) -> Tensor:
        """Return the first answer."""
        return self.layer(batch["x"])


@pytest.fixture
def model(tmp_path: Path) -> Any:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    yield DistributedDataParallel(Model())
    torch.distributed.destroy_process_group()


def taken(inputs: RankInputs, model: nn.Module, *passes: Tensor) -> int | None:
    inputs.is_wanted = True
    for x in passes:
        model({"x": x, "more": ["a text", 3]})
    found = inputs.taken()
    return None if found is None else int(found)


def test_what_is_given_and_its_order_count(model: nn.Module) -> None:
    inputs = RankInputs(model)
    first = taken(inputs, model, X)
    assert first is not None
    assert taken(inputs, model, X.clone()) == first
    assert taken(inputs, model, X.flip(0)) != first  # its sum is the same
    assert taken(inputs, model, X, X) != first
    assert taken(inputs, model, X, X + 1) != taken(inputs, model, X + 1, X)


def test_passes_that_do_not_train_or_are_not_compared_do_not(model: nn.Module) -> None:
    inputs = RankInputs(model)
    assert taken(inputs, model) is None
    assert taken(inputs, model, X[:1]) is None  # eight numbers can be the same by chance
    with torch.no_grad():
        assert taken(inputs, model, X) is None
    assert taken(inputs, model.eval(), X) is None
    model.train()
    inputs.is_wanted = False
    model({"x": X})
    assert inputs.taken() is None
    inputs.close()
    assert taken(inputs, model, X) is None


def test_a_model_without_the_wrapper_is_not_looked_at() -> None:
    model = Model()
    assert taken(RankInputs(model), model, X) is None


class WithLoss(nn.Module):
    """Computes its own loss, as a model of transformers: its logits are handed on, and in no loss."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(8, width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits and the loss."""
        logits = self.layer(x)
        return logits, logits.square().mean()


@pytest.mark.parametrize("width", [1, 5])
@pytest.mark.usefixtures("model")
def test_outputs_that_are_in_no_loss_have_no_gradient_and_stop_nothing(tmp_path: Path, width: int) -> None:
    model = DistributedDataParallel(WithLoss(width), find_unused_parameters=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with newllm.record(model, optimizer, tmp_path / "run", every=1, vocabulary=5) as recorder:
        for _ in range(3):
            optimizer.zero_grad()
            loss = model(X)[1]
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    assert json.loads((tmp_path / "run" / "recording.json").read_text())["remarks"] == []
