"""A further language is one more folder of messages: in one that is made up, no report holds an English sentence."""

from collections.abc import Callable
from pathlib import Path

from newllm.api import doctor
from newllm.messages import Catalogue, catalogue
from newllm.report.diagnosis_page import diagnosis_page
from newllm.report.page import report_page
from newllm.report.source import read_source

# What an earlier version wrote of a recovery, in the run that the tests show: it stays as it was written.
_WRITTEN = ["It was rolled back."]
_English = Callable[[str], list[str]]


def test_a_report_of_a_run(whole: Path, wide: Catalogue, english: _English) -> None:
    assert english(report_page([read_source(whole)], wide)) == _WRITTEN


def test_a_report_of_a_log(log: Callable[..., Path], wide: Catalogue, english: _English) -> None:
    rows = [f"{step},{2 + (5 if step == 60 else 1 / (1 + step))}" for step in range(100)]
    assert english(report_page([read_source(log("step,loss\n" + "\n".join(rows)))], wide)) == []


def test_a_comparison(whole: Path, wide: Catalogue, english: _English) -> None:
    source = read_source(whole)
    assert english(report_page([source, source], wide)) == 2 * _WRITTEN


def test_the_doctors_page(whole: Path, wide: Catalogue, english: _English) -> None:
    found = doctor(whole)
    assert english(diagnosis_page("run", found.trace, found.facts, found.findings, wide)) == []


def test_english_would_be_seen(whole: Path, english: _English) -> None:
    assert len(english(report_page([read_source(whole)], catalogue("en")))) > 50
