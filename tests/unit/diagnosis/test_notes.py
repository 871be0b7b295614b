"""What a person says later of a run is kept with it, and told by everyone who opens it."""

import json
from pathlib import Path

import pytest

from newllm.diagnosis.facts import Planned
from newllm.diagnosis.intent import Intent
from newllm.diagnosis.notes import NOTES, write_notes
from newllm.diagnosis.run_facts import read_facts
from newllm.messages import catalogue
from newllm.report.charts.marks import planned_marks
from newllm.report.page import report_page
from newllm.report.source import read_source
from newllm.trace import TraceWriter
from newllm.ui.diagnoses import Diagnoses
from newllm.ui.folders import stamp_of
from newllm.ui.traces import Traces

HOSTILE = "</script><b>\x1b[2J\u202e"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    with TraceWriter(tmp_path / "trace.jsonl") as writer:
        for step in range(1, 301):
            writer.write(step, loss=9.0 if 200 <= step < 205 else 2 + 1 / step + 0.01 * (step % 3))
    (tmp_path / "recording.json").write_text('{"notes": [{"step": 20, "text": "warm-up ends"}]}')
    return tmp_path


def test_notes_are_kept_beside_those_of_the_training_and_replaced_by_step(run: Path) -> None:
    write_notes(run, {200: "otehr data"})
    write_notes(run, {200.0: "other data", 100: HOSTILE, -1: "no step of a run"})
    facts, remarks = read_facts(run)
    assert facts.planned == (Planned(20, "warm-up ends"), Planned(100, HOSTILE), Planned(200, "other data"))
    assert not remarks
    assert read_source(run).facts.planned == facts.planned
    assert Intent(planned={200: "now"}).added_to(facts).planned[-1] == Planned(200, "now")
    assert len(Intent(planned={200: "now"}).added_to(facts).planned) == 3


def test_a_note_can_be_taken_back_by_hand(run: Path) -> None:
    write_notes(run, {100: "a", 200: "b"})
    content = json.loads((run / NOTES).read_text())
    content["notes"].pop(0)
    (run / NOTES).write_text(json.dumps(content))
    assert [one.text for one in read_facts(run)[0].planned] == ["warm-up ends", "b"]


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"notes": 3}', '{"notes": [3, {"step": "2"}, {"step": true, "text": ""}]}']
)
def test_a_damaged_file_takes_nothing_else_along_and_is_replaced(run: Path, content: str) -> None:
    (run / NOTES).write_text(content)
    assert [one.text for one in read_source(run).facts.planned] == ["warm-up ends"]
    write_notes(run, {100: "a"})
    assert [one.text for one in read_facts(run)[0].planned] == ["warm-up ends", "a"]


def test_what_was_noted_is_a_mark_on_the_loss_and_turns_the_alarm_into_a_note(run: Path) -> None:
    diagnoses, traces = Diagnoses(Traces()), Traces()
    columns = traces.of(run)

    def severities() -> set[str]:
        found, _ = diagnoses.of(run, columns.trace(), columns.version)
        return {finding.severity for finding in found or ()}

    assert severities() & {"warning", "fault"}
    before = stamp_of(str(run))
    write_notes(run, {200: HOSTILE})
    assert stamp_of(str(run)) != before  # an open page looks again
    diagnoses._found = {key: (version, 0.0, found) for key, (version, _, found) in diagnoses._found.items()}
    assert severities() == {"note"}
    source = read_source(run)
    assert [(mark.first, mark.severity) for mark in planned_marks(source)] == [(20, "planned"), (200, "planned")]
    page = report_page([source], catalogue("en"))
    assert "warm-up ends" in page
    assert HOSTILE not in page
