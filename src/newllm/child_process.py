"""Run a command as a child that ends when whoever started it ends, however that comes about.

    python src/newllm/child_process.py 20 python -m newllm.cli.main replay runs/my-text --json

It holds its own standard input: as soon as that ends, because it was closed or because the process at its other end is
no more, the command is told to stop (SIGTERM: a replay keeps what it has), and killed if it goes on for so many
seconds. The exit code is the command's. It is started as a file and imports nothing of newllm: what the environment
says of modules is for the command.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence


def supervised(command: Sequence[str], grace: float) -> list[str]:
    """Return the command that runs another one as a child, to be started with a pipe as its standard input.

    Args:
        command: the program, and its arguments.
        grace: seconds that it has to end once it is told to.
    """
    return [sys.executable, "-I", __file__, str(grace), *command]


def main(grace: str, *arguments: str) -> int:
    """Run the command and return its exit code."""
    try:
        command = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, start_new_session=True,
            close_fds=False,  # what was handed to it, as the stream of `--progress-fd`, is the command's
        )  # fmt: skip
    except OSError as error:
        print(f"{arguments[0]}: {error.strerror}", file=sys.stderr)
        return 127
    threading.Thread(target=_end_with_input, args=(command, float(grace)), daemon=True).start()
    code = command.wait()
    _to_all(command, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)  # what it may have left behind
    return code if code >= 0 else 128 - code


def lives(pid: int) -> bool:
    """Whether there is a process of a number; also where nobody may say so."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _end_with_input(command: subprocess.Popen[bytes], grace: float) -> None:
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    command.terminate()
    try:
        command.wait(grace)
    except subprocess.TimeoutExpired:
        _to_all(command, signal.SIGKILL)


def _to_all(command: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the command and all that it started."""
    with contextlib.suppress(OSError):
        os.killpg(command.pid, number)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
