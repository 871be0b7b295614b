"""What is handed on: a report that the page writes, and rich output in a notebook's page."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import newllm
from newllm.trace import TraceWriter


def served(*arguments: str) -> Iterator[str]:
    command = [sys.executable, "-P", "-m", "newllm.cli.main", "ui", *arguments, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["url"]
        server.terminate()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    place = tmp_path / "runs" / "<b>run"
    place.mkdir(parents=True)
    with TraceWriter(place / "trace.jsonl") as writer:
        for step in range(1, 51):
            writer.write(step, loss=4.0 - step / 100)
    return place


@pytest.fixture
def address(run: Path) -> Iterator[str]:
    yield from served(str(run.parent))


@pytest.fixture
def demo() -> Iterator[str]:
    yield from served("--demo")


def test_one_key_writes_the_report_and_it_opens_offline(page, open_page, run, address, tmp_path):
    page.goto(address)
    page.click(".name a")
    page.wait_for_selector("#parts .part")
    page.focus("button:text-is('Report')")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # while the first goes on
    link = page.wait_for_selector(".report-said a")
    assert page.inner_text(".report-said code") == "runs/<b>run/report.html"
    assert (run / "report.html").stat().st_size > 100_000
    assert page.evaluate("() => document.activeElement.textContent") == "Report"  # where the keyboard was
    with page.expect_download() as download:
        link.click()
    download.value.save_as(tmp_path / "fetched.html")
    assert (tmp_path / "fetched.html").read_bytes() == (run / "report.html").read_bytes()
    opened = open_page(offline=True, viewport={"width": 390, "height": 844})
    opened.goto((tmp_path / "fetched.html").as_uri())
    opened.wait_for_selector("#curves canvas")
    assert opened.inner_text("h1") == "<b>run"


def test_why_no_report_is_written_is_said_beside_the_button(open_page, run, address):
    (run / "report.html").write_text("mine")
    page = open_page(expected=("409",))
    page.goto(address)
    page.click(".name a")
    page.click("button:text-is('Report')")
    page.wait_for_selector(".report-said.problem")
    assert "is no page of newllm report" in page.inner_text(".report-said")
    assert (run / "report.html").read_text() == "mine"


@pytest.mark.parametrize("place", ["/run/", "/compare", "/study/"])
def test_the_demo_hands_it_over(open_page, demo, place, tmp_path):
    page = open_page(viewport={"width": 390, "height": 844})
    page.goto(f"{demo}?lang=ja")
    page.click(f'.tour a[href^="{place}"]')
    with page.expect_download() as download:
        page.click("button:text-is('レポート')")
    download.value.save_as(tmp_path / "fetched.html")
    page.wait_for_selector(".report-said:has-text('ダウンロードしました')")
    assert '<html lang="ja">' in (tmp_path / "fetched.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("background", ["#ffffff", "#111111"])
def test_a_notebook_shows_a_run_without_network_as_high_as_it_is_and_in_its_colours(open_page, tmp_path, background):
    cells = [
        newllm.show("demo:learning-rate-doubled"),
        newllm.show("demo:learning-rate-as-planned", "demo:learning-rate-doubled"),
    ]
    outputs = "<hr>".join(cell._repr_html_() or "" for cell in cells)
    notebook = tmp_path / "notebook.html"
    style = f"<style>body {{ background: {background}; font: 30px serif }}</style>"
    notebook.write_text(f"<!doctype html><meta charset='utf-8'>{style}<body>{outputs}<p id='after'>after</p>")
    page = open_page(offline=True, color_scheme="null", viewport={"width": 820, "height": 900})
    page.goto(notebook.as_uri())
    # A frame says how high it is only once it is drawn; from then on it has its height and its colours.
    page.wait_for_function("() => [...document.querySelectorAll('iframe')].every((one) => one.style.height)")
    is_dark = str(background == "#111111").lower()
    for frame in page.frames[1:]:
        frame.wait_for_selector("canvas")
        frame.wait_for_function(f"() => matchMedia('(prefers-color-scheme: dark)').matches === {is_dark}")
        assert frame.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    heights = page.evaluate("() => [...document.querySelectorAll('iframe')].map((one) => one.clientHeight)")
    assert all(700 < height <= 1200 for height in heights)
    assert page.evaluate("() => getComputedStyle(document.querySelector('#after')).fontSize") == "30px"
    assert page.locator("text=Something is doubtful").count() == 2  # the summaries, which the frames stand for
    assert not page.locator("text=Something is doubtful").first.is_visible()


def test_where_no_script_may_run_around_a_frame_the_summary_stays_and_the_frame_scrolls(open_page, tmp_path):
    output = newllm.show("demo:learning-rate-doubled")._repr_html_() or ""
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!doctype html><meta charset='utf-8'><body>{output.rpartition('<script>')[0]}</div>")
    page = open_page(offline=True, viewport={"width": 390, "height": 844})
    page.goto(notebook.as_uri())
    page.frames[1].wait_for_selector("canvas")
    assert page.locator("text=Something is doubtful").first.is_visible()
    assert page.evaluate("() => document.querySelector('iframe').clientHeight") == 34 * 16
