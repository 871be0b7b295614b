"""Runs that are damaged, half there, or of another time: each is told with a mark, and the page lives."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from newllm.checksum import read_checked

if TYPE_CHECKING:
    from playwright.sync_api import Page

NEWER = 99


@pytest.fixture(scope="module")
def root(kept: Path, make_run: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bad") / "runs"
    names = (
        "half-deleted",
        "no-trace",
        "bad-summary",
        "bad-trace",
        "bad-config",
        "bad-findings",
        "newer",
        "cut",
        "folder",
    )
    runs = {name: make_run(root / name) for name in (*names, "written", "huge-number")}
    shutil.copytree(kept / "words", root / "half-deleted-model")
    for file in (root / "half-deleted-model" / "snapshots").rglob("model.safetensors"):
        file.write_bytes(file.read_bytes()[:1000])
    (runs["half-deleted"] / "summary.json").unlink()
    (runs["half-deleted"] / "config.toml").unlink()
    (runs["no-trace"] / "trace.jsonl").unlink()
    (runs["bad-summary"] / "summary.json").write_text('{"schema": 1, "status": "fini')
    (runs["bad-trace"] / "trace.jsonl").write_bytes(b"\x00\xff not json\n" * 50)
    (runs["bad-config"] / "config.toml").write_text("schema = 1\n[model\nbody")
    (runs["bad-findings"] / "findings.json").write_text("[1, 2")
    newer = runs["newer"] / "summary.json"
    newer.write_text(json.dumps(read_checked(newer) | {"schema": NEWER}))
    for name in ("summary.json", "trace.jsonl", "config.toml"):
        (runs["cut"] / name).write_bytes(b"")
    (runs["folder"] / "summary.json").unlink()
    (runs["folder"] / "summary.json").mkdir()
    (runs["folder"] / "trace.jsonl").unlink()
    (runs["folder"] / "trace.jsonl").mkdir()
    summary = read_checked(runs["written"] / "summary.json")
    gone = {"status": "running", "pid": 2**22 + 1, "heartbeat": "2026-01-01T00:00:00+00:00"}
    (runs["written"] / "summary.json").write_text(json.dumps(summary | gone))
    with (runs["written"] / "trace.jsonl").open("a") as trace:
        trace.write('{"step": 51, "loss": 3.')  # a line that is being written
    (runs["huge-number"] / "summary.json").write_text(json.dumps(summary | {"step": 10**400, "seconds": "NaN"}))
    (root / "empty").mkdir()
    (root / "a-file").write_text("no run")
    outside = make_run(root.parent / "outside")
    (root / "link-out").symlink_to(outside)
    (root / "linked-trace").mkdir()
    (root / "linked-trace" / "trace.jsonl").symlink_to(outside / "trace.jsonl")
    make_run(root / "good")
    return root


@pytest.fixture(scope="module")
def bad(root: Path, serving: Callable) -> Iterator[Any]:
    with serving(root) as local:
        yield local


WRONG = {"bad-trace": "trace", "linked-trace": "trace", "newer": f"schema {NEWER}", "bad-findings": "findings.json"}
MARKED = ("bad-summary", "newer", "cut", "folder", "written", "bad-config")


def test_every_bad_run_is_listed_and_marked(page: "Page", root: Path, bad) -> None:
    page.goto(bad.url)
    page.get_by_role("link", name="good").wait_for()
    page.get_by_text("Links to directories are not followed").wait_for()
    listed = {run["name"]: run for run in bad.runs(page)}
    assert "link-out" not in listed
    assert not {"empty", "a-file"} & set(listed)
    assert {path.name for path in root.iterdir()} - {"empty", "a-file", "link-out"} == set(listed)
    page.set_viewport_size({"width": 1280, "height": 2000})
    for name in MARKED:
        row = page.locator("tr[data-id]").filter(has=page.get_by_role("link", name=name, exact=True))
        assert row.locator(".doubt").count() == 1, name
        assert row.locator(".doubt").inner_text().startswith("▲"), name
    assert page.locator("tr[data-id]").filter(has_text="good").locator(".doubt").count() == 0


def test_every_bad_run_opens_with_what_is_known(page: "Page", bad) -> None:
    for run in bad.runs(page):
        page.goto(f"{bad.url}run/{run['id']}")
        page.locator("#state .status").wait_for()
        page.locator("#parts section, #parts .problem, #problems *, #parts p:not([role])").first.wait_for()
        told = page.locator("main").inner_text()
        assert run["name"] in told
        assert "Reading the run" not in page.locator("#parts [role=status]").all_inner_texts()
        if wrong := WRONG.get(run["name"]):
            assert wrong in " ".join(page.locator("#problems, .problem").all_inner_texts()), run["name"]
        if run["name"] in ("good", "written", "bad-summary", "bad-config"):
            page.locator("#curves canvas").first.wait_for()  # what can be read is drawn


def test_bad_runs_can_be_compared_and_played_with_in_vain(page: "Page", bad) -> None:
    ids = ",".join(run["id"] for run in bad.runs(page))
    page.goto(f"{bad.url}compare?runs={ids}")
    page.locator("[data-chart=compared] canvas").first.wait_for()
    for name in ("half-deleted-model", "newer"):
        page.goto(bad.run(page, name) + "/play")
        page.locator(".play-problem").get_by_text(name).wait_for()
    page.goto(bad.url)
    page.get_by_role("link", name="good").click()
    page.locator("#curves canvas").first.wait_for()


def test_a_report_of_bad_runs_is_written(
    open_page: Callable[..., "Page"], root: Path, call: Callable, tmp_path: Path
) -> None:
    page = open_page(offline=True)
    names = ("good", "bad-summary", "bad-trace", "bad-config", "newer", "cut", "written", "half-deleted")
    done = call("report", *(root / name for name in names), "--out", tmp_path / "report.html")
    assert "bad-trace" in done.stderr
    page.goto((tmp_path / "report.html").as_uri())
    page.evaluate("newllm.ready")
    for name in names:
        assert page.get_by_text(name, exact=True).first.count() == 1
