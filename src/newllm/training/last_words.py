"""What a process of several wrote down before it ended: RUN/ranks/rank-00001.log, where it shares a disk with the run.

One that ended because another was gone writes what it saw into rank-00001-lost.log beside it. The leader removes them
when it begins, and quotes the first kind where a process is gone.
"""

import contextlib
import re
import time
import traceback
from pathlib import Path

from newllm.errors import UserError
from newllm.files import make_directory, write_bytes
from newllm.launcher import launch_name
from newllm.messages import message
from newllm.trace import Summary
from newllm.training.world import HungError, LostError

FOLDER = "ranks"
_PATIENCE = 1.0  # seconds until what a process that is gone wrote down must be there
_LAUNCH = "launch.txt"
_NAME = re.compile(r"rank-(\d+)\.log")


def write_last_words(run: Path, rank: int, error: BaseException) -> bool:
    """Write down why this process ends; return whether that was possible.

    Args:
        run: the run directory as the leader names it.
        rank: of this process.
        error: a mistake in one line, with where it was seen if another process is gone; else with its call stack.
    """
    lost = isinstance(error, LostError)
    if lost and error.at is not None:
        words = f"{message('training-lost_seen', what=error.at, why=error.why)}\n"
    else:
        words = f"{error}\n" if isinstance(error, UserError) else "".join(traceback.format_exception(error))
    try:
        if not run.is_dir():
            return False
        (run / FOLDER).mkdir(exist_ok=True)
        (run / FOLDER / f"rank-{rank:05}{'-lost' if lost else ''}.log").write_text(words, encoding="utf-8")
    except OSError:
        return False
    return True


def read_last_words(run: Path) -> str | None:
    """Return the last line of the first process that ended by itself and wrote one, with its rank.

    None where none did within a second.
    """
    ends = time.monotonic() + _PATIENCE
    while time.monotonic() < ends:
        for path in sorted((run / FOLDER).glob("rank-*.log")):
            with contextlib.suppress(OSError, ValueError):
                lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
                if lines and (named := _NAME.fullmatch(path.name)):
                    return f"rank {int(named[1])}: {lines[-1]}"
        time.sleep(0.05)
    return None


def write_launch(run: Path) -> None:
    """Write down which call of a launcher trains this run, so that its next attempt goes on with it."""
    make_directory(run / FOLDER)
    write_bytes(run / FOLDER / _LAUNCH, launch_name().encode())


def was_launched_here(run: Path) -> bool:
    """Whether the launcher that started this process began or resumed that run, which has not diverged since."""
    try:
        return (run / FOLDER / _LAUNCH).read_text() == launch_name() and Summary.load(
            run / "summary.json"
        ).status != "diverged"
    except (OSError, ValueError):
        return False


def explained(error: LostError, run: Path) -> LostError:
    """Return the error with what the process that is gone wrote down, and how the run goes on."""
    words = None if isinstance(error, HungError) else read_last_words(run)
    return LostError(message("training-lost_go_on", why=error.why, words=words or "none", run=str(run)))


def remove_last_words(run: Path) -> None:
    """Remove what processes of an earlier session wrote."""
    for path in (run / FOLDER).glob("rank-*.log"):
        with contextlib.suppress(OSError):
            path.unlink()
