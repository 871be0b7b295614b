"""What the list tells of one run, at a moment that is given."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from newllm.messages import Message, catalogue
from newllm.ui.entry import Entry, leads_out, read_entry

EN = catalogue("en")
NOW = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
GONE = 2**22 + 1  # no process has this number


def at(seconds: int) -> str:
    return f"2023-11-14T22:{13 + (20 + seconds) // 60:02}:{(20 + seconds) % 60:02}+00:00"


def said(messages: Iterable[Message]) -> list[str]:
    return list(map(str, messages))


def told(place: Path, **files: Any) -> Entry:
    """Return what is told of a run whose JSON files hold this, an hour of silence or not."""
    for name, content in files.items():
        path = place / f"{name.replace('__', '/')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return read_entry(place, id="i", name="n", now=NOW)


OWN = -1  # stands for the number of this process: a name of a test may hold nothing that another process lacks


def summary(heard: int | None, pid: int | None, **more: Any) -> dict[str, Any]:
    return {
        "schema": 1, "status": "running", "step": 3, "steps": 10, **({} if pid is None else {"pid": pid}),
        **({} if heard is None else {"heartbeat": at(heard)}), **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("heard", "pid", "status", "doubt"),
    [
        (-20, GONE, "running", ""),
        (-21, GONE, "stopped", f"its status is running, but its process {GONE} is gone"),
        (-21, OWN, "running", ""),
        (-300, OWN, "running", ""),
        (-301, OWN, "stopped", "its status is running, but it has given no sign of life for five minutes"),
        (-300, None, "running", ""),  # which process it is nobody says
        (-301, None, "stopped", "its status is running, but it has given no sign of life for five minutes"),
        (None, OWN, "stopped", "its status is running, but it has given no sign of life for five minutes"),
        (-21, 2**60, "running", ""),  # no process could have it: nothing is known of it
        (-21, 2**40, "running", ""),
    ],
)
def test_a_run_that_is_heard_of_no_more_is_stopped(
    tmp_path: Path, heard: int, pid: int | None, status: str, doubt: str
) -> None:
    (tmp_path / "config.toml").write_text("schema = 1\n")
    entry = told(tmp_path, summary=summary(heard, os.getpid() if pid == OWN else pid))
    assert entry.status == status
    assert said(entry.problems) == ([doubt] if doubt else [])


@pytest.mark.parametrize(
    ("said", "status"),
    [("finished", "finished"), ("interrupted", "interrupted"), ("diverged", "diverged"), ("failed", "failed"),
     ("dancing", "unknown"), (3, "unknown"), (None, "unknown")],
)  # fmt: skip
def test_any_other_status_is_the_summarys(tmp_path: Path, said: Any, status: str) -> None:
    assert told(tmp_path, summary=summary(-9000, GONE, status=said)).status == status


@pytest.mark.parametrize(
    ("ended", "status"), [(True, "recorded"), (False, "recording"), (None, "unknown"), (1, "unknown")]
)
def test_a_recording_of_another_trainer(tmp_path: Path, ended: Any, status: str) -> None:
    recording = {
        "schema": 1,
        "parameters": 12,
        "model": "GPT",
        "kind": "x",
        **({} if ended is None else {"ended": ended}),
    }
    entry = told(tmp_path, recording=recording)
    assert (entry.status, entry.parameters, said(entry.about), entry.problems) == (status, 12, ["GPT"], ())
    assert told(tmp_path, recording={"schema": 1, "kind": "torch"}).as_dict(EN)["about"] == "torch"
    assert told(tmp_path, recording={"schema": 1}).as_dict(EN)["about"] == "newllm.record"


@pytest.mark.parametrize(("began", "lacks"), [(-59, False), (-60, True)])
def test_for_a_minute_a_run_may_lack_its_configuration(tmp_path: Path, began: int, lacks: bool) -> None:
    entry = told(tmp_path, summary=summary(-1, GONE, started=at(began)))
    assert ("config.toml is missing" in said(entry.problems)) is lacks
    assert entry.started == NOW + began
    assert entry.heard == NOW - 1


def test_of_a_run_without_a_start_or_that_has_ended_the_configuration_is_missing(tmp_path: Path) -> None:
    assert said(told(tmp_path, summary=summary(-1, GONE)).problems) == ["config.toml is missing"]
    ended = summary(-1, GONE, status="finished", started=at(-5))
    assert said(told(tmp_path, summary=ended).problems) == ["config.toml is missing"]


def test_what_the_summary_and_the_findings_say(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        'schema = 1\npreset = "small"\nseed = 0\n[model]\nbody = "cell"\nrule = "ema"\nnorm = "write"\n'
    )
    best = {"step": 8, "loss": 2.5, "bits_per_byte": 1.25}
    more = {"best_validation": best, "seconds": 7.5, "tokens_per_second": 99.0, "message": "x" * 500, "parameters": 7}
    found = [{"severity": "fault"}, {"severity": "fault"}, {"severity": "note"}, {"severity": "odd"}, 3]
    entry = told(
        tmp_path, summary=summary(-1, GONE, **more), findings={"schema": 1, "findings": found},
        recording={"schema": 1, "parameters": 9},
    )  # fmt: skip
    assert (entry.step, entry.steps, entry.at, entry.loss, entry.bits) == (3, 10, 8, 2.5, 1.25)
    assert (entry.seconds, entry.speed, entry.parameters) == (7.5, 99.0, 7)
    assert entry.as_dict(EN)["message"] == "x" * 400
    assert entry.findings == {"fault": 2, "warning": 0, "note": 1}
    assert entry.as_dict(EN)["about"] == "small, cell, ema, norm on write, seed 0"
    assert "書き込み時に正規化、シード0" in entry.as_dict(catalogue("ja"))["about"]
    assert entry.as_dict(EN).keys() >= {"id", "name", "step"}
    assert not entry.as_dict(EN).keys() & {"cause", "problems"}
    assert told(tmp_path, findings={"schema": 1, "findings": 3}).findings is None
    assert told(tmp_path, summary=summary(-1, GONE, steps=0)).steps is None


def test_without_a_heartbeat_it_was_heard_of_when_its_directory_changed(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps(summary(None, None, status="finished", started="2023-11-14")))
    os.utime(tmp_path, (5.0, 7.5))
    entry = read_entry(tmp_path, id="i", name="n", now=NOW)
    assert entry.heard == 7.5
    assert entry.started == 1699920000.0  # a time without a zone is of UTC
    assert told(tmp_path, summary=summary(None, None, started="yesterday")).started is None


def test_of_a_directory_that_is_not_there_nothing_was_ever_heard(tmp_path: Path) -> None:
    assert read_entry(tmp_path / "none", id="i", name="n", now=NOW).heard == 0.0


def removes(name: Any) -> dict[str, Any]:
    return {"class": "removes", "name": name, "stage": "confirmed", "p": 0.01}


@pytest.mark.parametrize(
    ("verdict", "cause", "remedy"),
    [
        ({"cause": {"name": "beta2"}, "interventions": [removes("clip")]}, "beta2", None),
        (
            {"cause": None, "interventions": [{"class": "keeps", "name": "lr"}, removes("clip"), removes("x")]},
            None,
            "clip",
        ),
        ({"interventions": [removes(3), removes("a" * 90)]}, None, "a" * 80),
        ({"interventions": [removes(3), 4]}, None, None),
        ({"interventions": [removes("clip") | {"stage": "screened"}]}, None, None),  # from which nothing is claimed
        ({"interventions": [removes("clip") | {"p": 0.2}]}, None, None),  # it may be chance
        ({"interventions": 3}, None, None),
        ({"cause": {"name": "b" * 90}}, "b" * 80, None),
    ],
)
def test_the_cause_of_a_verdict_or_its_first_remedy(
    tmp_path: Path, verdict: dict[str, Any], cause: str | None, remedy: str | None
) -> None:
    assert not told(tmp_path).replayed
    entry = told(tmp_path, replays__one__verdict={"schema": 1, **verdict})
    assert (entry.replayed, entry.cause, entry.remedy) == (True, cause, remedy)


def test_of_two_verdicts_the_newest_counts(tmp_path: Path) -> None:
    for name, when in (("a", 9.0), ("b", 5.0), ("c", 7.0)):
        told(tmp_path, **{f"replays__{name}__verdict": {"schema": 1, "cause": {"name": name}}})
        os.utime(tmp_path / "replays" / name / "verdict.json", (when, when))
    assert told(tmp_path).cause == "a"


def test_only_a_link_to_elsewhere_leads_out(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "file").write_text("")
    (tmp_path / "outside").write_text("")
    (tmp_path / "run" / "in").symlink_to(tmp_path / "run" / "file")
    (tmp_path / "run" / "out").symlink_to(tmp_path / "outside")
    (tmp_path / "run" / "round").symlink_to(tmp_path / "run" / "round")
    run = tmp_path / "run"
    assert [leads_out(run / name, run) for name in ("file", "in", "out", "none")] == [False, False, True, False]
    (run / "trace.jsonl").symlink_to(tmp_path / "outside")
    assert said(told(run, summary=summary(-1, GONE)).problems) == [
        "trace.jsonl: a link that leads outside, not followed"
    ]


def test_a_recording_can_be_neither_replayed_nor_played_with(tmp_path: Path) -> None:
    recording = {"schema": 1, "parameters": 9, "layers": [{"name": "0", "kind": "Conv2d"}], "vocabulary": 10}
    entry = told(tmp_path, recording=recording)
    assert (entry.replayable, entry.reads_text) == (False, False)
    recording["layers"] = [{"name": "0", "kind": "Embedding"}]
    assert told(tmp_path, recording=recording).reads_text
    assert told(tmp_path, summary={"schema": 1, "status": "finished"}, recording={}).reads_text


def checked(*statuses: str) -> dict[str, Any]:
    return {"schema": 1, "outcomes": [{"probe": "tied", "status": one, "sentence": "x"} for one in statuses]}


def test_a_directory_that_holds_only_a_check_is_a_run_that_is_to_begin(tmp_path: Path) -> None:
    run = told(tmp_path, check=checked("wrong", "sound", "wrong"))
    assert (run.status, run.wrong, run.problems, run.findings) == ("checked", 2, (), None)
    begun = told(tmp_path, recording={"schema": 1, "ended": False})
    assert (begun.status, begun.wrong) == ("recording", 2)


def test_a_damaged_check_is_a_problem_of_a_run_in_an_unknown_state(tmp_path: Path) -> None:
    run = told(tmp_path, check=checked("fine"))
    assert (run.status, run.wrong) == ("unknown", None)
    assert "'check.json' is damaged (no check)" in said(run.problems)


def test_a_check_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    place = tmp_path / "run"
    place.mkdir()
    (tmp_path / "check.json").write_text("{}")
    (place / "check.json").symlink_to(tmp_path / "check.json")
    assert said(told(place).problems) == ["check.json: a link that leads outside, not followed"]
