"""A training that is recorded may copy its model, average it and save it whole."""

import copy
import io
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

import newllm
from newllm.trace import read_trace


class Reader(nn.Module):
    """With something to hook for each part of a recorder."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.norm = nn.Embedding(11, 8), nn.BatchNorm1d(8)
        self.memory = nn.LSTM(8, 8, batch_first=True)
        self.attention, self.head = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 11)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.norm(self.embedding(tokens).transpose(1, 2)).transpose(1, 2)
        x = self.memory(x)[0]
        return self.head(torch.relu(self.attention(x, x, x)[0]))


@pytest.mark.parametrize("when", ["before the first step", "on a sampled step", "on another"])
def test_a_model_is_copied_averaged_and_saved_while_it_is_recorded(tmp_path: Path, when: str) -> None:
    torch.manual_seed(0)
    model = Reader()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    at = {"before the first step": 0, "on a sampled step": 3, "on another": 4}[when]
    copies: list[nn.Module] = []
    state = optimizer
    with newllm.record(model, optimizer, tmp_path / "run", every=4) as recorder:
        for step in range(9):
            tokens = torch.randint(11, (4, 6))
            loss = nn.functional.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
            if step == at:
                file = io.BytesIO()
                torch.save(model, file)
                file.seek(0)
                copies = [copy.deepcopy(model), AveragedModel(model), torch.load(file, weights_only=False)]
                state = copy.deepcopy(optimizer)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    assert len(read_trace(tmp_path / "run" / "trace.jsonl").series("loss").value) == 9
    assert state is not optimizer
    assert state.param_groups[0]["lr"] == 0.1
    with torch.no_grad():
        answers = [each(tokens) for each in copies]
    assert all(torch.equal(one, answers[0]) for one in answers)


def test_a_copy_that_is_trained_is_not_recorded(tmp_path: Path) -> None:
    model = Reader()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with newllm.record(model, optimizer, tmp_path / "run", every=1) as recorder:
        other = copy.deepcopy(model)
        for part, count in ((other, 3), (model, 1)):
            for _ in range(count):
                part(torch.randint(11, (4, 6))).sum().backward()
        optimizer.step()
        recorder.step(0.0)
    assert "backwards" not in read_trace(tmp_path / "run" / "trace.jsonl").signals
