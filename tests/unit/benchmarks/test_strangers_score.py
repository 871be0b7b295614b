"""Scoring of strangers' runs: the table covers every kind, and a made-up answer gets what it should.

Assertions on what is held out compare numbers, so that no failing test shows it.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from benchmarks.strangers import score
from benchmarks.strangers.answers import Accepted, Answer, accepted_of, accepted_table, judged
from benchmarks.strangers.counting import Row, calibration, details, totals

from newllm.messages import Message
from newllm.trace import Cause, Finding

ROOT = Path(__file__).parents[3]
ACCEPTED = Accepted(frozenset({"learning-rate"}), frozenset({"spike"}))


def warning(kind: str = "plateau", **more: Any) -> Finding:
    return Finding(kind=kind, severity="warning", sentence=Message("finding"), **more)


def rated(**probabilities: float) -> Finding:
    causes = tuple(Cause(cause.replace("_", "-"), probability) for cause, probability in probabilities.items())
    return Finding(kind="plateau", severity="fault", sentence=Message("finding"), causes=causes)


def row(name: str, kind: str, answer: Answer, **more: Any) -> Row:
    label = {"kind": kind, "visible": "log", "trainer": "plain", "severity": "fault", "held_out": False}
    return name, label | more, answer


def test_the_table_covers_every_kind_and_each_file_its_part() -> None:
    labels = json.loads((score.HERE / "labels.json").read_text())
    kinds, runs = accepted_table()
    assert len(set(kinds) ^ set(labels["kinds"])) == 0
    hidden = {name for name, kind in labels["kinds"].items() if kind["held_out"]}
    closed = tomllib.loads((score.HERE / "accepted-held-out.toml").read_text())
    assert len(set(closed) ^ hidden) == 0
    assert sum(labels["runs"][name]["held_out"] for name in runs) == 0


def test_every_accepted_finding_is_one_that_the_doctor_has() -> None:
    known = set(re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs" / "findings.md").read_text(), re.MULTILINE))
    kinds, runs = accepted_table()
    assert sum(len(accepted.findings - known) for accepted in (*kinds.values(), *runs.values())) == 0


def test_what_is_true_of_one_run_counts_for_it_alone() -> None:
    kinds, runs = {"dead ReLUs": Accepted(frozenset({"dead-units"}))}, {"mlp-dead": ACCEPTED}
    label = {"kind": "dead ReLUs"}
    assert accepted_of("mlp-dead", label, kinds, runs).causes == {"dead-units", "learning-rate"}
    assert accepted_of("cnn-dead", label, kinds, runs).causes == {"dead-units"}
    assert accepted_of("cnn-easy", {"kind": "healthy"}, kinds, runs) == Accepted()


def test_a_finding_of_an_accepted_kind_is_found_and_a_note_is_not() -> None:
    assert judged([warning("spike")], ACCEPTED).found
    assert judged([warning("spike")], ACCEPTED).verdict == "unknown"
    assert not judged([warning("plateau")], ACCEPTED).found
    note = Finding(kind="spike", severity="note", sentence=Message("finding"), candidate_causes=("learning-rate",))
    answer = judged([note], ACCEPTED)
    assert (answer.found, answer.verdict, answer.warned) == (False, "", False)


def test_the_first_cause_of_the_first_warning_with_causes_counts() -> None:
    right = warning(candidate_causes=("learning-rate", "beta2"))
    wrong = warning(candidate_causes=("beta2", "learning-rate"))
    assert judged([warning("spike"), right, wrong], ACCEPTED).verdict == "right"
    answer = judged([wrong, right], ACCEPTED)
    assert (answer.verdict, answer.cause, answer.found, answer.sure) == ("wrong", "beta2", True, False)
    late = warning(candidate_causes=("beta2", "dropout", "optimizer", "learning-rate"))
    assert not judged([late], ACCEPTED).found


def test_causes_that_something_speaks_for_stand_before_candidates() -> None:
    spoken = warning(candidate_causes=("learning-rate",), causes=(Cause("beta2", None),))
    assert (judged([spoken], ACCEPTED).verdict, judged([spoken], ACCEPTED).sure) == ("wrong", True)
    none = warning(candidate_causes=("learning-rate",), causes=())
    assert judged([none], ACCEPTED).verdict == "unknown"


def test_probabilities_decide_where_there_are_any() -> None:
    answer = judged([rated(beta2=0.1, learning_rate=0.7)], ACCEPTED)
    assert (answer.verdict, answer.probability, answer.sure) == ("right", 0.7, False)
    assert judged([rated(beta2=0.8)], ACCEPTED).sure
    assert judged([rated()], ACCEPTED).verdict == "unknown"
    assert judged([rated(unknown=0.6, beta2=0.4)], ACCEPTED).verdict == "unknown"


def test_the_step_is_right_within_a_tenth_of_the_run() -> None:
    def onset(first: float, steps: tuple[int, int | None] = (200, 202), last: float | None = 400) -> bool | None:
        return judged([warning("spike", first_step=first)], ACCEPTED, steps, last).onset

    assert [onset(159), onset(160), onset(242), onset(243)] == [False, True, True, False]
    assert onset(399, (200, None))
    assert [onset(0, (0, None)), onset(200, last=None), onset(60, last=66)] == [None] * 3


def test_totals_of_made_up_answers() -> None:
    rows = [
        row("quiet", "healthy", judged([], Accepted())),
        row("loud", "healthy", judged([warning()], Accepted())),
        row("hit", "rate too high", judged([rated(learning_rate=0.9)], ACCEPTED)),
        row("miss", "rate too high", judged([rated(beta2=0.9)], ACCEPTED), trainer="lightning"),
        row("hidden", "rate too high", judged([warning("spike")], ACCEPTED), visible="no"),
    ]
    found = totals(rows, ("log",))
    assert (found["healthy"]["alarmed"]["hits"], found["healthy"]["alarmed"]["of"]) == (1, 2)
    assert (found["faulty"]["found"]["hits"], found["faulty"]["found"]["of"]) == (1, 2)
    assert found["faulty"]["found"]["low"] == pytest.approx(0.0945, abs=1e-3)
    assert found["faulty"]["wrong_cause_sure"]["hits"] == 1
    assert found["by_visibility"]["no"]["unknown"]["hits"] == 1
    assert found["by_trainer"]["lightning"]["found"]["hits"] == 0
    assert found["calibration"]["expected_error"] == pytest.approx(0.4)
    shown = details(rows)
    assert list(shown["alarmed"]) == ["loud"]
    assert shown["kinds"]["rate too high"]["missed"] == ["miss"]


def test_the_calibration_error_weighs_bins_by_their_runs() -> None:
    found = calibration([(0.95, True), (1.0, True), (0.25, False), (None, False)])
    assert found is not None
    assert found["expected_error"] == pytest.approx((2 * 0.025 + 0.25) / 3)
    assert calibration([(None, True)]) is None


@pytest.mark.parametrize(
    "given",
    [
        ["--held-out", "--out", "f"],
        ["--held-out", "--commit-note", "x"],
        ["--held-out", "--commit-note", "x", "--out", "f", "--quick"],
        ["--held-out", "--commit-note", "x", "--out", "f", "--all"],
        ["--held-out", "--commit-note", "x", "--out", "f", "--only", "cnn-easy"],
        ["--only", "no-such-run"],
    ],
)
def test_what_is_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        score.arguments_of(given)
    assert "error: --" in capsys.readouterr().err


def test_a_held_out_run_cannot_be_named() -> None:
    labels = json.loads((score.HERE / "labels.json").read_text())["runs"]
    name = next(name for name, label in labels.items() if label["held_out"])
    with pytest.raises(SystemExit):
        score.arguments_of(["--only", name])


def test_with_both_parts_every_run_may_be_read() -> None:
    labels = json.loads((score.HERE / "labels.json").read_text())["runs"]
    name = next(name for name, label in labels.items() if label["held_out"])
    assert list(score.chosen(labels, score.arguments_of(["--all", "--only", name]))) == [name]
    assert score.chosen(labels, score.arguments_of(["--all"])) == labels


def test_of_what_is_held_out_only_totals_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "_git", lambda *arguments: "" if arguments[0] == "status" else "0" * 40)
    monkeypatch.setattr(score, "unpack", lambda *_: None)
    answer = judged([warning(candidate_causes=("beta2",))], ACCEPTED)
    monkeypatch.setattr(score, "answers", lambda labels, *_: [row(name, "a kind", answer) for name in labels])
    arguments = score.arguments_of(["--held-out", "--commit-note", "a try", "--out", "f"])
    found = score.results(arguments)
    shown = json.dumps(found) + score.text(found)
    runs = json.loads((score.HERE / "labels.json").read_text())["runs"]
    assert found["runs"] == sum(label["held_out"] for label in runs.values())
    assert sum(name in shown for name in (*runs, "a kind")) == 0
