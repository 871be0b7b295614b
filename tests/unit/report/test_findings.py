"""What the doctor found as cards: one a root fault, with what follows from it, its causes, and what was checked."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.replayed import proved_first
from newllm.messages import catalogue, message, quoted
from newllm.report.charts.chart import Curves
from newllm.report.sections.findings import findings
from newllm.report.source import Source
from newllm.report.source.replays import Replayed
from newllm.trace import Cause, Finding, Series, Trace
from newllm.trace.verdict import Verdict
from newllm.words.causes import cause_rows

EN, JA = catalogue("en"), catalogue("ja")
STUDY = Path(__file__).parents[3] / "studies" / "founding" / "replay.json"
STEPS = np.arange(1, 401)
SIGNALS = {name: Series(STEPS, np.ones(400)) for name in ("loss", "gradient_norm", "learning_rate")}


def found(kind: str, severity: Any = "warning", **more: Any) -> Finding:
    return Finding(kind=kind, severity=severity, sentence=quoted(f"It is {kind}."), **more)


def run_with(*listed: Finding, **more: Any) -> Source:
    return Source(Path("x"), "x", trace=Trace(SIGNALS), findings=listed, **more)


def html_of(source: Source, words: Any = EN) -> str:
    section = findings(source, words)
    assert section is not None
    return section.html


def test_one_root_fault_is_one_card_with_its_consequences_in_it() -> None:
    root = found("context-growth", "fault", first_step=28, last_step=100, signal="loss", evidence={"limit": 1.05})
    follows = [found("spike", follows="context-growth", first_step=38, last_step=44, evidence={"peak": 23.9})] * 2
    html = html_of(run_with(root, *follows, found("leak"), found("small-validation", "note")))
    cards = html.split("<article")[1:]
    assert [card.split('"')[1] for card in cards] == ["fault", "warning brief", "note brief"]
    assert [card.count("It is spike.") for card in cards] == [2, 0, 0]
    assert EN("consequences", count=2) in cards[0]
    assert "steps 38 to 44" in cards[0]
    assert "23.9" in cards[0]
    assert html.index(EN("notes-count", count=1)) < html.index("It is small-validation.")


def test_the_numbers_of_a_root_fault_stand_beside_a_small_curve_of_its_signal() -> None:
    long = found("spike", "fault", first_step=10, last_step=300, signal="loss", evidence={"peak": 4.5})
    section = findings(run_with(long, found("leak"), found("diverged", signal="none", first_step=3)), EN)
    assert section is not None
    (chart,) = section.charts
    assert isinstance(chart, Curves)
    assert ([line.name for line in chart.lines], [mark.first for mark in chart.marks]) == (["loss"], [10])
    beside = re.search(r'<div class="beside"><dl>.*?</dl><figure .*?</figure></div>', section.html)
    assert beside is not None
    assert "4.5" in beside[0]
    assert 'class="chart small" data-chart="finding-0"' in beside[0]


def test_evidence_that_names_several_layers_has_a_line_of_its_own() -> None:
    layers = {"layers": ["blocks.0.self_attn", "blocks.1.self_attn"], "share": 0.5}
    html = html_of(run_with(found("spike", evidence=layers), found("leak", follows="spike", evidence=layers)))
    assert html.count('<div class="long"><dt>layers</dt><dd>blocks.0.self_attn, blocks.1.self_attn</dd></div>') == 2
    assert html.count("<div><dt>share</dt><dd>0.5</dd></div>") == 2


def test_of_a_short_stretch_of_a_long_run_the_curve_shows_what_is_around_it_and_takes_no_live_points() -> None:
    section = findings(run_with(found("spike", first_step=200, last_step=202, signal="loss")), EN)
    assert section is not None
    (chart,) = section.charts
    assert isinstance(chart, Curves)
    (line,) = chart.lines
    assert line.name not in SIGNALS
    assert 180 < line.x[0] < 200 < 202 < line.x[-1] < 220


def test_causes_stand_with_what_speaks_for_and_against_them() -> None:
    named = Cause("changed-state", 0.79, message("because-frozen"))
    proved = found("spike", causes=(named,), candidate_causes=("changed-state", "learning-rate", "tight-clipping"))
    trace = Trace({"learning_rate": SIGNALS["learning_rate"]})
    rows = cause_rows(EN, proved, trace, Facts())
    assert [(row.name, row.percent, row.named) for row in rows] == [
        ("changed-state", 79, True), ("learning-rate", None, False), ("tight-clipping", None, False),
    ]  # fmt: skip
    assert (rows[0].speaks, rows[0].against) == (EN("because-frozen"), EN("cause-alone"))
    assert rows[1].against == EN("cause-logged", signal="learning_rate")
    assert rows[2].against == EN("cause-unlogged", signal="gradient_norm")

    hinted = found(
        "spike", causes=(), open_causes=(replace(named, probability=None),), candidate_causes=("weight-decay",)
    )
    for origin, key in ((None, "cause-unrecorded"), ("record", "cause-recorded")):
        first, second = cause_rows(EN, hinted, trace, Facts(origin=origin))  # pyrefly: ignore
        assert (first.named, first.against, second.against) == (False, EN("cause-unproved"), EN(key))
    assert cause_rows(EN, found("spike", candidate_causes=("weight-decay",)), trace, Facts()) == []
    html = html_of(run_with(hinted))
    assert EN("cause-none_named") in html
    assert EN("cause-none_named") not in html_of(run_with(proved))


def test_what_replays_show_of_a_cause_stands_with_it_and_the_one_that_they_name_comes_first() -> None:
    verdict = Verdict.from_dict(json.loads(STUDY.read_bytes()))
    spike = found("spike", "fault", causes=(), candidate_causes=("learning-rate", "weight-decay"), first_step=39)
    replays = (Replayed("step-39", verdict, 1),)
    source = run_with(*proved_first([spike], verdict), replays=replays)
    html = html_of(source)
    assert html.index("<b>plain-depth") < html.index("they show that this is the cause: residual-fnn")
    assert html.index("they show that this is the cause") < html.index("tenth-learning-rate reduces the spike")
    assert EN("cause-none_named") not in html
    judged = replace(spike, causes=(Cause("weight-decay", 0.79, message("because-frozen")),))
    assert EN("cause-other_by_replays", name="plain-depth") in html_of(
        replace(source, findings=proved_first([judged], verdict))
    )
    unnamed = run_with(spike, replays=(Replayed("step-39", replace(verdict, cause=None), 1),))
    assert EN("cause-none_named") in html_of(unnamed)
    assert "<b>plain-depth" not in html_of(unnamed)
    other = found("leak", "fault", causes=(), candidate_causes=("learning-rate",))
    assert "learning-rate reduces the spike" not in html_of(replace(source, findings=(other,)))


def test_what_was_checked_and_what_could_not_be_is_folded_below() -> None:
    falling = {"loss": Series(STEPS, 4 - STEPS / 200), "ledger_share": Series(STEPS[:2], np.ones(2))}
    source = Source(Path("x"), "x", trace=Trace(falling))
    html = html_of(source)
    assert EN("findings-none") in html
    assert f"<summary>{EN('sound-count', count=1)}</summary><ul><li>{EN('checked-loss')}</li></ul>" in html
    assert re.search(rf"<details><summary>{re.escape(EN('unseen-count', count=3))}</summary>", html)
    assert "nothing but the optimizer changed the weights" in html
    flat = replace(source, trace=Trace({"loss": Series(STEPS, np.ones(400))}))
    assert EN("doubtful-one", subject=EN("checked-loss")) in html_of(flat)
    assert findings(replace(source, trace=Trace()), EN) is None


def test_what_a_finding_is_comes_before_a_sentence_that_is_in_english_alone() -> None:
    source = run_with(found("spike", "fault"))
    meaning = JA("finding-spike.explained")
    assert html_of(source, JA).index(meaning) < html_of(source, JA).index("It is spike.")
    own = replace(source.findings[0], sentence=message("because-frozen"))
    html = html_of(replace(source, findings=(own,)), JA)
    assert html.index(JA("because-frozen")) < html.index(meaning)
