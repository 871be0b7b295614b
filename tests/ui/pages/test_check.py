"""A training that was checked: in the list, on its page before and after it began, and on a phone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from newllm.messages import quoted
from newllm.trace import TraceWriter
from newllm.trace.check import CheckedTraining, KeptCheck, Outcome, keep_check

OUTCOMES = (
    Outcome("causality", "wrong", quoted("<b>it</b> sees what it predicts")),
    Outcome("repeatable", "sound", quoted("it repeats")),
    Outcome("order", "unchecked", quoted("no loader")),
)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name, outcomes in (("wrong", OUTCOMES), ("sound", OUTCOMES[1:])):
        (tmp_path / name).mkdir()
        keep_check(tmp_path / name, KeptCheck(outcomes, 1.0), CheckedTraining(model="Net"))
    return tmp_path


@pytest.fixture
def local(runs: Path, serving: Any) -> Iterator[Any]:
    with serving(runs) as local:
        yield local


def test_the_list_says_how_many_answers_are_wrong(page: Any, local: Any) -> None:
    local.runs(page)
    page.goto(local.url)
    row = page.locator("tr", has_text="checked").filter(has_text="1 wrong")
    row.wait_for()
    assert row.locator("th").inner_text().strip() == "wrong"
    page.locator("tr", has_text="nothing wrong").wait_for()


def test_its_page_shows_the_check_and_from_its_first_step_on_the_training(
    page: Any, runs: Path, local: Any, until: Callable[..., None]
) -> None:
    page.goto(local.run(page, "wrong"))
    section = page.locator("section#check")
    section.wait_for()
    assert "Not trained yet" in section.inner_text()
    assert "<b>it</b> sees what it predicts" in section.locator("article").inner_text()
    assert page.locator("#actions :visible").all_inner_texts() == ["Report", "Edit …"]  # nothing to diagnose or compare
    section.get_by_role("button", name="Copy").first.wait_for()
    with TraceWriter(runs / "wrong" / "trace.jsonl") as writer:
        for step in range(1, 60):
            writer.write(step, loss=3.0 - step / 100)
    page.locator("section#findings").wait_for(timeout=60_000)
    until(page, "document.querySelectorAll('#actions button:not([hidden]), #actions a:not([hidden])').length >= 2")
    page.locator("section#verdict a[href='#check']").click()
    until(page, "!document.querySelector('#check').innerText.includes('Not trained yet')")
    assert page.locator("section#findings ~ section#check article").count() == 1
    folds = section.locator("details")
    assert [fold.get_attribute("open") for fold in folds.all()] == [None, None]


def test_on_a_phone_a_sound_check_is_a_line_that_unfolds(open_page: Any, runs: Path, local: Any) -> None:
    with TraceWriter(runs / "sound" / "trace.jsonl") as writer:
        for step in range(1, 60):
            writer.write(step, loss=3.0 - step / 100)
    page = open_page(viewport={"width": 390, "height": 844})
    page.goto(f"{local.run(page, 'sound')}?lang=ja")
    line = page.locator("section#check summary")
    line.wait_for()
    assert "問題は見つからなかった" in line.inner_text()
    assert not page.get_by_text("it repeats").is_visible()
    line.click()
    page.get_by_text("it repeats").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
