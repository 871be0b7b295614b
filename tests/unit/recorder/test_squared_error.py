"""What a squared error asks for: noise that is drawn anew, a target among the inputs."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm
from newllm.trace import Trace, read_trace

Loss = Callable[[Tensor, Tensor], Tensor]
LOSSES: list[Loss] = [
    F.mse_loss,
    lambda o, t: 0.5 * F.mse_loss(o, t),
    lambda o, t: F.mse_loss(o, t, reduction="sum") / len(o),
    lambda o, t: F.mse_loss(o, t, reduction="sum"),
]


def record(out: Path, model: nn.Module, batch: Callable[[], tuple[Tensor, Tensor]], loss: Loss, rate: float) -> Trace:
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    with newllm.record(model, optimizer, out, every=1) as recorder:
        for _ in range(30):
            inputs, targets = batch()
            optimizer.zero_grad()
            value = loss(model(inputs), targets)
            value.backward()
            optimizer.step()
            recorder.step(value)
    return read_trace(out / "trace.jsonl")


def noisy(again: bool) -> tuple[Tensor, Tensor]:
    """Pictures in noise, with that noise, or with another draw."""
    noise = torch.randn(64, 16)
    pictures = torch.rand(64, 16)
    return pictures + noise, torch.randn(64, 16) if again else noise


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("again", [False, True])
def test_noise_that_is_drawn_anew_is_not_in_the_input(tmp_path: Path, loss: Loss, again: bool) -> None:
    torch.manual_seed(0)
    trace = record(tmp_path / "run", nn.Linear(16, 16), lambda: noisy(again), loss, 0.02)
    assert trace.series("target_noise").value.mean() > 0.9
    within = float(trace.series("noise_in_input").value.mean())
    assert (abs(within) < 0.02) if again else (within > 0.8)
    assert (trace.series("noise_explained").value[-1] > 0.5) == (not again)


def test_pictures_as_targets_are_no_noise(tmp_path: Path) -> None:
    torch.manual_seed(0)

    def batch() -> tuple[Tensor, Tensor]:
        pictures = torch.rand(64, 16)
        return pictures, pictures

    trace = record(tmp_path / "run", nn.Linear(16, 16), batch, F.mse_loss, 0.01)
    assert set(trace.series("target_noise").value.tolist()) == {0.0}


@pytest.mark.parametrize("among", [False, True])
def test_a_number_that_is_nearly_the_target_is_seen_among_the_inputs(tmp_path: Path, among: bool) -> None:
    torch.manual_seed(0)

    def batch() -> tuple[Tensor, Tensor]:
        x = torch.randn(64, 8)
        target = x[:, :5].sum(1) + torch.randn(64)
        if among:
            x[:, 6] = target + 0.01 * torch.randn(64)
        return x, target[:, None]

    trace = record(tmp_path / "run", nn.Linear(8, 1), batch, F.mse_loss, 0.01)
    follows = trace.series("target_in_input").value
    assert (follows.min() > 0.99) if among else (follows.max() < 0.9)


def test_of_many_calls_in_a_step_one_is_kept(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(16, 16)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
    with newllm.record(layer, optimizer, tmp_path / "run", every=1) as recorder:
        x, noise = noisy(again=False)
        for _ in range(5):
            x = layer(x)
        loss = F.mse_loss(x, noise)
        loss.backward()
        assert len(recorder._calls._errors._gradients.take()) == 1
        optimizer.step()
        recorder.step(loss)


BINARY: list[tuple[Loss, bool]] = [
    (F.binary_cross_entropy_with_logits, True),
    (lambda o, t: F.binary_cross_entropy_with_logits(o, t, reduction="sum"), True),
    (lambda o, t: F.binary_cross_entropy_with_logits(o, t, reduction="sum") / len(o), True),
    (F.binary_cross_entropy, False),  # it takes probabilities
    (F.mse_loss, False),
]


@pytest.mark.parametrize(("loss", "is_twice"), BINARY)
@pytest.mark.parametrize("outputs", [1, 6])
def test_probabilities_that_a_binary_loss_takes_for_logits(
    tmp_path: Path, loss: Loss, is_twice: bool, outputs: int
) -> None:
    torch.manual_seed(0)

    def batch() -> tuple[Tensor, Tensor]:
        inputs = torch.randn(64, 8)
        return inputs, (inputs[:, :outputs] > 0).float()

    squashed = nn.Sequential(nn.Linear(8, outputs), nn.Sigmoid())
    found = record(tmp_path / "squashed", squashed, batch, loss, 0.01).series("sigmoid_twice").value
    assert (len(found) > 25 and bool(found.all())) is is_twice
    if loss is not F.binary_cross_entropy:  # that takes no logits
        found = record(tmp_path / "logits", nn.Linear(8, outputs), batch, loss, 0.01).series("sigmoid_twice").value
        assert not found.any()


@pytest.mark.parametrize(("columns", "is_copied"), [(3, True), (1, None)])
def test_a_target_that_equals_a_number_of_the_inputs_is_known_to_six_digits(
    tmp_path: Path, columns: int, is_copied: bool | None
) -> None:
    torch.manual_seed(0)

    def batch() -> tuple[Tensor, Tensor]:
        inputs = torch.randn(64, columns)
        return inputs, 3 * inputs[:, -1:] + 1

    follows = record(tmp_path / "run", nn.Linear(columns, 1), batch, F.mse_loss, 0.01).series("target_in_input").value
    assert (len(follows) == 0) if is_copied is None else bool((follows > 1 - 1e-6).all())
    if is_copied:
        noisy = record(
            tmp_path / "noisy", nn.Linear(columns, 1), lambda: _with_noise(*batch()), F.mse_loss, 0.01
        ).series("target_in_input")
        assert 0.9 < noisy.value.min() <= noisy.value.max() < 1 - 1e-6


def _with_noise(inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    return inputs, targets + 0.1 * torch.randn_like(targets)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("outputs", [1, 3])
def test_the_level_of_the_targets_of_a_squared_error_is_known(tmp_path: Path, loss: Loss, outputs: int) -> None:
    torch.manual_seed(0)
    asked: list[Tensor] = []

    def batch() -> tuple[Tensor, Tensor]:
        asked.append(4.5 + 2 * torch.randn(64, outputs))
        return torch.randn(64, 8), asked[-1]

    trace = record(tmp_path / "run", nn.Linear(8, outputs), batch, loss, 0.01)
    means, stds = [float(one.mean()) for one in asked], [float(one.std(correction=0)) for one in asked]
    assert trace.series("target_mean").value.tolist() == pytest.approx(means, rel=1e-3)
    assert trace.series("target_std").value.tolist() == pytest.approx(stds, rel=1e-3)


def test_the_level_of_targets_of_zero_and_one_is_the_share_of_ones(tmp_path: Path) -> None:
    torch.manual_seed(0)
    targets = (torch.arange(64) < 16).float()[:, None]

    def batch() -> tuple[Tensor, Tensor]:
        return torch.randn(64, 8), targets

    trace = record(tmp_path / "run", nn.Linear(8, 1), batch, F.binary_cross_entropy_with_logits, 0.01)
    assert set(trace.series("target_mean").value.tolist()) == {0.25}


@pytest.mark.parametrize("loss", [F.l1_loss, F.smooth_l1_loss, lambda o, t: 3 * F.mse_loss(o, t)])
def test_of_another_loss_nobody_knows_the_targets(tmp_path: Path, loss: Loss) -> None:
    torch.manual_seed(0)
    trace = record(tmp_path / "run", nn.Linear(8, 1), lambda: (torch.randn(64, 8), torch.randn(64, 1)), loss, 0.01)
    assert "target_mean" not in trace.signals


@pytest.mark.parametrize("loss", LOSSES)
def test_the_ranges_of_outputs_and_targets_and_the_loss_of_the_best_constant_are_recorded(
    tmp_path: Path, loss: Loss
) -> None:
    torch.manual_seed(0)
    targets = torch.randn(300, 2) * torch.tensor([1.0, 3.0])
    inputs = torch.randn(300, 4)
    trace = record(tmp_path / "run", nn.Sequential(nn.Linear(4, 2), nn.ReLU()), lambda: (inputs, targets), loss, 1e-3)
    low, high = torch.quantile(targets.flatten(), torch.tensor([0.1, 0.9])).tolist()
    assert trace.series("target_low").value.tolist() == pytest.approx([low] * 30, rel=1e-3)
    assert trace.series("target_high").value.tolist() == pytest.approx([high] * 30, rel=1e-3)
    assert set(trace.series("output_min").value.tolist()) == {0.0}
    assert trace.series("output_max").value.min() > 0.5
    best = float(loss(targets.mean(0).expand(300, 2), targets))
    assert trace.series("constant_loss").value.tolist() == pytest.approx([best] * 30, rel=1e-3)


@pytest.mark.parametrize("draw", [torch.rand_like, torch.randn_like])
def test_noise_that_is_drawn_evenly_is_told(tmp_path: Path, draw: Callable[[Tensor], Tensor]) -> None:
    """`rand_like` for `randn_like`, in the training of a diffusion."""
    torch.manual_seed(0)

    def batch() -> tuple[Tensor, Tensor]:
        pictures = torch.randn(64, 16)
        noise = draw(pictures)
        return pictures + noise, noise

    record(tmp_path / "run", nn.Linear(16, 16), batch, F.mse_loss, 0.01)
    found = newllm.doctor(tmp_path / "run", against=()).findings
    assert any(one.kind == "uniform-noise" for one in found) is (draw is torch.rand_like)
