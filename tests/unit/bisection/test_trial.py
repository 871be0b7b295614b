"""A program is stopped once it has recorded enough, or its time is up."""

import os
import sys
import time
from pathlib import Path

import pytest

from newllm.bisection import trial
from newllm.bisection.trial import Ran, run_until

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
    return run_until([sys.executable, "-c", code], place, os.environ, place, step, seconds)


def test_one_that_does_not_hear_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_ENDING", 0.3)
    began = time.monotonic()
    found = ran(tmp_path, f"{RECORDS}time.sleep(20)")
    assert time.monotonic() - began < 15
    assert (found.step, found.code, found.is_late) == (20, None, False)
    assert found.said == ("last of its line",)
    assert found.recording(["other"]) == tmp_path / "recordings" / "mine"


def test_one_that_takes_too_long_is_late(tmp_path: Path) -> None:
    found = ran(tmp_path, f"{RECORDS}time.sleep(20)", step=21, seconds=1.0)
    assert (found.step, found.code, found.is_late) == (20, None, True)


def test_one_that_ends_by_itself_has_its_code(tmp_path: Path) -> None:
    found = ran(tmp_path, "import time; print('no'); raise SystemExit(3)")
    assert (found.step, found.code, found.is_late, found.recordings, found.said) == (0, 3, False, (), ("no",))


def test_of_several_recordings_the_name_decides() -> None:
    several = Ran((Path("r/a"), Path("r/b")), 1, 1.0, 0, False, ())
    assert several.recording(["x", "b"]) == Path("r/b")
    assert several.recording(["x"]) is None
