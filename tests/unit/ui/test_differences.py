"""What differs between the runs that are compared, as the page shows it."""

import html
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from newllm.bisection.change import Change
from newllm.bisection.result import Bisection, Trial
from newllm.bisection.store import write_bisection
from newllm.checksum import write_checked
from newllm.messages import message
from newllm.trace import TraceWriter

SOUND = "import math\n\n\ndef loss_of(step):\n    return math.exp(-step)\n"
WRONG = SOUND.replace("-step", "-step / 2").replace("exp", "exp2") + "\n\nEVIL = '<script>alert(1)</script>'\n"


def keep_program(run: Path, text: str, **changed: Any) -> None:
    about = {"main": "train.py", "module": None, "arguments": [], "directory": "/here", "root": "/here"}
    kept = {"files": {"train.py": text}, "data": {}, "versions": {}, "left_out": 0}
    write_checked(run / "program.json", {"schema": 1, **about, **kept, **changed})


@pytest.fixture
def runs(tmp_path: Path, make_run: Any) -> Path:
    """Return a directory with a sound run, one with other steps of its program and its learning rate, and a log."""
    sound, wrong = make_run(tmp_path / "sound"), make_run(tmp_path / "wrong")
    make_run(tmp_path / "third", seed=2)
    for old in wrong.glob("trace*"):
        old.unlink()
    with TraceWriter(wrong / "trace.jsonl") as writer:
        for step in range(1, 51):
            writer.write(step, loss=6.0 - step / 50, learning_rate=0.1)
    keep_program(sound, SOUND)
    keep_program(wrong, WRONG)
    return tmp_path


def differences(server: Any, *names: str, lang: str = "en") -> dict[str, Any] | None:
    ids = ",".join(server.id_of(name) for name in names)
    return server.ask(f"/api/compare/differences?runs={ids}&lang={lang}").json()["section"]


def test_what_a_run_was_given_and_its_statements_are_told(runs: Path, serving: Any) -> None:
    with serving(runs) as server:
        section = differences(server, "sound", "wrong", "third")
        japanese = differences(server, "sound", "wrong", lang="ja")
        alone = differences(server, "sound")
    assert section is not None
    assert japanese is not None
    assert alone is None
    assert section["title"] == "What differs from sound"
    assert [one.partition("<")[0] for one in section["html"].split("<h3>")[1:]] == ["wrong", "third"]
    assert "learning rate 0.1 (there 0.001" in section["html"]
    assert "<code>return math.exp2(-step / 2)</code>" in section["html"]
    assert f"newllm bisect {runs / 'wrong'} --against {runs / 'sound'}" in section["html"]
    assert "<script" not in section["html"]
    assert "settings and signals are as in sound" in section["html"].partition("third")[2]
    assert "学習率" in japanese["html"]


def test_what_bisect_found_is_told_in_the_place_of_its_command(runs: Path, serving: Any) -> None:
    wrong, sound = runs / "wrong", runs / "sound"
    change = Change(
        "lines", "train.py", ("    return math.exp2(-step / 2)\n",), ("    return math.exp(-step)\n",), 5, number=1
    )
    trials = (Trial((1,), "search", "parts", 9, 9, 1.0, said=message("size-bytes", count=1)),)
    found = Bisection(
        str(wrong), str(sound), "0", 9, (change,), trials=trials, ended="cause", left=(1,), necessary=True
    )
    write_bisection(wrong, found)
    with serving(runs) as server:
        held, other = differences(server, "sound", "wrong"), differences(server, "third", "wrong")
    assert held is not None
    assert other is not None
    assert "This change is the cause: train.py:5." in held["html"]
    assert "+     return math.exp2(-step / 2)" in held["html"]
    assert "newllm bisect" not in held["html"]
    assert "This change is the cause" not in other["html"]


def test_what_is_damaged_or_counts_otherwise_takes_nothing_else_along(runs: Path, serving: Any, make_run: Any) -> None:
    (runs / "wrong" / "program.json").write_text("{")
    (runs / "wrong" / "bisection.json").write_text("{")
    other = make_run(runs / "other")
    for old in other.glob("trace*"):
        old.unlink()
    (other / "trace.jsonl").write_text("".join(json.dumps({"step": at, "mine": 1.0}) + "\n" for at in range(90)))
    with serving(runs) as server:
        section = differences(server, "sound", "wrong", "other")
        assert differences(server, "sound", "other") is None
    assert section is not None
    assert section["html"].count("<h3>") == 1
    assert "learning rate 0.1" in section["html"]
    assert "<code>" not in section["html"]


def test_a_run_is_compared_with_the_last_of_its_program_in_which_nothing_is_found(runs: Path, serving: Any) -> None:
    keep_program(runs / "third", SOUND, main="eval.py")
    for at, name in enumerate(("sound", "third", "wrong")):
        os.utime(runs / name / "program.json", (at, at))
    with serving(runs) as server:

        def beside(name: str) -> str | None:
            page = server.ask(f"/run/{server.id_of(name)}").body.decode()
            (found,) = re.findall(r'"beside": ?(null|"[^"]*")', html.unescape(page))
            return json.loads(found)

        assert beside("wrong") == server.id_of("sound")
        assert beside("sound") is None
        assert beside("third") is None
