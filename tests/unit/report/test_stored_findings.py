"""What the doctor once said, from a file that nobody checked."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from newllm.messages import quoted
from newllm.report.source.findings import stored_findings

WHOLE = {
    "kind": "spike", "severity": "fault", "sentence": "s", "first_step": 3, "last_step": 5.5, "confidence": 0.5,
    "signal": "loss", "evidence": {"peak": 4}, "alternatives": ["a", 2], "test": "t", "candidate_causes": ["c"],
}  # fmt: skip


def kept(run: Path, *findings: Any, older: bool = False) -> Any:
    (run / "trace.jsonl").write_text("{}\n")
    (run / "findings.json").write_text(json.dumps({"findings": findings}))
    os.utime(run / "trace.jsonl", ns=(0, 10**18 + older))
    os.utime(run / "findings.json", ns=(0, 10**18))
    return stored_findings(run)


def test_a_finding_comes_back_as_it_was(tmp_path: Path) -> None:
    (found,) = kept(tmp_path, WHOLE)
    sentences = {"sentence": quoted("s"), "alternatives": (quoted("a"), quoted("2")), "test": quoted("t")}
    none = {"causes": None, "open_causes": (), "follows": None}
    assert vars(found) == {**WHOLE, **sentences, "candidate_causes": ("c",), **none}


def test_what_is_of_another_kind_is_left_out_and_the_rest_stays(tmp_path: Path) -> None:
    odd = {"severity": "note", "first_step": "3", "last_step": 2**53, "confidence": None, "signal": 4}
    odd |= {"evidence": [1], "alternatives": "abc", "candidate_causes": None}
    found, _ = kept(tmp_path, odd, {"severity": "unheard of"}, WHOLE)
    assert (found.kind, found.severity) == ("", "note")
    assert (found.first_step, found.last_step, found.confidence) == (None, None, None)
    assert (found.signal, found.evidence, found.alternatives, found.candidate_causes) == (None, {}, (), ())


def test_nothing_found_holds_until_the_trace_has_grown(tmp_path: Path) -> None:
    assert kept(tmp_path) == ()
    assert kept(tmp_path, older=True) is None
    assert len(kept(tmp_path, WHOLE, older=True)) == 1


@pytest.mark.parametrize("content", ["", "[]", '{"findings": 3}', '{"findings": [3]}', "{}", "[" * 100_000])
def test_what_is_damaged_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "findings.json").write_text(content)
    assert stored_findings(tmp_path) is None


def test_neither_a_link_nor_a_file_that_is_too_large_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stored_findings(tmp_path) is None
    kept(tmp_path, WHOLE)
    size = (tmp_path / "findings.json").stat().st_size
    for largest, is_read in ((size, True), (size - 1, False)):
        monkeypatch.setattr("newllm.report.source.findings._LARGEST", largest)
        assert (stored_findings(tmp_path) is not None) is is_read
    monkeypatch.undo()
    (tmp_path / "findings.json").rename(tmp_path / "other.json")
    (tmp_path / "findings.json").symlink_to(tmp_path / "other.json")
    assert stored_findings(tmp_path) is None
