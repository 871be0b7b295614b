"""What was said of a run, kept in a file beside the tests; with NEWLLM_KEEP_FINDINGS=1 the tests write it anew."""

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from newllm.diagnosis import harm
from newllm.messages import catalogue
from newllm.trace import Finding
from newllm.words.finding_data import finding_data

JA = catalogue("ja")
_ENGLISH = re.compile(r"\b(the|is|are|of|to|at|and|a)\b")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?")


@pytest.fixture
def whatever_was_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what detectors say as it is, of kinds too that were seldom right in blind tests."""
    monkeypatch.setattr(harm, "SELDOM", 0.0)


@pytest.fixture(scope="session")
def hold() -> Callable[[str, str, Sequence[Finding]], None]:
    """Hold all that is said of a run against what a file of that name has of it, but for the last digits of numbers."""
    return _hold


def _hold(file: str, name: str, findings: Sequence[Finding]) -> None:
    path = Path(__file__).parent / f"{file}.json"
    said = _plain(findings)
    if os.environ.get("NEWLLM_KEEP_FINDINGS"):
        kept = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(kept | {name: said}, indent=1, ensure_ascii=False) + "\n")
    expected = json.loads(path.read_text())[name]
    assert [one["kind"] for one in said] == [one["kind"] for one in expected]
    for one, other in zip(said, expected, strict=True):
        assert _close(one, other), (one, other)
    for finding in findings:
        _is_said_in_japanese(finding)


def _is_said_in_japanese(finding: Finding) -> None:
    for part in (finding.sentence, *finding.alternatives, finding.test):
        if part is not None:
            text = JA.text(part)
            assert part.id != "quoted"
            assert any("\u3040" <= letter <= "\u9fff" for letter in text), text
            assert not _ENGLISH.search(text), text


def _plain(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    # How often a kind and a cause were right is counted anew with each blind set (test_blind_tests.py).
    left_out = {"messages", "confidence", "blind_tests"}
    found = [{name: item for name, item in finding_data(one).items() if name not in left_out} for one in findings]
    for cause in (cause for one in found for cause in one.get("causes", [])):
        cause["probability"] = None
    return json.loads(json.dumps(found, default=float), parse_float=lambda text: float(f"{float(text):.5g}"))


def _close(one: Any, other: Any) -> bool:
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(_close(one[name], other[name]) for name in one)
        case list(), list():
            return len(one) == len(other) and all(_close(*pair) for pair in zip(one, other, strict=True))
        case float(), float():
            return one == pytest.approx(other, rel=1e-3, abs=1e-12)
        case str(), str():
            return _NUMBER.split(one) == _NUMBER.split(other) and _close(_numbers(one), _numbers(other))
        case _:
            return one == other


def _numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in _NUMBER.findall(text)]
