"""Find which change of a program made its training go wrong, by running it again. No torch here: the program has it."""

from pathlib import Path

from newllm.api.diagnosed import doctor
from newllm.bisection.begin import bisect_runs, runnable_program
from newllm.bisection.result import Bisection
from newllm.bisection.session import Watcher
from newllm.errors import UserError
from newllm.time_limit import TimeLimit

BUDGET = 600.0


def bisect(
    run: str | Path,
    *,
    against: str | Path | None = None,
    budget: float | TimeLimit = BUDGET,
    inside: str | Path | None = None,
    watcher: Watcher | None = None,
) -> Bisection:
    """Run the program of a sound run again with some of the changes that another run's program has, to find the cause.

    The programs are those that `newllm.record` kept (RUN/program.json). Trials run in copies of the program's
    directory; what they show is judged as `newllm.doctor(run, against=sound)` does. RUN/bisection.json is written after
    each trial, and a second call goes on from it.

    Args:
        run: the recording that went wrong.
        against: a recording of the same program that is known to be sound. None takes the one that `newllm.doctor(run)`
            chooses: the newest before it beside it in which nothing is found.
        budget: seconds that it may take.
        inside: a directory that trials run in, prepared as a copy of the program's; None makes copies.
        watcher: is told of every trial.

    Raises:
        UserError: a run or its program is absent, damaged or cannot be run, or nothing parts.
    """
    time = budget if isinstance(budget, TimeLimit) else TimeLimit(budget)
    run, inside = Path(run), None if inside is None else Path(inside)
    sound = _chosen(run) if against is None else Path(against)
    return bisect_runs(run, sound, time=time, watcher=watcher, inside=inside)


def _chosen(run: Path) -> Path:
    runnable_program(run)  # without one there is none that is the same
    found = doctor(run)
    if not found.against or found.doubtful:
        raise UserError(
            f"beside '{run}' is no earlier run of its program in which nothing is found: name one that is sound with "
            "--against"
        )
    return found.against[0].path
