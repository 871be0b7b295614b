"""Run one command of newllm as a child that ends when whoever started it ends, however that comes about.

    python -m newllm.ui.child_process replay runs/my-text --json

It holds its own standard input: as soon as that ends, because it was closed or because the process at its other end is
no more, the command is told to stop (SIGTERM: a replay keeps what it has), and killed if it goes on for long.
The exit code is the command's.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

_GRACE = 20.0  # seconds for a command to keep what it has


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    command = subprocess.Popen(
        [sys.executable, "-P", "-m", "newllm.cli.main", *arguments], stdin=subprocess.DEVNULL, start_new_session=True,
        close_fds=False,  # what was handed to it, as the stream of `--progress-fd`, is the command's
    )  # fmt: skip
    threading.Thread(target=_end_with_input, args=(command,), daemon=True).start()
    code = command.wait()
    _to_all(command, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)  # what it may have left behind
    return code if code >= 0 else 128 - code


def _end_with_input(command: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    command.terminate()
    try:
        command.wait(_GRACE)
    except subprocess.TimeoutExpired:
        _to_all(command, signal.SIGKILL)


def _to_all(command: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the command and all that it started."""
    with contextlib.suppress(OSError):
        os.killpg(command.pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
