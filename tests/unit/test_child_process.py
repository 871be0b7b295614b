"""A command that does not end when it is told to."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from newllm import child_process

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


def test_a_command_that_goes_on_after_it_was_told_to_stop_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ended").write_text("")
    command = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, start_new_session=True)
    with command, (tmp_path / "ended").open() as ended:
        assert command.stdout is not None
        command.stdout.readline()  # it is deaf by now
        monkeypatch.setattr(sys, "stdin", ended)
        child_process._end_with_input(command, 0.2)
        assert command.wait(30) == -signal.SIGKILL
