"""Which axis a layer takes for time: that of the batch, where its setting was forgotten."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.trace import read_trace

ROWS, STEPS, WIDTH = 6, 9, 8


class Series(nn.Module):
    """What a layer makes of series, and one number for each row of what it returns."""

    def __init__(self, layer: nn.Module, read: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.read, self.head = layer, read, nn.Linear(WIDTH, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.read(self.layer, inputs))


def last(layer: nn.Module, inputs: Tensor) -> Tensor:
    return layer(inputs)[0][:, -1]


def mean(layer: nn.Module, inputs: Tensor) -> Tensor:
    return layer(inputs).mean(1)


def attended(layer: nn.Module, inputs: Tensor) -> Tensor:
    return layer(inputs, inputs, inputs)[0].mean(1)


def encoder(*, batch_first: bool) -> nn.Module:
    layer = nn.TransformerEncoderLayer(WIDTH, 2, 16, dropout=0.0, batch_first=batch_first)
    return nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)


def watched(out: Path, model: nn.Module, inputs: Tensor) -> tuple[list[float], list[str]]:
    """Return what the recorder saw, and what the doctor says of it."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with newllm.record(model, optimizer, out, every=1) as recorder:
        for _ in range(4):
            loss = model(inputs).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    trace = read_trace(out / "trace.jsonl")
    kinds = [one.kind for one in diagnose(trace, Facts(origin="record"))]
    return trace.series("batch_as_time").value.tolist(), kinds


BY_KIND = [
    (lambda first: nn.LSTM(WIDTH, WIDTH, batch_first=first), last),
    (lambda first: nn.GRU(WIDTH, WIDTH, batch_first=first), last),
    (lambda first: encoder(batch_first=first), mean),
    (lambda first: nn.MultiheadAttention(WIDTH, 2, batch_first=first), attended),
]


@pytest.mark.parametrize("at", range(len(BY_KIND)))
def test_a_layer_that_takes_the_batch_for_time_is_seen(tmp_path: Path, at: int) -> None:
    layer, read = BY_KIND[at]
    torch.manual_seed(0)
    inputs = torch.randn(ROWS, STEPS, WIDTH)
    seen, kinds = watched(tmp_path / "wrong", Series(layer(False), read), inputs)
    assert seen == [1.0, 1.0]
    assert "batch-as-time" in kinds
    seen, kinds = watched(tmp_path / "right", Series(layer(True), read), inputs)
    assert (seen, "batch-as-time" in kinds) == ([], False)


@pytest.mark.parametrize(
    ("read", "shape", "seen"),
    [
        (lambda layer, x: layer(x.transpose(0, 1))[0][-1], (ROWS, STEPS, WIDTH), [0.0, 0.0]),  # turned round for it
        (lambda layer, x: layer(x)[0][-1], (STEPS, ROWS, WIDTH), []),  # time first all the way
        (lambda layer, x: layer(x)[0], (STEPS, ROWS, WIDTH), []),  # an output for each step: nobody can tell
        (last, (ROWS, ROWS, WIDTH), []),  # of one length, likewise
    ],
)
def test_time_that_comes_first_on_purpose_is_no_alarm(
    tmp_path: Path, read: Callable, shape: tuple[int, ...], seen: list[float]
) -> None:
    torch.manual_seed(0)
    found, kinds = watched(tmp_path / "run", Series(nn.LSTM(WIDTH, WIDTH), read), torch.randn(shape))
    assert (found, "batch-as-time" in kinds) == (seen, False)


@pytest.mark.parametrize(("batch_first", "is_found"), [(False, True), (True, False)])
@pytest.mark.parametrize("again", [True, False])
def test_with_an_output_at_each_position_rows_that_come_again_tell(
    tmp_path: Path, batch_first: bool, is_found: bool, again: bool
) -> None:
    torch.manual_seed(0)
    rows = torch.randn(40, STEPS, WIDTH)
    model = Series(nn.LSTM(WIDTH, WIDTH, batch_first=batch_first), lambda layer, x: layer(x)[0])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with newllm.record(model, optimizer, tmp_path / "run", every=1) as recorder:
        for _ in range(40):
            inputs = rows[torch.randperm(len(rows))[:ROWS]] if again else torch.randn(ROWS, STEPS, WIDTH)
            loss = model(inputs).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    kinds = [one.kind for one in newllm.doctor(tmp_path / "run", against=()).findings]
    assert ("batch-as-time" in kinds) is (is_found and again)


def test_a_model_that_returns_a_number_without_axes_goes_on(tmp_path: Path) -> None:
    class Density(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(3, 3)

        def forward(self, x_TBD: Tensor) -> Tensor:
            return (self.gru(x_TBD)[0] - x_TBD).square().mean()

    model = Density()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with newllm.record(model, optimizer, tmp_path) as recorder:
        loss = model(torch.randn(5, 4, 3))
        loss.backward()
        optimizer.step()
        recorder.step(loss)
    assert not newllm.doctor(tmp_path, against=()).trace.remarks
