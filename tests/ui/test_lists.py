"""The list of runs and the page that compares: what nobody diagnosed is judged while it is seen."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from newllm.trace import TraceWriter


@contextlib.contextmanager
def serving(root: Path) -> Iterator[str]:
    command = [sys.executable, "-P", "-m", "newllm.cli.main", "ui", str(root), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["url"]
        server.terminate()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    for name in ("bad", "worse"):
        place = tmp_path / "runs" / name
        place.mkdir(parents=True)
        with TraceWriter(place / "trace.jsonl") as writer:
            for step in range(1, 60):
                writer.write(step, loss=float("nan") if step > 50 else 4.0 - step / 100)
    with serving(tmp_path / "runs") as address:
        yield address


def test_findings_come_into_the_list_and_the_comparison_by_themselves(page, address):
    page.goto(address)
    page.wait_for_function("() => document.querySelectorAll('td.findings .count.fault').length === 2")
    page.set_viewport_size({"width": 390, "height": 800})  # a phone has them too
    assert all(count.is_visible() for count in page.locator("td.findings .count.fault").all())
    page.set_viewport_size({"width": 1280, "height": 800})
    for box in page.locator("td.pick input").all():
        box.check()
    page.locator("a.button.primary").click()
    page.wait_for_selector("#comparison")
    assert "fault" in page.locator("#comparison").inner_text()


def test_a_comparison_has_its_runs_judged(page, address):
    page.goto(address)
    page.wait_for_selector("tr[data-id]")
    ids = page.evaluate("async () => (await newllm.ask('/api/runs')).runs.map((run) => run.id).join(',')")
    page.goto(f"{address}compare?runs={ids}")
    page.wait_for_function("() => document.querySelector('#comparison')?.textContent.includes('fault')")


def test_studies_without_runs_are_opened_at_once_and_the_empty_list_tells_how_to_fill_it(page, tmp_path):
    study = tmp_path / "my studies" / "one"
    study.mkdir(parents=True)
    content = {"schema": 1, "study": "one", "title": "One", "seeds": 1, "arms": [], "claims": [], "rows": []}
    (study / "results.json").write_text(json.dumps(content))
    with serving(study.parent) as address:
        page.goto(address)
        page.wait_for_url("**/studies")
        page.goto(address)
        page.wait_for_selector(".empty:visible")
        train = page.locator(".empty code").first.inner_text()
        assert train == f"newllm train --seconds 120 --out '{study.parent}/my-run'"
