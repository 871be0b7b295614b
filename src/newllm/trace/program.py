"""RUN/program.json: the program that trained, as its files stood when recording began (`newllm.recorder.program`)."""

import contextlib
import glob
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newllm.checksum import read_checked

PROGRAM, SET_ASIDE = "program.json", "set-aside"
RECORD_TO = "NEWLLM_RECORD_TO"
"""The variable of the environment that says where a program's recordings are made (`newllm.recorder.directory`)."""
CHANGE, CHANGED = "NEWLLM_CHANGE", "changed"
"""The variable that says what is changed while a program is run again (`newllm.recorder.applied_change`), and the file
of a recording that says that it was."""
_STEP = re.compile(r"(?<=-)\d{1,15}$")
_MOST = 20  # runs that are looked at, the newest


@dataclass(frozen=True)
class Program:
    """A program that was kept.

    Attributes:
        main: name of the file that Python was started with, among `files`.
        module: its name where it was started by `python -m`; None otherwise.
        arguments: of its command line.
        directory: that it was started in, an absolute path.
        root: that the names of files are relative to, likewise.
        files: what each holds, by name: code, and settings that it names.
        data: of data files that it names, size in bytes and sha256, by name.
        versions: of what it imported, by name ("torch": "2.13.0").
        script: text of the script that an installation made to start it (an entry point); None without one.
        executable: the Python that ran it; empty where that was not kept, as the others below.
        processes: that torchrun started.
        out: the directory that it recorded to, an absolute path.
        nth: which recording of its process this one was, from 1; 0 where that is not known.
        left_out: how many files were not kept, as there was no room or they are no text.
    """

    main: str
    module: str | None = None
    arguments: tuple[str, ...] = ()
    directory: str = ""
    root: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    script: str | None = None
    executable: str = ""
    processes: int = 1
    out: str = ""
    nth: int = 0
    left_out: int = 0


def read_program(run: Path) -> Program | None:
    """Return the program of a run, as it was when it was resumed last; None where none was kept.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, or no program.
    """
    return _read(run / PROGRAM) if (run / PROGRAM).is_file() else None


def read_earlier_programs(run: Path) -> dict[int, Program]:
    """Return the programs of a run that was resumed by another one, each by the last step that it trained.

    Raises:
        OSError, ValueError: as `read_program`.
    """
    found = {}
    for path in (run / SET_ASIDE).glob("program-before-step-*.json"):
        if (number := _STEP.search(path.stem)) is not None:
            found[int(number[0]) - 1] = _read(path)
    return dict(sorted(found.items()))


def _read(path: Path) -> Program:
    content = read_checked(path)
    try:
        return _program(content)
    except (AttributeError, KeyError, TypeError, OverflowError) as error:
        raise ValueError("no program") from error


def known_program(run: Path) -> Program | None:
    """Return the program of a run; None too where it is damaged."""
    with contextlib.suppress(OSError, ValueError):
        return read_program(run)
    return None


def earlier_runs(run: Path) -> dict[Path, Program]:
    """Return the runs beside a run that the same program recorded before, the newest first, each with its code of then.

    Beside RUN are those of its directory, and beside OUT/RUN those that are called RUN in a directory beside OUT, as
    where each training has a directory for its results. Damaged ones are passed over.
    """
    own = known_program(run)
    if own is None:
        return {}
    whole = run.absolute()  # not resolved: others are named as this one was
    places = [*whole.parent.glob(f"*/{PROGRAM}"), *whole.parent.parent.glob(f"*/{glob.escape(whole.name)}/{PROGRAM}")]
    times = {}
    for place in places:
        with contextlib.suppress(OSError):  # it was deleted meanwhile, or its directory may not be read
            times[place.parent] = place.stat().st_mtime_ns
    own_time = (whole / PROGRAM).stat().st_mtime_ns
    earlier = (one for one in times if times[one] < own_time)
    newest = sorted(earlier, key=times.__getitem__, reverse=True)[:_MOST]
    programs = ((one, known_program(one)) for one in newest)
    return {
        one if run.is_absolute() else Path(os.path.relpath(one)): its
        for one, its in programs
        if its is not None and _called(its) == _called(own)
    }


def _called(program: Program) -> tuple[str, str | None, str]:
    return program.main, program.module, program.root


def _program(content: Mapping[str, Any]) -> Program:
    module, arguments = content["module"], content["arguments"]
    if not isinstance(arguments, list):
        raise TypeError("no list of arguments")
    return Program(
        main=str(content["main"]),
        module=None if module is None else str(module),
        arguments=tuple(map(str, arguments)),
        directory=str(content["directory"]),
        root=str(content["root"]),
        files={str(name): str(text) for name, text in content["files"].items()},
        data={str(name): (int(one["bytes"]), str(one["sha256"])) for name, one in content["data"].items()},
        versions={str(name): str(version) for name, version in content["versions"].items()},
        script=None if content.get("script") is None else str(content["script"]),
        executable=str(content.get("executable", "")),
        processes=int(content.get("processes", 1)),
        out=str(content.get("out", "")),
        nth=int(content.get("nth", 0)),
        left_out=int(content["left_out"]),
    )
