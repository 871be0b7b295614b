"""Rows that say their epoch and which batch of it, as well-known trainers print them: at which steps they are."""

from pathlib import Path

import pytest

from newllm.trace import Trace
from newllm.trace.readers import read_log

LINES = {
    "imagenet": "Epoch: [{epoch}][{batch:>4}/500]\tTime  0.112 (  0.130)\tLoss {loss:.4e} ({loss:.4e})",
    "torchvision": "Epoch: [{epoch}]  [{batch:>3}/500]  eta: 0:01:00  lr: 0.020  loss: {loss:.4f} ({loss:.4f})",
    "mmengine": "05/01 12:00:00 - mmengine - INFO - Epoch(train) [{epoch}][{batch}/500]  lr: 0.01  loss: {loss:.4f}",
    "swin": "[05-01 12:00 swin] (main.py 188): INFO Train: [{epoch}/300][{batch}/500]\tloss {loss:.4f} ({loss:.4f})",
    "timm": "Train: {epoch} [{batch:>4d}/500 ({percent:>3.0f}%)]  Loss: {loss:.3g} ({loss:.3g})  LR: 1.000e-03",
}
VALIDATION = {
    "imagenet": "Test: [  0/79]\tTime  1.1 ( 1.1)\tLoss 2.1000e+00 (2.1000e+00)",
    "torchvision": "Test:  [ 0/79]  loss: 2.1000 (2.1000)",
    "mmengine": "05/01 12:01:00 - mmengine - INFO - Epoch(val) [{epoch}][100/100]    loss: 2.1000",
    "swin": "[2024-05-01 12:00:00 swin] (main.py 188): INFO Test: [0/79]\tLoss 2.1000 (2.1000)",
    "timm": "Test: [  78/78]  Loss:   2.1000 (2.1042)",
}


def read(lines: list[str], place: Path) -> Trace:
    (place / "log.txt").write_text("\n".join(lines) + "\n")
    return read_log(place / "log.txt")


def log(trainer: str, epochs: range, batches: int = 500) -> list[str]:
    lines = []
    for epoch in epochs:
        for batch in range(50, batches + 1, 50):
            loss = 1 + 5 / (batch + 500 * epoch)
            lines.append(LINES[trainer].format(epoch=epoch, batch=batch, loss=loss, percent=100 * batch / 500))
        lines.append(VALIDATION[trainer].format(epoch=epoch))
    return lines


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("trainer", LINES)
def test_the_step_is_that_of_the_epochs_before_and_of_this_one(trainer: str, first: int, tmp_path: Path) -> None:
    trace = read(log(trainer, range(first, first + 3)), tmp_path)
    assert trace.axis == "step"
    assert list(trace.series("loss").step) == [*range(50, 1501, 50)]
    assert list(trace.series("validation_loss").step) == [500, 1000, 1500]


def test_rows_of_the_data_are_no_steps(tmp_path: Path) -> None:
    """PyTorch's MNIST example, of 64 rows an update."""
    lines = [
        f"Train Epoch: {epoch} [{rows}/60000 ({rows / 600:.0f}%)]\tLoss: {2.3 / epoch:.6f}"
        for epoch in (1, 2)
        for rows in range(0, 60000, 640)
    ]
    assert list(read(lines, tmp_path).series("loss").step) == [*range(1, len(lines) + 1)]


def test_what_contradicts_itself_tells_no_step(tmp_path: Path) -> None:
    lines = log("imagenet", range(2))
    rows = [*range(1, 11), *range(12, 22)]
    for wrong in (
        [line.replace("/500]", "/400]") for line in lines],  # batch 450 of 400
        [line.replace("/500]", "/600]") if "[1]" in line else line for line in lines],
    ):
        assert list(read(wrong, tmp_path).series("loss").step) == rows


def test_a_log_that_says_its_steps_is_believed(tmp_path: Path) -> None:
    lines = [f"step {10 * number} Epoch: [0][{number}/500] loss: {1 + 1 / number:.4f}" for number in range(1, 30)]
    assert list(read(lines, tmp_path).series("loss").step) == [*range(10, 300, 10)]
