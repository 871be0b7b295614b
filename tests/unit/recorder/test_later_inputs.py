"""Whether a forecast of numbers reads what it is asked for, and where its targets stand among the inputs."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.trace import Trace, read_trace

LENGTH, NUMBERS, WIDTH = 12, 3, 16
Batch = Callable[[Tensor], tuple[Tensor, Tensor]]


class Forecast(nn.Module):
    """A forecast at each position, of one mixing layer `[B, T, D] -> [B, T, W]`."""

    def __init__(self, mix: Callable[[Tensor], Tensor], *parts: nn.Module, outputs: int = 1) -> None:
        super().__init__()
        self.parts, self.head, self.mix = nn.ModuleList(parts), nn.Linear(WIDTH, outputs), mix

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mix(x))


def attention(mask: Tensor | None) -> Forecast:
    first, layer = nn.Linear(NUMBERS, WIDTH), nn.TransformerEncoderLayer(WIDTH, 2, 32, batch_first=True)
    return Forecast(lambda x: layer(first(x), src_mask=mask), first, layer)


def convolution(left: int, right: int, *, padded_before: bool = True, group_norm: bool = False) -> Forecast:
    layer = nn.Conv1d(NUMBERS, WIDTH, 1 + left + right, padding=0 if padded_before else left)
    after = nn.GroupNorm(2, WIDTH) if group_norm else nn.Identity()

    def mix(x: Tensor) -> Tensor:
        x = x.mT if not padded_before else F.pad(x.mT, (left, right))
        return after(layer(x)).mT

    return Forecast(mix, layer, after)


def recurrent(*, both: bool, layers: int = 1, batch_first: bool = True) -> Forecast:
    layer = nn.LSTM(NUMBERS, WIDTH // (1 + both), layers, bidirectional=both, batch_first=batch_first)

    def mix(x: Tensor) -> Tensor:
        return layer(x)[0] if batch_first else layer(x.transpose(0, 1))[0].transpose(0, 1)

    return Forecast(mix, layer)


def forwards_half() -> Forecast:
    """Of a layer that reads in both directions the half that has read the past alone."""
    layer = nn.GRU(NUMBERS, WIDTH, bidirectional=True, batch_first=True)
    return Forecast(lambda x: layer(x)[0][..., :WIDTH], layer)


def future() -> Tensor:
    return torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1)


def ahead(places: int) -> Batch:
    return lambda x: (x[:, :LENGTH], x[:, places : LENGTH + places, :1])


def train(out: Path, model: nn.Module, batch: Batch, updates: int = 8) -> Trace:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with newllm.record(model, optimizer, out, every=1) as recorder:
        for _ in range(updates):
            given, targets = batch(torch.randn(16, 3 * LENGTH, NUMBERS))
            loss = F.mse_loss(model(given), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    return read_trace(out / "trace.jsonl")


def kinds(trace: Trace) -> set[str]:
    return {one.kind for one in diagnose(trace, Facts(origin="record"))}


@pytest.mark.parametrize(
    "build",
    [
        lambda: attention(None),
        lambda: convolution(1, 1),
        lambda: convolution(1, 1, padded_before=False),
        lambda: recurrent(both=True),
        lambda: recurrent(both=True, layers=2),
        lambda: recurrent(both=True, batch_first=False),
    ],
)
@pytest.mark.parametrize("places", [1, 3])
def test_a_forecast_that_reads_its_answer_is_named(tmp_path: Path, build: Callable[[], Forecast], places: int) -> None:
    torch.manual_seed(0)
    trace = train(tmp_path / "run", build(), ahead(places))
    assert set(trace.series("target_steps_ahead").value) == {places}
    assert trace.series("later_inputs_seen").value.min() > 1e-3
    findings = diagnose(trace, Facts(origin="record"))
    assert [one.name for each in findings if each.kind == "not-causal" for one in each.causes or ()] == ["target-leak"]


@pytest.mark.parametrize(
    "build",
    [
        lambda: attention(future()),
        lambda: convolution(2, 0),
        lambda: recurrent(both=False),
        lambda: recurrent(both=False, layers=2),
        lambda: recurrent(both=False, batch_first=False),
        forwards_half,
    ],
)
def test_a_forecast_that_reads_the_past_is_not(tmp_path: Path, build: Callable[[], Forecast]) -> None:
    torch.manual_seed(0)
    trace = train(tmp_path / "run", build(), ahead(1))
    assert set(trace.series("target_steps_ahead").value) == {1}
    assert not trace.series("later_inputs_seen").value.any()
    assert "not-causal" not in kinds(trace)


def test_a_norm_over_positions_says_nothing(tmp_path: Path) -> None:
    trace = train(tmp_path / "run", convolution(2, 0, group_norm=True), ahead(1))
    assert "later_inputs_seen" not in trace.signals


@pytest.mark.parametrize("name", ["same", "later series", "smoothed"])
def test_what_is_asked_for_elsewhere_may_be_read_in_both_directions(tmp_path: Path, name: str) -> None:
    batches: dict[str, Batch] = {
        "same": lambda x: (x[:, :LENGTH], x[:, :LENGTH, :1]),
        "later series": lambda x: (x[:, :LENGTH], x[:, LENGTH : 2 * LENGTH, :1]),
        "smoothed": lambda x: (x[:, :LENGTH], (x[:, :LENGTH, :1] + x[:, 1 : LENGTH + 1, :1]) / 2),
    }
    trace = train(tmp_path / "run", recurrent(both=True), batches[name])
    assert "target_steps_ahead" not in trace.signals
    assert not {"not-causal", "target-in-input"} & kinds(trace)


class Window(nn.Module):
    """A forecast of several steps from a window as a whole."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.layer, self.steps = nn.Linear(LENGTH * NUMBERS, steps * NUMBERS), steps

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.flatten(1)).unflatten(1, (self.steps, NUMBERS))


@pytest.mark.parametrize("overlap", [0, 1, 3])
def test_a_window_that_reaches_into_its_forecast_is_named(tmp_path: Path, overlap: int) -> None:
    start = LENGTH - overlap
    trace = train(tmp_path / "run", Window(4), lambda x: (x[:, :LENGTH], x[:, start : start + 4]), updates=20)
    found = [str(one.sentence) for one in diagnose(trace, Facts(origin="record")) if one.kind == "target-in-input"]
    assert [f"{25 * overlap} %" in one for one in found] == ([True] if overlap else [])
