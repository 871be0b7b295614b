"""Whether maps are asked for the wrong way round, read off the gradient while somebody trains."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm
from newllm.trace import Trace, read_trace

Loss = Callable[[Tensor, Tensor], Tensor]


def dice(z: Tensor, t: Tensor) -> Tensor:
    p = z.sigmoid()
    return 1 - 2 * (p * t).sum() / (p.sum() + t.sum())


LOSSES: dict[str, Loss] = {
    "binary": F.binary_cross_entropy_with_logits,
    "with Dice": lambda z, t: F.binary_cross_entropy_with_logits(z, t) + dice(z, t),
    "classes": lambda z, t: F.cross_entropy(z, t[:, 0].long()),
}


def pictures(rows: int) -> Tensor:
    """A rectangle off the middle in each."""
    found = torch.zeros(rows, 1, 16, 16)
    for row in range(rows):
        top, left = (int(torch.randint(0, 4, ()) + 9 * torch.randint(0, 2, ())) for _ in range(2))
        found[row, 0, top : top + 3, left : left + 3] = 1
    return found


class Squeezed(nn.Conv2d):
    """One map a picture, (N, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input)[:, 0]


def record(
    out: Path,
    loss: Loss,
    mirror: float,
    axis: int | tuple[int, ...],
    classes: int,
    convolution: type[nn.Conv2d] = nn.Conv2d,
) -> Trace:
    torch.manual_seed(0)
    model = convolution(1, classes, 3, padding=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    with newllm.record(model, optimizer, out, every=1) as recorder:
        for _ in range(40):
            targets = pictures(16)
            inputs = targets + 0.1 * torch.randn(targets.shape)
            for one in axis if isinstance(axis, tuple) else (axis,):
                turned = torch.rand(16) < mirror
                targets[turned] = targets[turned].flip(one)
            optimizer.zero_grad()
            value = loss(model(inputs), targets)
            value.backward()
            optimizer.step()
            recorder.step(value)
    return read_trace(out / "trace.jsonl")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("axis", [-1, -2])
def test_maps_that_are_mirrored_apart_from_their_pictures(tmp_path: Path, loss: str, axis: int) -> None:
    for mirror in (0.0, 0.5):
        trace = record(tmp_path / f"{mirror}", LOSSES[loss], mirror, axis, 3 if loss == "classes" else 1)
        share = trace.series("targets_mirrored").value[-20:].mean()
        assert trace.series("targets_placed").value[-20:].mean() > 0.9
        assert share < 0.02 if mirror == 0 else 0.2 < share < 0.8


def test_maps_that_are_mirrored_along_either_axis_apart(tmp_path: Path) -> None:
    """A picture's own place fits a fourth of the maps: what the model gives is spread over four places."""
    found = [record(tmp_path / f"{mirror}", LOSSES["binary"], mirror, (-1, -2), 1) for mirror in (0.0, 0.5)]
    for trace in found:
        assert trace.series("targets_placed").value[-12:].mean() > 0.9
    sound, apart = (trace.series("targets_mirrored").value[-12:].mean() for trace in found)
    assert sound < 0.02
    assert apart > 0.5


def test_maps_that_are_turned_apart(tmp_path: Path) -> None:
    """Pictures and maps draw a flip and a quarter turn each: one of eight fits."""
    torch.manual_seed(0)

    def turned(maps: Tensor) -> Tensor:
        flipped = (maps.flip(-1) if torch.rand(()) < 0.5 else maps for maps in maps)
        return torch.stack([torch.rot90(one, int(torch.randint(0, 4, ())), (-2, -1)) for one in flipped])

    for apart in (False, True):
        model = nn.Conv2d(1, 1, 3, padding=1)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        with newllm.record(model, optimizer, tmp_path / str(apart), every=1) as recorder:
            for _ in range(40):
                inputs = turned(pictures(16))
                targets = turned(inputs) if apart else inputs
                value = F.binary_cross_entropy_with_logits(model(inputs + 0.1 * torch.randn(inputs.shape)), targets)
                optimizer.zero_grad()
                value.backward()
                optimizer.step()
                recorder.step(value)
        found = newllm.doctor(tmp_path / str(apart), against=()).findings
        assert any(one.kind == "mirrored-targets" for one in found) is apart


def test_maps_without_an_axis_of_classes(tmp_path: Path) -> None:
    loss = lambda z, t: F.binary_cross_entropy_with_logits(z, t[:, 0])  # noqa: E731
    for mirror in (0.0, 0.5):
        trace = record(tmp_path / f"{mirror}", loss, mirror, -1, 1, Squeezed)
        share = trace.series("targets_mirrored").value[-20:].mean()
        assert trace.series("targets_placed").value[-20:].mean() > 0.9
        assert share < 0.02 if mirror == 0 else 0.2 < share < 0.8


def test_texts_are_no_maps(tmp_path: Path) -> None:
    model = nn.Linear(4, 8)
    optimizer = torch.optim.Adam(model.parameters())
    with newllm.record(model, optimizer, tmp_path / "run", every=1) as recorder:
        for _ in range(3):
            optimizer.zero_grad()
            value = model(torch.randn(8, 12, 4)).square().mean()
            value.backward()
            optimizer.step()
            recorder.step(value)
    assert not len(read_trace(tmp_path / "run" / "trace.jsonl").series("targets_mirrored").value)


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, lambda z, _: z.square().mean()])
def test_of_a_loss_of_numbers_no_place_is_known(tmp_path: Path, loss: Loss) -> None:
    placed = record(tmp_path / "run", loss, 0.0, -1, 1).series("targets_placed").value
    assert not len(placed) or placed[-20:].mean() < 0.5
