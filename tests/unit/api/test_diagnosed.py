"""What the doctor knows of a run directory, and what it writes there."""

import contextlib
import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

import newllm
from newllm.api import write_findings
from newllm.api.run_end import has_ended
from newllm.checksum import opened
from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.run_facts import is_run, read_facts
from newllm.errors import UserError
from newllm.messages import quoted
from newllm.trace import Finding, Trace, TraceWriter


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A run directory as `newllm.record` leaves it."""
    run = tmp_path / "run"
    run.mkdir()
    with TraceWriter(run / "trace.jsonl") as trace:
        for step in range(50):
            trace.write(step, loss=3 / (1 + step / 10), gradient_norm=1.0 + step % 3 / 10)
    layers = [
        {"name": "encoder", "kind": "Linear", "parameters": 12, "trained": True},
        {"name": "head", "kind": "Linear", "parameters": 30, "trained": False},
    ]
    recording = {"schema": 1, "vocabulary": 50, "parameters": 42, "optimizer": "AdamW", "every": 10, "layers": layers}
    (run / "recording.json").write_text(json.dumps(recording))
    (run / "data.json").write_text(json.dumps({"facts": {"unknown": 3}}))
    return run


def test_a_recording_is_read(recorded: Path) -> None:
    diagnosis = newllm.doctor(recorded)
    layers = (Layer("encoder", "Linear", 12, True), Layer("head", "Linear", 30, False))
    assert diagnosis.facts == Facts(
        vocabulary=50, parameters=42, layers=layers, data={"unknown": 3}, origin="record", optimizer="AdamW",
        settings={"vocabulary": 50, "optimizer.name": "AdamW"},
    )  # fmt: skip
    assert len(diagnosis.trace.series("loss").step) == 50
    assert newllm.doctor(str(recorded), vocabulary=7).facts.vocabulary == 7


def test_what_a_recorder_left_out_is_repeated(recorded: Path) -> None:
    place = recorded / "recording.json"
    recording = json.loads(place.read_text())
    place.write_text(json.dumps({**recording, "left_out": ["no layer was seen at work", 7]}))
    assert newllm.doctor(recorded).trace.left_out == ("no layer was seen at work",)
    place.write_text(json.dumps({**recording, "left_out": "all"}))
    assert newllm.doctor(recorded).trace.left_out == ()


def test_the_files_of_a_run_are_no_logs(recorded: Path) -> None:
    (recorded / "trace.jsonl").unlink()
    for name in ("summary.json", "findings.json", "tokenizer.json"):
        (recorded / name).write_text('{"loss": 3.5, "step": 1}')
    with pytest.raises(UserError, match="has not recorded a step yet"):
        newllm.doctor(recorded)
    (recorded / "log.csv").write_text("step,loss\n1,2.5\n")
    assert newllm.doctor(recorded).trace.series("loss").value.tolist() == [2.5]


def test_a_folder_with_one_recording_is_that_recording(recorded: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "log.csv").write_text("step,loss\n1,2.0\n2,1.0\n")
    shutil.copytree(recorded, tmp_path / "out" / "recording")
    found, expected = newllm.doctor(tmp_path / "out"), newllm.doctor(recorded)
    assert found.path == tmp_path / "out" / "recording"
    assert (found.facts, found.findings) == (expected.facts, expected.findings)
    assert found.trace.signals.keys() == expected.trace.signals.keys()


def test_a_recording_that_ended_before_its_first_step(recorded: Path) -> None:
    (recorded / "trace.jsonl").write_bytes(b"")
    (recorded / "recording.json").write_text('{"ended": true}')
    with pytest.raises(UserError, match="ended before its first step"):
        newllm.doctor(recorded)


def test_a_configuration_tells_the_vocabulary(recorded: Path) -> None:
    (recorded / "recording.json").unlink()
    assert not is_run(recorded)
    (recorded / "config.toml").write_text("[model]\nvocabulary = 1000\n")
    (recorded / "summary.json").write_text('{"parameters": 7}')
    assert is_run(recorded)
    settings = {"model.vocabulary": 1000}
    told = Facts(vocabulary=1000, parameters=7, data={"unknown": 3}, origin="train", settings=settings)
    assert read_facts(recorded) == (told, ())


@pytest.mark.parametrize("vocabulary", [0, 1, -5, True, 2.5, "many", None, [3], 1e400, 10**400])
def test_a_vocabulary_that_cannot_be_is_not_known(recorded: Path, vocabulary: object) -> None:
    damaged = {"vocabulary": vocabulary, "parameters": vocabulary if vocabulary == 10**400 else "x", "layers": {}}
    (recorded / "recording.json").write_text(json.dumps(damaged))
    facts, left_out = read_facts(recorded)
    assert (facts.vocabulary, facts.parameters, facts.layers, left_out) == (None, None, (), ())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value"),
        (b"[1, 2]", "no object"),
        (b"\xff\xfe\x00", "decode"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"a": ' * 200_000, "nested too deep"),
        (b'{"vocabulary": 5', "delimiter"),
    ],
)
def test_a_damaged_file_is_passed_over_and_said(recorded: Path, content: bytes, reason: str) -> None:
    (recorded / "data.json").write_bytes(content)
    diagnosis = newllm.doctor(recorded)
    assert diagnosis.facts.data is None
    assert diagnosis.facts.vocabulary == 50
    (said,) = [line for line in diagnosis.as_dict()["left_out"] if "data.json" in line]
    assert reason in said
    assert "\n" not in said


def test_a_file_too_large_is_not_read(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newllm.diagnosis.run_facts._LARGEST", 10)
    assert str(read_facts(recorded)[1][0]).startswith("'recording.json' cannot be read (larger than")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
@pytest.mark.parametrize("name", ["recording.json", "summary.json", "config.toml", "data.json", "trace.blocks"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(recorded: Path, name: str) -> None:
    (recorded / name).unlink(missing_ok=True)
    os.mkfifo(recorded / name)
    (recorded / "config.toml").touch()

    def look() -> None:
        with contextlib.suppress(UserError):
            newllm.doctor(recorded)
        has_ended(recorded)

    looking = threading.Thread(target=look, daemon=True)  # one that waits for ever must not keep pytest
    looking.start()
    looking.join(120)
    assert not looking.is_alive()


def test_findings_are_written_beside_a_run_of_ours_only(recorded: Path, tmp_path: Path) -> None:
    diagnosis = newllm.doctor(recorded)
    assert not (recorded / "findings.json").exists()
    place = write_findings(diagnosis)
    assert place == recorded / "findings.json"
    assert opened((recorded / "findings.json").read_text()) == diagnosis.as_dict()
    log = tmp_path / "log.csv"
    log.write_text("step,loss\n" + "".join(f"{step},{3 - step / 100}\n" for step in range(20)))
    before = set(tmp_path.iterdir())
    assert write_findings(newllm.doctor(log)) is None
    assert set(tmp_path.iterdir()) == before


def test_plain_data_whatever_a_finding_holds(tmp_path: Path) -> None:
    evidence = {"a": np.float32(0.5), "b": np.arange(2), "c": np.float32("nan"), "d": "half \ud800", 3: np.bool_(True)}
    finding = Finding(kind="x", severity="note", sentence=quoted("\udcff"), evidence=evidence)  # type: ignore[arg-type]
    told = newllm.Diagnosis(tmp_path, Trace(), Facts(), [finding]).as_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["findings"][0]["evidence"] == {"a": 0.5, "b": [0, 1], "c": None, "d": "half ?", "3": True}
    json.dumps(told, ensure_ascii=False).encode()


@pytest.mark.parametrize(("severities", "wrong"), [((), False), (("note",), False), (("note", "warning"), True)])
def test_wrong_from_a_warning_up(tmp_path: Path, severities: tuple, wrong: bool) -> None:
    findings = [Finding(kind="x", severity=severity, sentence=quoted("")) for severity in severities]
    assert newllm.Diagnosis(tmp_path, Trace(), Facts(), findings).wrong is wrong


def test_a_vocabulary_of_one_is_a_mistake(recorded: Path) -> None:
    with pytest.raises(newllm.UserError, match="a vocabulary of 1: it must be at least 2"):
        newllm.doctor(recorded, vocabulary=1)


def test_a_diagnosis_is_printed_as_sentences(tmp_path: Path) -> None:
    rows = [f"{step},{9.0 if step in (60, 61) else 4.0 / (1 + step / 20) + 0.01 * (step % 3)}" for step in range(100)]
    (tmp_path / "log.csv").write_text("\n".join(["step,loss", *rows]))
    first, *found = str(newllm.doctor(tmp_path / "log.csv")).splitlines()
    assert first.startswith("Something is")
    assert found[0].startswith("warning: loss jumps from 1")
