"""`newllm bisect`: what it prints, in both languages, and its exit codes."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from newllm.bisection.change import Change
from newllm.bisection.result import Bisection, Ended, Trial
from newllm.bisection.store import write_bisection
from newllm.messages import message

MISTAKE = Change(
    "lines", "train.py", ("    loss = f(x.softmax(-1), y)\n",), ("    loss = f(x, y)\n",), 41, (40, 41), number=1
)
OPTION = Change("option", "--lr", ("--lr", "0.2"), ("--lr=0.1",), number=2)
LEVEL = message("against-setting", name="loss", here="1.8", there="0.3")
TRIALS = (
    Trial((), "sound", "sound", 120, 120, 2.0, None, "a"),
    Trial((1, 2), "all", "parts", 120, 120, 2.0, False, "b", LEVEL),
    Trial((1,), "search", "parts", 120, 120, 2.0, False, "c", LEVEL),
    Trial((2,), "without", "sound", 120, 120, 2.0, True, "a"),
)
GIVEN = (("rate", message("against-setting", name="a setting", here="1", there="2")),)
FOUND = Bisection(
    "runs/b", "runs/a", "", 120, (MISTAKE, OPTION), (), TRIALS, "cause", (1,), necessary=True, seconds=8.2
)


@pytest.fixture
def kept(tmp_path: Path) -> Callable[..., Path]:
    """Write a bisection into a run."""

    def go(**changed: Any) -> Path:
        run = tmp_path / "run"
        run.mkdir(exist_ok=True)
        write_bisection(run, dataclasses.replace(FOUND, **changed))
        return run

    return go


def test_a_cause_is_shown_as_a_diff_with_its_proof(call, kept) -> None:
    done = call("bisect", kept(), "--show")
    assert done.code == 0
    assert done.out.splitlines() == [
        "runs/b",
        "",
        "This change is the cause: train.py:41.",
        "",
        "  train.py:41",
        "  -     loss = f(x, y)",
        "  +     loss = f(x.softmax(-1), y)",
        "",
        "Sufficient: the sound program with this change alone does the same: loss 1.8",
        "(there 0.3).",
        "Necessary: with the other change but without it, the program does not.",
        "4 trials up to step 120, 8 s in all.",
    ]


def test_in_japanese(call, kept) -> None:
    out = call("bisect", kept(left=(1, 2)), "--show", "--lang", "ja").out
    assert "原因はこの2個の変更の組み合わせで、どれも欠かせない" in out
    assert "  + --lr 0.2" in out
    assert "  - --lr=0.1" in out
    assert "。。" not in out


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"necessary": False}, "Not necessary: without it the other changes bring it about too."),
        ({"necessary": None}, "Whether it is necessary is not known"),
        ({"ended": "outside"}, "All 2 changes together do not bring it about."),
        ({"ended": "outside", "trials": ()}, "The two programs are the same"),
        ({"ended": "outside", "seeds": (OPTION,)}, "The seed differs (--lr)"),
        ({"ended": "elsewhere", "missing": ("a.py",)}, "The program imports a.py from elsewhere"),
        ({"ended": "out-of-time", "left": ()}, "The time is up, and nothing is known yet."),
        ({"ended": "out-of-time", "left": (1, 2)}, "The cause is among these 2 changes: train.py:41 and --lr."),
        ({"ended": "unresolved"}, "nothing can be said"),
        ({"ended": None}, "No verdict yet: the same command goes on."),
        ({"notices": (message("bisect-ranks", runs=["a"], count=1),)}, "a was recorded by several processes"),
        (
            {"notices": (message("bisect-left-out-after", count=1, names=["a.pt"], more=0),)},
            "A file that was written in the minute after a run had trained is not in the copies, as the run may",
        ),
        ({"notices": (message("bisect-left-out", count=2, names=["a.pt"], more=1),)}, "not in the copies: a.pt, ..."),
        (
            {"trials": (*TRIALS, dataclasses.replace(TRIALS[-1], changes=(1,), outcome="sound"))},
            "Not all trials agree: it",
        ),
        ({"ended": "given", "given": GIVEN, "brings": (("rate", (1, 2)),)}, "bring about together: a setting"),
        ({"ended": "given", "given": GIVEN, "brings": ()}, "No change was found that brings about: a setting"),
        ({"ended": "out-of-time", "given": GIVEN, "brings": (("rate", (2,)),)}, "--lr brings about: a setting"),
    ],
)
def test_every_end_is_a_sentence(call, kept, changed: dict[str, Any], said: str) -> None:
    done = call("bisect", kept(**changed), "--show", "--quiet")
    is_found = changed.get("ended", "cause") == "cause" or bool(changed.get("brings"))
    code = 0 if is_found and changed.get("ended") != "out-of-time" else 1
    assert (said in done.out, done.code) == (True, code)
    assert call("bisect", kept(**changed), "--show", "--json").code == code


@pytest.mark.parametrize("outcome", ["parts", "failed"])
def test_a_sound_program_that_is_not_the_sound_run_has_exit_code_1(call, kept, outcome: Any) -> None:
    ended: Ended = "not-the-sound-run"
    trial = Trial((), "sound", outcome, 120, 120, 2.0, None, "", LEVEL, ("Error: no data",))
    done = call("bisect", kept(ended=ended, trials=(trial,), left=(), moved=(("torch", "1", "2"),)), "--show")
    assert done.code == 1
    assert ("Error: no data" if outcome == "failed" else "is not as runs/a: loss 1.8 (there 0.3).") in done.out
    assert "Not alike: torch 2 (there 1)." in done.out


def test_a_line_of_a_trial_holds_no_control_character(call, kept) -> None:
    out = call("bisect", kept(changes=(dataclasses.replace(MISTAKE, here=("\tx = '\x1b[2J'\n",)),)), "--show").out
    assert "  +     x = '\\x1b[2J'" in out


def test_mistakes_in_the_call(refused, kept, tmp_path: Path) -> None:
    run = kept()
    assert "keeps no program" in refused("bisect", run)
    assert "is no directory" in refused("bisect", tmp_path / "nowhere", "--show")
    assert "keeps no program" in refused("bisect", run, "--against", run.parent)
    (run / "bisection.json").unlink()
    assert "has no bisection.json: newllm bisect" in refused("bisect", run, "--show")
    assert "--budget 0.0" in refused("bisect", run, "--against", run.parent, "--budget", "0")


def test_a_line_a_trial_stands_on_standard_error(monkeypatch: pytest.MonkeyPatch, call, kept) -> None:
    def bisect(*_: object, watcher: Any, **__: object) -> Bisection:
        if watcher is None:
            return FOUND
        watcher.begins(FOUND)
        for at in range(len(TRIALS)):
            watcher.tried(TRIALS[at], dataclasses.replace(FOUND, trials=TRIALS[: at + 1]))
        return FOUND

    monkeypatch.setattr("newllm.api.bisect", bisect)
    done = call("bisect", kept(), "--against", "runs/a")
    assert done.err.splitlines() == [
        "2 changes from the program of runs/a to that of runs/b; trials run up to step 120",
        "1  the sound program: as the sound run  (120 steps, 2.0 s)",
        "2  all 2 changes: goes wrong too  (120 steps, 2.0 s)",
        "3  train.py:41: goes wrong too  (120 steps, 2.0 s)",
        "4  the other one: as the sound run, to the bit  (120 steps, 2.0 s)",
    ]
    assert call("bisect", kept(), "--against", "runs/a", "--quiet").err == ""
