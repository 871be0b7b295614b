"""Rows that wait to be read from a device: none is lost where a flush does not come to its end."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from newllm.recorder.pending import PendingRows, Row
from newllm.trace import TraceWriter, read_trace

ROWS = 50


def pending(path: Path, first: Row | None = None) -> PendingRows:
    rows = PendingRows(TraceWriter(path))
    if first is not None:
        rows.add(ROWS, first)
    for step in range(ROWS):
        row = Row()
        row.put("loss", torch.tensor(float(step)))
        rows.add(step, row)
    return rows


FULL = """
import resource, sys
from pathlib import Path
from newllm.errors import UserError
sys.path.insert(0, sys.argv[2])
from test_pending import pending
rows = pending(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
try:
    rows.flush()
except UserError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
rows.close()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_disk_that_was_full_for_a_while_costs_no_row(tmp_path: Path) -> None:
    path, here = tmp_path / "trace.jsonl", str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", FULL, str(path), here], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("no room to write")
    assert read_trace(path).signals["loss"].step.tolist() == list(range(ROWS))


def test_ctrl_c_while_the_device_is_read_costs_no_row(tmp_path: Path) -> None:
    interrupting = Row()

    def decode(numbers: object) -> list[tuple[str, float]]:
        if not read:
            read.append(numbers)
            signal.raise_signal(signal.SIGINT)
        return []

    read: list[object] = []
    interrupting.put_all(torch.zeros(1), decode)
    rows = pending(tmp_path / "trace.jsonl", interrupting)
    with pytest.raises(KeyboardInterrupt):
        rows.flush()
    rows.close()
    assert read_trace(tmp_path / "trace.jsonl").signals["loss"].step.tolist() == list(range(ROWS))
