"""What is checked before a bisection begins: two runs, two programs that can be run, an earlier bisection of them."""

from dataclasses import replace
from pathlib import Path

from newllm.bisection.programs import Programs, programs_of, unreadable
from newllm.bisection.result import Bisection
from newllm.bisection.session import Session, Watcher
from newllm.bisection.store import BISECTION, read_bisection
from newllm.demo import is_demo
from newllm.diagnosis.against.statements import without_magics
from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.time_limit import TimeLimit
from newllm.trace.program import PROGRAM, Program, read_program

NOTEBOOK = "notebook.py"  # what the recorder calls the cells of one
HIDDEN = "..."  # what the recorder writes in place of a secret


def bisect_runs(
    run: Path, sound: Path, *, time: TimeLimit, watcher: Watcher | None = None, inside: Path | None = None
) -> Bisection:
    """Find which change of the program brings about what a run shows and a sound one does not.

    Args:
        run: directory of the recording that went wrong; bisection.json is written there.
        sound: of one that is known to be sound.
        time: that it may take.
        watcher: is told of every trial.
        inside: a directory that the user prepared as a copy of the program's; None copies it.

    Raises:
        UserError: a run or its program is absent, damaged or cannot be run, or nothing parts.
    """
    for one in (run, sound):
        _check_run(one)
    if run.resolve() == sound.resolve():
        raise UserError(f"'{run}' is the run that it is held against: name another one that is sound")
    if is_demo(run):
        raise UserError("the demo is read-only: bisect a run of your own")
    programs = programs_of(runnable_program(sound), runnable_program(run))
    _check_same_main(programs)
    earlier = read_bisection(run)
    found = Bisection(
        str(run),
        str(sound),
        programs.digest,
        0,
        programs.changes,
        programs.seeds,
        notices=_notices(run, sound, programs),
    )
    if earlier is not None and earlier.digest == programs.digest and Path(earlier.sound).resolve() == sound.resolve():
        found = found.gone_on(earlier)
    return Session(run, sound, programs, time, watcher or Watcher(), inside, found).go()


def stored_bisection(run: Path) -> Bisection:
    """Return the bisection that a run keeps.

    Raises:
        UserError: there is none, or it is damaged.
    """
    _check_run(run)
    found = read_bisection(run)
    if found is None:
        raise UserError(f"'{run}' has no {BISECTION}: newllm bisect {run} --against SOUND makes one")
    return found


def _check_run(run: Path) -> None:
    if not run.is_dir():
        raise UserError(f"'{run}' is no directory: name a recording of newllm.record")


def runnable_program(run: Path) -> Program:
    """Return the program of a run that can be run.

    Raises:
        UserError: there is none, it is damaged, or it cannot be run.
    """
    try:
        program = read_program(run)
        if program is not None and any(".." in Path(one).parts for one in program.files):
            raise ValueError("a file above its directory")
    except (OSError, ValueError) as error:
        raise UserError(
            f"'{run / PROGRAM}' is damaged ({error}): name a recording whose program can be read"
        ) from error
    if program is None:
        raise UserError(
            f"'{run}' keeps no program ({PROGRAM}): record again with this version of newllm.record, which keeps it"
        )
    if any(one == HIDDEN or one.endswith(f"={HIDDEN}") for one in program.arguments):
        raise UserError(
            f"the command line of '{run}' held a secret, which is not kept ('{' '.join(program.arguments)}'): give it "
            "by an environment variable and record again"
        )
    if program.main == NOTEBOOK and NOTEBOOK in program.files:
        program = replace(program, files={**program.files, NOTEBOOK: without_magics(program.files[NOTEBOOK])})
    if program.main not in program.files:
        raise UserError(f"the main file '{program.main}' of '{run}' was too large to keep: nothing can be run")
    if error := unreadable(program.files, [program.main]):
        raise UserError(f"the program of '{run}' is no Python ({error}): record again with what Python reads")
    return program


def _check_same_main(programs: Programs) -> None:
    sound, run = programs.sound, programs.run
    if (sound.main, sound.module) != (run.main, run.module):
        raise UserError(
            f"the sound run's program is '{sound.module or sound.main}' and this one's '{run.module or run.main}': "
            "give two runs of one program"
        )


def _notices(run: Path, sound: Path, programs: Programs) -> tuple[Message, ...]:
    """Return what a person should know: of processes that torchrun did not start, trials have one."""
    several = [one.name for one in (run, sound) if any((one / "ranks").glob("*-0*1.json*"))]
    is_one = programs.sound.processes == 1 and bool(several)
    ranks = [message("bisect-ranks", runs=several, count=len(several))] if is_one else []
    roots = programs.sound.root, programs.run.root
    return (*ranks, *([] if roots[0] == roots[1] else [message("bisect-roots", sound=roots[0], run=roots[1])]))
