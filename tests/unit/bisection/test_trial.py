"""A program is stopped once it has recorded enough, or its time is up."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from newllm.bisection import trial
from newllm.bisection.trial import Ran, Wanted, run_until
from newllm.checksum import write_checked

RECORDS = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
place = pathlib.Path("recordings/mine")
place.mkdir(parents=True)
(place / "recording.json").write_text("{}")
with (place / "trace.jsonl").open("w") as trace:
    for step in range(1, 21):
        trace.write('{"step": %d, "loss": 1.0}\\n' % step)
    trace.write('{"step": 99')
    trace.flush()
print("first\\rlast of its line")
sys.stdout.flush()
"""


def ran(place: Path, code: str, step: int = 20, seconds: float = 30.0) -> Ran:
    return run_until([sys.executable, "-c", code], place, os.environ, place, Wanted(0, ("other",)), step, seconds)


def test_one_that_does_not_hear_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_ENDING", 0.3)
    began = time.monotonic()
    found = ran(tmp_path, f"{RECORDS}time.sleep(20)")
    assert time.monotonic() - began < 15
    assert (found.step, found.code, found.is_late) == (20, None, False)
    assert found.said == ("last of its line",)
    assert found.recording == tmp_path / "recordings" / "mine"


def test_one_that_takes_too_long_is_late(tmp_path: Path) -> None:
    found = ran(tmp_path, f"{RECORDS}time.sleep(20)", step=21, seconds=1.0)
    assert (found.step, found.code, found.is_late) == (20, None, True)


def test_one_that_ends_by_itself_has_its_code(tmp_path: Path) -> None:
    found = ran(tmp_path, "import time; print('no'); raise SystemExit(3)")
    assert (found.step, found.code, found.is_late, found.recording, found.said) == (0, 3, False, None, ("no",))


def recordings(place: Path, **nth: int) -> Path:
    """Return a directory with recordings, each with its name and its number in its process, 0 if unknown."""
    for name, at in nth.items():
        (place / name).mkdir()
        (place / name / "recording.json").write_text("{}")
        about = {"main": "a.py", "module": None, "arguments": [], "directory": "/", "root": "/", "files": {}}
        kept = {"data": {}, "versions": {}, "left_out": 0, **({"nth": at} if at else {})}
        write_checked(place / name / "program.json", {"schema": 1, **about, **kept})
    return place


def test_of_several_recordings_the_same_of_its_process_is_meant_else_the_name_decides(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    first = recordings(tmp_path / "one", low=1)
    assert Wanted(2, ("low",)).among(first) is None  # a sweep that has not come to it yet
    assert Wanted(2, ("low",)).among(recordings(first, high=2)) == first / "high"
    (tmp_path / "two").mkdir()
    unknown = recordings(tmp_path / "two", a=0)
    assert Wanted(2, ("x",)).among(unknown) == unknown / "a"
    assert Wanted(0, ("x", "b")).among(recordings(unknown, b=0)) == unknown / "b"
    assert Wanted(0, ("x",)).among(unknown) is None


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="looks at processes through /proc")
def test_a_program_ends_with_who_runs_it(tmp_path: Path) -> None:
    """Even where that is killed, and the program does not hear SIGTERM."""
    code = f"{RECORDS}open('pid', 'w').write(str(__import__('os').getpid()))\ntime.sleep(60)"
    (tmp_path / "code.py").write_text(code)
    watch = f"""
import os, sys
from pathlib import Path
from newllm.bisection import trial
trial._ENDING = 0.3
place = Path({str(tmp_path)!r})
trial.run_until([sys.executable, "code.py"], place, os.environ, place, trial.Wanted(0, ()), 21, 60.0)
"""
    env = {**os.environ, "PYTHONPATH": str(Path(trial.__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", watch], env=env) as watcher:
        ends = time.monotonic() + 30
        while not (tmp_path / "pid").is_file() and time.monotonic() < ends:
            time.sleep(0.05)
        time.sleep(0.2)
        program = int((tmp_path / "pid").read_text())
        watcher.kill()
    ends = time.monotonic() + 15
    while _lives(program) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not _lives(program)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
