"""The page of a run whose trace is taken back under it, and pages that nobody sees."""

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from newllm.trace import TraceWriter, truncate_after

CURVE = """() => {
  const chart = [...(window.newllm?.sections?.shown.get("curves")?.handles.values() ?? [])][0];
  const columns = chart?.lines.find((line) => line.name === "loss")?.columns;
  return columns?.length ? [columns.length, columns.x[columns.length - 1]] : null;
}"""
HIDE = """(is) => {
  Object.defineProperty(document, "hidden", { value: is, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def write(run: Path, first: int, last: int) -> None:
    with TraceWriter(run / "trace.jsonl") as writer:
        for step in range(first, last + 1):
            writer.write(step, loss=4.0 - step / 100)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    place = tmp_path / "runs" / "run"
    place.mkdir(parents=True)
    write(place, 1, 50)
    return place


@pytest.fixture
def address(run: Path) -> Iterator[str]:
    command = [sys.executable, "-P", "-m", "newllm.cli.main", "ui", str(run.parent), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = json.loads(server.stdout.readline())["url"]
        listed: list[Any] = []
        while not listed:
            with urllib.request.urlopen(f"{address}api/runs") as answer:
                listed = json.load(answer)["runs"]
        yield f"{address}run/{listed[0]['id']}"
        server.terminate()


def test_a_resumed_run_shows_no_point_that_was_taken_back(page, run, address):
    page.goto(address)
    page.wait_for_function(f"() => String(({CURVE})()) === '50,50'")
    truncate_after(run / "trace.jsonl", 20)
    page.wait_for_function(f"() => String(({CURVE})()) === '20,20'")
    write(run, 21, 30)
    page.wait_for_function(f"() => String(({CURVE})()) === '30,30'")


def test_a_page_that_nobody_sees_holds_no_connection_and_goes_on_when_it_is_seen(page, run, address):
    page.goto(address)
    page.wait_for_function(f"() => String(({CURVE})()) === '50,50'")
    for _ in range(7):  # a browser opens six connections to a server
        page.evaluate(HIDE, True)
        other = page.context.new_page()
        other.goto(address)
        other.wait_for_function(f"() => ({CURVE})()")
        other.evaluate(HIDE, True)
    write(run, 51, 60)
    page.evaluate(HIDE, False)
    page.wait_for_function(f"() => String(({CURVE})()) === '60,60'")


def test_a_run_that_is_deleted_under_its_page_can_be_asked_for_nothing_and_stays_readable(open_page, run, address):
    page = open_page(expected=("404",))  # it may ask for the run once more before it knows
    page.goto(address)
    page.wait_for_function(f"() => String(({CURVE})()) === '50,50'")
    assert page.locator("#actions :is(button:enabled, select:enabled, a[href])").count() == 6
    shutil.rmtree(run)
    page.wait_for_selector(".status.gone")
    assert page.locator("#actions :is(button:enabled, select:enabled, a[href])").count() == 0
    page.wait_for_timeout(1500)  # for whatever would still be asked for
    assert page.evaluate(f"() => String(({CURVE})())") == "50,50"


def test_nothing_that_vanishes_stands_above_the_buttons(page, address):
    page.goto(address)
    page.wait_for_selector("#actions button")
    places = []
    for hidden in (False, True):
        page.evaluate("(is) => { document.getElementById('overview').hidden = is; }", hidden)
        places.append(page.locator("#actions").bounding_box()["y"])
    assert places[0] == places[1]


def test_a_run_that_went_while_nobody_saw_its_page_is_told(open_page, run, address):
    page = open_page(expected=("404",))
    page.goto(address)
    page.wait_for_function(f"() => String(({CURVE})()) === '50,50'")
    page.evaluate(HIDE, True)
    shutil.rmtree(run)
    listed = f"{address.split('/run/')[0]}/api/runs"
    while json.load(urllib.request.urlopen(listed))["runs"]:
        time.sleep(0.1)
    page.evaluate(HIDE, False)
    page.locator("#state .status.gone").wait_for()
