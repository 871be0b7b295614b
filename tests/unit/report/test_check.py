"""What was checked before the training, as a section of the run's page and report."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from newllm.messages import catalogue, message, quoted
from newllm.report.charts.chart import Section
from newllm.report.header import header
from newllm.report.page import report_page
from newllm.report.sections import sections_of
from newllm.report.source import read_source
from newllm.trace import TraceWriter
from newllm.trace.check import CheckedTraining, KeptCheck, Outcome, keep_check
from newllm.words.coverage import unseen_parts

EN, JA = catalogue("en"), catalogue("ja")
ABOUT = CheckedTraining(datetime(2026, 11, 28, 7, 40, tzinfo=UTC), "0.1.0", "Net", 500, "Adam", "cpu")
SOUND = Outcome("repeatable", "sound", message("check-repeatable.sound"))
UNCHECKED = (
    Outcome("order", "unchecked", message("check-reason.no-loader")),
    Outcome("step-order", "unchecked", message("check-reason.no-step")),
    Outcome("workers", "unchecked", message("check-reason.no-loader")),
    Outcome("tied", "unchecked", message("check-reason.no-tie")),
)
Kept = Callable[..., Path]


def wrong(probe: str = "tied", text: str = "they are two") -> Outcome:
    return Outcome(probe, "wrong", quoted(text))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """`kept(outcome, ..., trained=True)`: a run directory with this check."""

    def made(*outcomes: Outcome, trained: bool = True, about: CheckedTraining = ABOUT) -> Path:
        keep_check(tmp_path, KeptCheck((*outcomes, SOUND, *UNCHECKED), 1.25), about)
        if trained:
            with TraceWriter(tmp_path / "trace.jsonl") as writer:
                for step in range(1, 60):
                    writer.write(step, loss=3.0 - step / 100)
        return tmp_path

    return made


def section(run: Path, words: Any = EN) -> Section:
    return next(one for one in sections_of(read_source(run), words) if one.id == "check")


def test_what_is_wrong_is_a_card_with_what_to_do_first_beside_the_findings(kept: Kept) -> None:
    run = kept(wrong(), wrong("causality"), wrong("rows"))
    made = section(run)
    assert (made.title, made.folded) == ("Check before training", False)
    ids = [one.id for one in sections_of(read_source(run), EN)]
    assert ids.index("check") == ids.index("findings") + 1
    cards = made.html.split("<article")[1:]
    assert [card.split('"')[1] for card in cards] == ["fault", "fault", "fault brief"]
    assert EN("check-tied") in cards[0]
    assert "they are two" in cards[0]
    assert f"<b>What to do first</b>: {EN('check-tied.first')}" in cards[0]
    assert "3 wrong, 1 sound, 4 could not be checked (1.2 s)" in made.html


def test_what_is_sound_or_could_not_be_checked_is_folded_by_its_reason(kept: Kept) -> None:
    html = section(kept(wrong())).html
    sound, unchecked = html.split("<details>")[1:]
    assert EN("sound-count", count=1) in sound
    assert EN("check-repeatable") in sound
    assert EN("unseen-count", count=4) in unchecked
    shorts = EN("list").join(EN(f"check-{probe}.short") for probe in ("order", "workers")).replace("'", "&#x27;")
    assert f"<b>give loader= to check: </b>{shorts}</li>" in unchecked
    assert unchecked.index("loader=") < unchecked.index("step=") < unchecked.index(EN("check-reason.no-tie"))


def test_where_nothing_is_wrong_it_is_one_line(kept: Kept) -> None:
    made = section(kept())
    assert (made.folded, made.gist) == (True, "Nothing is wrong, 1 sound, 4 could not be checked (1.2 s)")
    assert "<article" not in made.html
    assert "<details" not in made.html  # who unfolds the line need not unfold what is in it


def test_the_verdict_says_that_the_training_began_all_the_same(kept: Kept) -> None:
    run = kept(wrong(), wrong("causality"))
    verdict = sections_of(read_source(run), EN)[0].html
    line = "The check before training had found 2 things wrong: tied weights, the causal mask."
    assert f'<a href="#check">{line}</a>' in verdict
    assert "had found" not in sections_of(read_source(kept()), EN)[0].html


def test_a_directory_that_holds_nothing_else_says_how_to_go_on(kept: Kept) -> None:
    run = kept(wrong(), trained=False)
    source = read_source(run)
    assert [one.id for one in sections_of(source, EN)] == ["check"]
    made = section(run)
    assert "Not trained yet. Correct what is wrong and check again; then" in made.html
    assert "newllm.record(model, optimizer, " in made.html
    assert "checked, not trained yet" in header(source, EN)
    sound = section(kept(trained=False))
    assert "Not trained yet. Record the training into the same directory:" in sound.html
    assert not sound.folded
    assert "Not trained yet" not in section(kept(trained=True)).html


def test_it_says_what_was_checked_and_where_that_was_another_model(kept: Kept) -> None:
    run = kept(wrong())
    told = "Net · 500 parameters · Adam · cpu · 2026-11-28 07:40 UTC · newllm 0.1.0"
    assert told in section(run).html
    other = "The model that was checked has 500 parameters, and the one that was trained has 600"
    assert other not in section(run).html
    (run / "recording.json").write_text('{"parameters": 500}')
    assert other not in section(run).html
    (run / "recording.json").write_text('{"parameters": 600}')
    assert other in section(run).html


def test_nothing_of_a_file_reaches_the_page_as_html(kept: Kept) -> None:
    evil = "<script>alert(1)</script>"
    run = kept(wrong(text=evil), about=replace(ABOUT, model=evil, device="\u202e<b>"))
    html = report_page([read_source(run)], EN)
    assert evil not in html
    assert "<b>\u202e" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;" in section(run).html


def test_a_probe_of_a_newer_version_keeps_its_name(kept: Kept) -> None:
    html = section(kept(wrong("hyper-drive"))).html
    assert "<b>hyper-drive</b>" in html
    assert "What to do first" not in html


@pytest.mark.parametrize(
    "damage", ["{", "[]", '{"schema": 1, "outcomes": [3]}', '{"outcomes": "x"}', "\x00", "[" * 10**5]
)
def test_a_damaged_file_is_one_remark(kept: Kept, damage: str) -> None:
    run = kept(wrong())
    (run / "check.json").write_text(damage)
    source = read_source(run)
    assert source.facts.check is None
    assert "check" not in [one.id for one in sections_of(source, EN)]
    (said,) = [str(one) for one in source.problems if "check.json" in str(one)]
    assert said.startswith("'check.json' is damaged (")


def test_a_changed_file_is_no_check(kept: Kept) -> None:
    run = kept(wrong())
    file = run / "check.json"
    file.write_text(file.read_text().replace("they are two", "they are one"))
    assert read_source(run).facts.check is None


def test_a_link_is_not_followed(kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> None:
    run, elsewhere = kept(wrong()), tmp_path_factory.mktemp("elsewhere") / "check.json"
    (run / "check.json").rename(elsewhere)
    (run / "check.json").symlink_to(elsewhere)
    source = read_source(run)
    assert source.facts.check is None
    assert ["check.json" in str(one) for one in source.problems].count(True) == 1


def test_several_runs_each_show_theirs(kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> None:
    run, other = read_source(kept(wrong())), tmp_path_factory.mktemp("other")
    with TraceWriter(other / "trace.jsonl") as writer:
        for step in range(1, 60):
            writer.write(step, loss=3.0)
    html = report_page([run, read_source(other)], EN)
    assert 'id="run-1-check"' in html
    assert 'href="#run-1-check"' in html
    assert 'id="run-2-check"' not in html


def test_a_log_of_another_system_shows_the_check_beside_it(kept: Kept) -> None:
    run = kept(wrong(), trained=False)
    (run / "metrics.csv").write_text("step,loss\n" + "".join(f"{step},{3 - step / 100}\n" for step in range(60)))
    source = read_source(run)
    assert not source.own
    assert section(run).html.count("<article") == 1


def test_in_japanese(kept: Kept) -> None:
    made = section(kept(wrong("causality")), JA)
    assert made.title == "訓練前の検査"
    assert JA("check-causality.first") in made.html
    assert "loader=を渡せば調べられるもの" in made.html


def test_what_the_check_asked_is_not_called_unseen(kept: Kept) -> None:
    checked = read_source(kept(wrong()))
    unasked = replace(checked.facts, check=None)
    named = [[one.id for one in unseen_parts(checked.trace, facts)] for facts in (checked.facts, unasked)]
    assert named[1] == [*named[0], "unseen-check"]
