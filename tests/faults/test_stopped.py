"""A process that is stopped while it writes, whose lock somebody removes: who finishes the run is not overwritten."""

import signal
import sys
from pathlib import Path

import pytest

from newllm.training.run import LOCK

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a process is forked and stopped")

# Behind which change it stops: its kind, what its path holds, and the how manyth of these.
MOMENTS = {
    "a summary is written, but not in its place": ("write", ".summary.json", 5),
    "a snapshot is half written": ("write", "snapshots/.step-00000008", 1),
    "a snapshot is written, but not in its place": ("chmod", "snapshots/.step-00000008", 1),
    "a snapshot is in its place, the earlier ones are not yet removed": ("rename", "snapshots/.step-00000008", 1),
    "the curves are drawn, but not in their place": ("write", ".training_curves.png", 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_who_was_stopped_does_not_write_over_a_run_that_another_has_finished(
    moment, newllm, text, tiny, tmp_path, wait_until
) -> None:
    run = tmp_path / "run"
    often = ["--steps", 16, "--set", "training.evaluate_every=4", "--set", "training.keep=1"]
    stopped = newllm.start("train", text, *tiny, *often, "--out", run, "--quiet", stop=[str(run), *MOMENTS[moment]])
    wait_until(lambda: state(stopped.pid) == "T")
    (run / LOCK).unlink()
    newllm.run("train", "--resume", run, "--quiet")
    finished = content(run)
    stopped.send(signal.SIGCONT)
    assert stopped.wait() == 2, stopped.stderr
    assert "was removed while this process had it" in stopped.stderr
    assert content(run) == finished


def state(pid: int) -> str:
    """Return what the system says a process does: R, S, T (stopped) ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def content(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}
