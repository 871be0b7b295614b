"""A model that is not called itself: its only part is looked at in its place, else what is not seen is said."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm


class Holder(nn.Module):
    """Computes its loss by what it holds, as a LightningModule does; `parts` of it."""

    def __init__(self, parts: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3) if parts == 1 else nn.Identity())
        if parts > 1:
            self.last = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.net(x)) if hasattr(self, "last") else self.net(x)

    def loss(self, x: Tensor, y: Tensor, *, call: bool) -> Tensor:
        return F.cross_entropy(self(x) if call else self.forward(x), y)


def _train(out: Path, model: nn.Module, *, call: bool) -> dict[str, list[float]]:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    chance = torch.Generator().manual_seed(0)
    with newllm.record(model, optimizer, out, every=2) as recorder:
        for _ in range(12):
            x, y = torch.randn(16, 6, generator=chance), torch.randint(0, 3, (16,), generator=chance)
            loss = model.loss(x, y, call=call)  # type: ignore[operator]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    return {name: one.value.tolist() for name, one in newllm.doctor(out, against=()).trace.signals.items()}


def test_the_only_part_of_a_model_that_is_not_called_is_looked_at(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Holder(parts=1)
    state = {name: one.clone() for name, one in model.state_dict().items()}
    seen = _train(tmp_path / "within", model, call=False)
    model.load_state_dict(state)
    called = _train(tmp_path / "called", model, call=True)
    # From the second update on the same is seen as of a model that is called.
    for name in ("rows", "input_mean", "targets_right", "loss_multiple"):
        assert seen[name], name
        assert seen[name] == called[name][-len(seen[name]) :], name
    assert len(seen["rows"]) == 11
    assert not newllm.doctor(tmp_path / "within", against=()).trace.remarks


def test_of_a_model_whose_parts_are_called_it_is_said_that_inputs_and_outputs_are_not_seen(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="the model itself was not called, only parts of it"):
        seen = _train(tmp_path, Holder(parts=2), call=False)
    assert "rows" not in seen
    assert "activation_rms/net.0" in seen
    assert [one.sentence.id for one in newllm.doctor(tmp_path, against=()).trace.remarks] == ["remark-model-not-called"]
