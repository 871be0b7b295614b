"""What a process of several wrote down before it ended: RUN/ranks/rank-00001.log, where it shares a disk with the run.

The leader removes them when it begins, and quotes them where a process is gone.
"""

import contextlib
import re
import time
import traceback
from pathlib import Path

from newllm.errors import UserError
from newllm.training.world import LostError

FOLDER = "ranks"
_PATIENCE = 1.0  # seconds until what a process that is gone wrote down must be there
_NAME = re.compile(r"rank-(\d+)\.log")


def write_last_words(run: Path, rank: int, error: BaseException) -> bool:
    """Write down why this process ends; return whether that was possible.

    Args:
        run: the run directory as the leader names it.
        rank: of this process.
        error: a mistake in one line, anything else with its call stack.
    """
    is_told = isinstance(error, UserError)
    words = f"{error}\n" if is_told else "".join(traceback.format_exception(error))
    try:
        if not run.is_dir():
            return False
        (run / FOLDER).mkdir(exist_ok=True)
        (run / FOLDER / f"rank-{rank:05}.log").write_text(words, encoding="utf-8")
    except OSError:
        return False
    return True


def read_last_words(run: Path) -> str | None:
    """Return the last line of the first process that wrote one, with its rank; None where none did within a second."""
    ends = time.monotonic() + _PATIENCE
    while time.monotonic() < ends:
        for path in sorted((run / FOLDER).glob("rank-*.log")):
            with contextlib.suppress(OSError, ValueError):
                lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
                if lines and (named := _NAME.fullmatch(path.name)):
                    return f"rank {int(named[1])}: {lines[-1]}"
        time.sleep(0.05)
    return None


def explained(error: LostError, run: Path) -> LostError:
    """Return the error with what the process that is gone wrote down, and how the run goes on."""
    words = read_last_words(run)
    said = f", which said: {words}" if words else ""
    return LostError(f"{error}{said}; start all processes again with --resume {run} to go on")


def remove_last_words(run: Path) -> None:
    """Remove what processes of an earlier session wrote."""
    for path in (run / FOLDER).glob("rank-*.log"):
        with contextlib.suppress(OSError):
            path.unlink()
