"""What fastai prints, as `python train.py | tee log` keeps it: a table between bars that are drawn over.

The log is of fastai 2.8.12 with fastprogress 1.1.6; only epochs, redraws and blanks are left out.
"""

from pathlib import Path

import pytest

from newllm.trace.readers import read_log
from newllm.trace.readers.progress_bars import without_bars


def drawn(epoch: int, loss: str) -> str:
    name = f"\rEpoch {epoch}/12 :"
    empty, begun, full = "-" * 40, "██" + "-" * 38, "█" * 40
    return (
        f"█\r{name} |{empty}| 0.00% [0/31 00:00<?]{name} |{begun}| 6.45% [2/31 00:00<00:00... {loss}]"
        f"{name} |{full}| 100.00% [31/31 00:00<00:00... {loss}]{name}{' ' * 80}\r{name}{' ' * 80}\r"
    )


# The learning rate was multiplied by 10,000 in the middle: the loss is wider than its column.
LOG = (
    "█\repoch     train_loss  valid_loss  accuracy  error_rate  time    \n"
    f"{drawn(1, '0.9455')}0         0.916245    0.267766    0.926000  0.074000    00:00     \n"
    f"{drawn(2, '0.4933')}1         0.477761    0.204853    0.940000  0.060000    00:00     \n"
    f"{drawn(6, '13504.8447')}6         13504.84472791.914917   0.122000  0.878000    00:00     \n"
    f"{drawn(7, '7364.1455')}7         7217.258301 106.336449  0.110000  0.890000    00:00     \n"
    f"{drawn(8, 'nan')}8         nan         nan         0.074000  0.926000    00:00     \n"
)


def test_the_table_is_read_between_its_bars(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(LOG, encoding="utf-8", newline="")
    trace = read_log(path)
    assert (trace.axis, trace.remarks) == ("epoch", ())
    assert set(trace.signals) == {"loss", "validation_loss", "validation_accuracy", "error_rate"}
    found = {name: series.value.tolist() for name, series in trace.signals.items()}
    assert trace.series("loss").step.tolist() == [0, 1, 6, 7, 8]
    assert found["loss"] == pytest.approx([0.916245, 0.477761, 13504.844727, 7217.258301, float("nan")], nan_ok=True)
    assert found["validation_loss"][:4] == [0.267766, 0.204853, 91.914917, 106.336449]
    assert found["validation_accuracy"] == [0.926, 0.94, 0.122, 0.11, 0.074]


@pytest.mark.parametrize(
    "line", ["Epoch 1/12 : loss 2.5", "Epoch 1/12 : ", "|----| 3.23% [1/31 00:00<00:00] loss: 2.5"]
)
def test_what_is_no_bar_alone_stays(line: str) -> None:
    assert without_bars(line) == line
