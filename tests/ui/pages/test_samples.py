"""Looking through what the model wrote: two texts side by side, by keyboard, on a phone, while the run goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from newllm.trace import TraceWriter
from newllm.trace.samples import Sample, add_sample

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = "<img src=x onerror=alert(1)>"


def wrote(run: Path, first: int, last: int) -> None:
    with TraceWriter(run / "trace.jsonl") as writer:
        for step in range(first, last):
            writer.write(step, loss=3.0)
            if step % 10 == 0:
                add_sample(run / "samples.jsonl", Sample(step, "", f"text of {step} {HOSTILE}"))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    run = tmp_path / "runs" / "run"
    run.mkdir(parents=True)
    (run / "recording.json").write_text('{"ended": false}')
    wrote(run, 1, 105)
    return run.parent


def opened(page: "Page", local: Any) -> None:
    page.goto(local.run(page, "run"))
    page.locator("#samples summary").first.click()
    page.locator("#samples .pane").first.wait_for()


def texts(page: "Page") -> list[str]:
    return [text.split(" <")[0] for text in page.locator("#samples pre").all_inner_texts()]


def test_the_first_stands_beside_the_newest_and_a_slider_goes_through_them(
    page: "Page", serving: Callable, until: Callable, runs: Path
) -> None:
    with serving(runs) as local:
        opened(page, local)
        assert texts(page) == ["text of 10", "text of 100"]
        left, right = (page.get_by_role("slider", name=f"the text on the {side}") for side in ("left", "right"))
        left.focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        assert texts(page) == ["text of 40", "text of 100"]
        assert left.get_attribute("aria-valuetext") == "step 40"
        wrote(runs / "run", 105, 125)
        until(page, "document.querySelector('#samples input').max === '11'")
        assert texts(page) == ["text of 40", "text of 120"]  # one follows the run, the other stays where it was
        assert page.evaluate("document.activeElement.ariaLabel") == "the text on the left"
        page.keyboard.press("Home")
        right.focus()
        page.keyboard.press("ArrowLeft")
        assert texts(page) == ["text of 10", "text of 110"]
        wrote(runs / "run", 125, 135)
        until(page, "document.querySelector('#samples input').max === '12'")
        assert texts(page) == ["text of 10", "text of 110"]
        assert right.get_attribute("aria-valuetext") == "step 110"


def test_on_a_phone_they_stand_below_each_other(open_page: Callable, serving: Callable, runs: Path) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    with serving(runs) as local:
        opened(page, local)
        first, second = (page.locator("#samples .pane").nth(at).bounding_box() for at in range(2))
        assert first["y"] + first["height"] <= second["y"]
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.locator("#samples img").count() == 0
