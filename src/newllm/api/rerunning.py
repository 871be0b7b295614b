"""Run the program of a recording again with one thing changed at a time. No torch here: the program has it."""

import os
from collections.abc import Sequence
from pathlib import Path

from newllm.demo import is_demo
from newllm.errors import UserError
from newllm.reruns.result import Rerun
from newllm.reruns.session import Watcher, rerun_program
from newllm.time_limit import TimeLimit

BUDGET = 300.0


def is_recording(path: str | os.PathLike[str]) -> bool:
    """Whether a directory is a recording of anyone's training, and no run of `newllm train`."""
    place = Path(path)
    return (place / "recording.json").is_file() and not (place / "config.toml").is_file()


def rerun(
    run: str | os.PathLike[str],
    *,
    spike: int | None = None,
    only: Sequence[str] = (),
    budget: float | TimeLimit = BUDGET,
    watcher: Watcher | None = None,
) -> Rerun:
    """Run the program of a recording again, as it was and then with one thing changed, and say what that shows.

    The program is that which `newllm.record` kept (RUN/program.json); it runs in copies of its directory, from its
    beginning to the end of the rise. RUN/rerun.json is written after each trial, and a second call goes on from it.

    Args:
        run: the recording.
        spike: which rise of the training loss, from 1 in their order; None takes the first.
        only: names of what is tried ("hold-learning-rate", "skip-updates", ...); none takes all that fit.
        budget: seconds that it may take.
        watcher: is told of every trial.

    Raises:
        UserError: the recording or its program is absent, damaged or cannot be run, or its loss does not rise.
    """
    place = Path(run)
    if is_demo(place):
        raise UserError("the demo is read-only: replay a recording of your own")
    if not is_recording(place):
        raise UserError(f"'{place}' is no recording of newllm.record: newllm.replay takes runs of newllm train")
    time = budget if isinstance(budget, TimeLimit) else TimeLimit(budget)
    return rerun_program(place, number=spike, only=only, time=time, watcher=watcher)
