"""A further language is one more folder of messages: in one that is made up, no report holds an English sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from newllm.api import doctor
from newllm.messages import Catalogue, catalogue
from newllm.report.diagnosis_page import diagnosis_page
from newllm.report.page import report_page
from newllm.report.sections.study import VERDICTS, study_lead, study_sections
from newllm.report.source import read_source
from newllm.report.source.study import read_study

# Of the run that the tests show: what its model wrote, and what an earlier version wrote of a recovery.
_WRITTEN = ["the cat is here", "It was rolled back."]
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


def test_a_study(wide: Catalogue, english: _English, tmp_path: Path) -> None:
    # Its title, claims, arms and the names of its numbers are the study's own: printed.json has them in the language.
    own = ("We test it.", "It holds.", "The mean.", "As it is.", "Half of it.", "share_of_runs")
    numbers = {"share_of_runs": [0.5, 0.25, 0.75]}
    claim = {"id": "1", "text": "It holds.", "measure": "The mean.", "arms": ["low"], "p": 0.01, "p_holm": 0.02}
    claims: list[dict[str, Any]] = [claim | {"verdict": verdict, "numbers": numbers} for verdict in VERDICTS]
    claims.append(claim | {"verdict": "undecided", "numbers": {"seeds": 2, "needed": 6}})
    claims.append(claim | {"verdict": "undecided", "numbers": {"not_run": ["low"]}})
    spiked = {"validation_spiked": True, "validation_onset": 19, "validation_height": 2.5, "best_validation": 5.5}
    calm = {"reached": 30, "probe_spiked_by_equal_progress": False, "validation_spiked_by_equal_progress": False}
    rows = [{"arm": arm, "seed": seed, "data": "d", **spiked, **calm} for arm in ("base", "low") for seed in range(3)]
    curve = {"epoch": [0, 1], **dict.fromkeys(("train_loss", "probe_loss", "validation_loss"), [[3.0, 2.0]] * 3)}
    results = {
        "study": "mine", "title": "We test it.", "claims": claims, "rows": rows,
        "curves": {"base": curve, "low": curve},
        "arms": [{"name": "base", "claim": "As it is."}, {"name": "low", "claim": "Half of it.", "control": "base"}],
        "environment": {"torch": "2"}, "failed": {"low, seed 3": "no"}, "waiting": ["low, seed 4", "low, seed 5"],
    }  # fmt: skip
    (tmp_path / "results.json").write_text(json.dumps(results))
    (tmp_path / "printed.json").write_text(json.dumps({"xx": {"said": dict.fromkeys(own, "X")}}))
    study = read_study(tmp_path)
    html = "".join(str(section.html) for section in study_sections(study, wide))
    assert english(f"<html>{study_lead(study, wide)}{html}") == []
    assert english(f"<html>{study_lead(study, catalogue('en'))}") != []
