"""The norm that gradients are clipped to, as logs say it above their rows."""

from pathlib import Path

import pytest

from newllm.trace.readers import read_log
from newllm.trace.readers.clip_limit import clip_limit_of, is_clip_limit

CONSOLE = "".join(f"step {at}: loss {5 - at / 50:.3f}, grad_norm {12 + at % 7 / 10}\n" for at in range(40))
CSV = "step,loss,grad_norm\n" + "".join(f"{at},{5 - at / 50:.3f},{12 + at % 7 / 10}\n" for at in range(40))


@pytest.mark.parametrize(
    "log",
    [
        "max_grad_norm: 1.0\n" + CONSOLE,
        "Namespace(batch_size=32, lr=0.0003, max_grad_norm=1.0, epochs=3)\n" + CONSOLE,
        "python train.py --max-grad-norm 1.0 --lr 0.0003\n" + CONSOLE,
        "  max_grad_norm ................... 1.0\n" + CONSOLE,
        "{'lr': 0.0003, 'max_grad_norm': 1.0}\n" + CONSOLE,
        "max_grad_norm: 1.0\n" + CSV,
        "# lr: 0.0003\n# clip_grad_norm: 1.0\n" + CSV,
        '{"max_grad_norm": 1.0}\n' + "".join(f'{{"step": {at}, "loss": {at + 0.5}}}\n' for at in range(40)),
    ],
)
def test_the_limit_above_the_rows_is_read(log: str, tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text(log)
    trace = read_log(tmp_path / "log.txt")
    (limit,) = (series.value.tolist() for name, series in trace.signals.items() if is_clip_limit(name))
    assert limit == [1.0]
    assert len(trace.series("loss").step) == 40


@pytest.mark.parametrize(
    "line",
    [
        "grad_clip: 1.0",
        "max_grad_norm: None",
        "clip_value=0.5",
        "max_norm: 2.0",
        "grad_norm: 1.3",
        "max_grad_norm=1.0.3",
    ],
)
def test_what_names_no_limit_of_a_norm_is_none(line: str) -> None:
    assert clip_limit_of(line) == []


def test_a_norm_that_is_logged_in_each_row_is_no_limit(tmp_path: Path) -> None:
    """`torch.nn.utils.clip_grad_norm_` returns the norm before clipping, and logs are named after it."""
    (tmp_path / "log.txt").write_text(CONSOLE.replace("grad_norm", "clip_grad_norm"))
    assert len(set(read_log(tmp_path / "log.txt").series("clip_grad_norm").value.tolist())) > 1
