"""A page that is open while a run trains, changes, or goes."""

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

STEP = "document.querySelector('#state dl dd').textContent.split(' /')[0].replaceAll(',', '')"


def picture(plot: "Locator") -> bytes:
    """Return what a plot looks like, which may be made anew at this very moment."""
    from playwright.sync_api import Error

    for _ in range(20):
        with contextlib.suppress(Error):
            return plot.screenshot()
    return plot.screenshot()


def test_a_training_run_advances_on_its_page(
    page: "Page",
    serving: Callable,
    training: Callable[..., Any],
    until: Callable,
    tmp_path: Path,
    text: Path,
    tiny: list[str],
) -> None:
    root = tmp_path / "runs"
    root.mkdir()
    with serving(root) as local:
        page.goto(local.url)
        page.get_by_text("newllm train").wait_for()  # how to make one
        process = training(str(text), "--preset", "tiny", "--out", str(root / "live"), *tiny, "--seconds", "30")
        page.get_by_role("link", name="live").click()
        page.locator("#state .status.running").wait_for()
        page.evaluate("window.same = true")
        plot = page.locator("#curves .plot").first
        plot.locator("canvas").first.wait_for()
        until(page, f"Number({STEP}) > 0")
        before, drawn = int(page.evaluate(STEP)), picture(plot)
        until(page, f"Number({STEP}) > {before} + 20")
        for _ in range(100):  # its points come with the next look at the trace
            if picture(plot) != drawn:
                break
            page.wait_for_timeout(100)
        else:
            raise AssertionError("the plot stayed as it was")
        page.locator("#state .status.finished").wait_for()
        assert process.wait(60) == 0
        last = int(page.evaluate(STEP))
        assert last > before + 20
        page.locator("#curves .numbers > summary").first.click()
        until(page, f"document.querySelector('#curves .numbers').textContent.includes('{last:,}')")
        assert page.evaluate("window.same")  # it was never loaded anew


def test_a_run_is_deleted_while_its_page_is_open(
    open_page: Callable[..., "Page"], serving: Callable, make_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = make_run(tmp_path / "runs" / "brief")
    make_run(tmp_path / "runs" / "other", steps=20)
    page = open_page(expected=("404",))  # the page may ask for what has just gone
    with serving(tmp_path / "runs") as local:
        page.goto(local.run(page, "brief"))
        page.locator("#curves canvas").first.wait_for()
        shutil.rmtree(run)
        page.locator("#state .status.gone").wait_for()
        assert page.locator("#curves canvas").first.is_visible()  # what was known stays on the page
        page.get_by_role("link", name="Runs").first.click()
        page.get_by_role("link", name="other").click()
        page.locator("#state .status.finished").wait_for()


def test_of_500_runs_one_is_found(
    page: "Page", serving: Callable, make_run: Callable[..., Path], tmp_path: Path
) -> None:
    for number in range(500):
        rule = "gated" if number == 77 else "ema"
        make_run(tmp_path / "runs" / f"seed-{number:03}", steps=number % 7 + 1, seed=number, rule=rule)
    with serving(tmp_path / "runs") as local:
        page.goto(local.url)
        page.locator(".tools [role=status]").get_by_text("500 listed", exact=True).wait_for()
        assert 5 < page.locator("tr[data-id]").count() < 80  # only what is seen is made
        page.keyboard.press("/")
        page.keyboard.type("gated")
        page.get_by_text("1 of 500").wait_for()
        assert page.locator("tr[data-id] a").all_inner_texts() == ["seed-077"]
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Run", exact=True).click()
        page.mouse.wheel(0, 1e6)
        page.get_by_role("link", name="seed-499").wait_for()
        page.keyboard.press("/")
        page.keyboard.type("none of them")
        page.get_by_text("No run matches").wait_for()
