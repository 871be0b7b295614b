"""A report from the page: written as `newllm report` writes it, or handed over where nothing may be written."""

import asyncio
import json
import threading
from pathlib import Path

import pytest

from newllm.demo import SET
from newllm.ui import reports as module
from newllm.ui.index import id_of
from newllm.ui.reports import Failed, Reports

MARK = b'<meta name="generator" content="newllm report">'


@pytest.fixture
def run(tmp_path, make_run):
    return make_run(tmp_path / "runs" / "run")


@pytest.fixture
def key(run, serving):
    with serving(run.parent) as server:
        yield server, server.id_of("run")


def test_a_click_writes_the_report_into_the_run_and_it_can_be_fetched(run, key):
    server, own = key
    assert server.ask(f"/run/{own}/report.html").status == 404  # nobody has written one
    written = server.post(f"/api/run/{own}/report?lang=ja", {})
    page = run / "report.html"
    size = page.stat().st_size
    assert (written.status, written.json()) == (
        201, {"file": "runs/run/report.html", "bytes": size, "size": f"{size / 1e3:.0f} kB"},
    )  # fmt: skip
    assert '<html lang="ja">' in page.read_text()
    assert str(run.parent) not in page.read_text()  # where it lies on this machine is nobody's business
    fetched = server.ask(f"/run/{own}/report.html")
    assert (fetched.status, fetched.body) == (200, page.read_bytes())
    assert fetched.headers["content-disposition"] == "attachment; filename*=UTF-8''run.report.html"


def test_what_is_not_ours_is_neither_written_over_nor_handed_over(run, key, tmp_path):
    server, own = key
    page = run / "report.html"
    page.write_text("mine")
    refused = server.post(f"/api/run/{own}/report", {})
    assert refused.status == 409
    assert "exists and is no page of newllm report" in refused.json()["error"]
    assert not refused.json()["error"].startswith("newllm:")
    assert page.read_text() == "mine"
    assert server.ask(f"/run/{own}/report.html").status == 404
    page.unlink()
    (tmp_path / "secret.html").write_bytes(MARK)
    page.symlink_to(tmp_path / "secret.html")
    assert server.ask(f"/run/{own}/report.html").status == 404


def test_two_clicks_at_once_make_one_report_and_the_page_answers_meanwhile(run, key, wait_for, monkeypatch):
    server, own = key
    started: list[list[str]] = []
    start = module.start_command

    async def counting(arguments, **options):
        started.append(arguments)
        return await start(arguments, **options)

    monkeypatch.setattr(module, "start_command", counting)
    answers: list[int] = []
    clicks = [
        threading.Thread(target=lambda: answers.append(server.post(f"/api/run/{own}/report", {}).status))
        for _ in range(3)
    ]
    for click in clicks:
        click.start()
    wait_for(lambda: started)
    assert server.ask("/api/runs").status == 200
    assert not answers  # none of them has been waited for
    for click in clicks:
        click.join()
    assert answers == [201] * 3
    assert len(started) == 1
    assert MARK in (run / "report.html").read_bytes()[:200]


def test_a_comparison_is_made_when_it_is_fetched_and_leaves_nothing(run, key, make_run):
    server, own = key
    make_run(run.parent / "other", rule="gated")
    other = server.id_of("other")
    fetched = server.ask(f"/compare/report.html?runs={own},{other}&lang=en")
    assert fetched.status == 200
    assert b'id="comparison"' in fetched.body
    assert b"runs/other" in fetched.body
    assert fetched.headers["content-disposition"].endswith("comparison.report.html")
    assert not (run / "report.html").exists()
    assert server.ask("/compare/report.html?runs=nothing").status == 404
    assert server.ask(f"/compare/report.html?runs={','.join(map(str, range(30)))}").status == 400


def test_a_study_has_one_too(run, key):
    server, _ = key
    study = run.parent / "mine"
    study.mkdir()
    claim = {"id": "one", "text": "It spikes.", "verdict": "holds"}
    content = {"schema": 1, "study": "mine", "arms": [], "rows": [], "claims": [claim]}
    (study / "results.json").write_text(json.dumps(content))
    server.app.state.index.refresh()
    assert server.post(f"/api/study/{id_of('mine')}/report", {}).json()["file"] == "runs/mine/report.html"
    assert b"It spikes." in server.ask(f"/study/{id_of('mine')}/report.html").body


@pytest.mark.slow
def test_the_demo_hands_it_over_and_stays_as_it_is(serving, wait_for):
    before = {path: path.stat().st_mtime_ns for path in SET.rglob("*")}
    with serving(SET, demo=True) as server:
        wait_for(lambda: server.app.state.index.ready)
        own = id_of("learning-rate-doubled")
        assert server.post(f"/api/run/{own}/report", {}).status == 403
        fetched = server.ask(f"/run/{own}/report.html?lang=en")
    assert (fetched.status, MARK in fetched.body[:200]) == (200, True)
    assert b"demo:learning-rate-doubled" in fetched.body
    assert str(SET).encode() not in fetched.body
    assert {path: path.stat().st_mtime_ns for path in SET.rglob("*")} == before


def test_a_server_that_ends_waits_for_no_report(tmp_path: Path, make_run):
    run = make_run(tmp_path / "runs" / "run")

    async def ended() -> None:
        reports = Reports()
        waiting = asyncio.create_task(reports.write(tmp_path, [str(run)]))
        await asyncio.sleep(0)
        reports.end()
        with pytest.raises(Failed):
            await waiting

    asyncio.run(ended())
    assert not (run / "report.html").exists()
