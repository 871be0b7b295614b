"""One strange run, or one strange request, must not take the page from all the others."""

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from newllm.checksum import read_checked
from newllm.trace import TraceWriter
from newllm.ui import compare_api, diagnoses, runs_api
from newllm.ui.index import Index


@pytest.fixture
def root(tmp_path, make_run):
    make_run(tmp_path / "runs" / "good")
    return tmp_path / "runs"


def strange_message(run):
    summary = read_checked(run / "summary.json")
    (run / "summary.json").write_text(json.dumps(summary | {"status": "failed", "message": "half \ud800"}))


def strange_signal(run):
    with (run / "trace.jsonl").open("a") as file:
        file.write(json.dumps({"step": 51, "\ud800": 1.0}) + "\n")


@pytest.mark.parametrize("spoil", [strange_message, strange_signal])
def test_text_that_cannot_be_encoded_is_sent(root, make_run, serving, spoil):
    spoil(make_run(root / "strange"))
    with serving(root) as server:
        both = ",".join(server.id_of(name) for name in ("good", "strange"))
        assert server.ask(f"/api/compare?runs={both}").status == 200
        assert server.ask(f"/api/run/{server.id_of('strange')}/sections").status == 200


def test_a_name_of_any_bytes_is_listed(root, make_run, serving, wait_for):
    try:
        make_run(root / os.fsdecode(b"bytes-\xff"))
    except OSError:
        pytest.skip("this file system takes no such name")
    with serving(root) as server:
        assert wait_for(lambda: len(server.ask("/api/runs").json()["runs"]) == 2)


@pytest.mark.parametrize(
    "damaged", ['{"step": 51, "loss": 1.2.3}', '{"step": 51, "loss": 1e}', '{"step": 51, "loss": 01}']
)
def test_one_damaged_line_takes_no_curve_from_the_other_runs(root, make_run, serving, damaged):
    with (make_run(root / "strange") / "trace.jsonl").open("a") as file:
        file.write(f"{damaged}\n")
    with serving(root) as server:
        good, strange = (server.id_of(name) for name in ("good", "strange"))
        curves = server.ask(f"/api/sparks?ids={strange},{good}").json()
        assert len(curves[good]["x"]) == 50


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [("/api/runs?since=%C2%B2", {}, 200), ("/", {"Origin": "http://["}, 403), ("/", {"Origin": "http://[::1"}, 403)],
)
def test_strange_requests_are_no_defect(served, path, headers, status):
    assert served.ask(path, **headers).status == status


def test_a_strange_version_is_none(served):
    with served.events(f"/api/run/{served.id_of('plain')}/live?version=%C2%B2") as events:
        assert events.until("sections")["changed"] == ["*"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["summary.json", "config.toml", "trace.jsonl", "findings.json", "trace.blocks"])
def test_a_pipe_in_place_of_a_file_holds_nobody_up(root, make_run, serving, wait_for, name):
    run = make_run(root / "strange")
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name)
    with serving(root) as server:
        key = server.id_of("strange")
        make_run(root / "later")
        wait_for(lambda: len(server.ask("/api/runs").json()["runs"]) == 3)
        for path in (f"/api/sparks?ids={key}", f"/api/run/{key}/sections"):
            assert server.ask(path).status == 200


@contextlib.contextmanager
def as_nobody():
    """Root sees everything: be another user meanwhile, where we are root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_a_directory_does_not_let_us_see_is_told(make_run):
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to others
        root = Path(folder)
        root.chmod(0o755)
        make_run(root / "good")
        run = make_run(root / "strange")
        run.chmod(0o444)  # it may be listed, and not entered
        try:
            with as_nobody():
                index = Index(root)
                index.refresh()
        finally:
            run.chmod(0o755)
    found = {entry.name: entry.problems for entry in index.since(0)[1]}
    assert found["good"] == ()
    assert "cannot be read" in str(found["strange"][0])


def test_the_list_of_a_server_before_is_given_anew(root, make_run, serving):
    with serving(root) as server:
        server.id_of("good")
        before = server.ask("/api/runs").json()
    make_run(root / "later")
    with serving(root) as server:
        server.id_of("later")
        answer = server.ask(f"/api/runs?since={before['version']}").json()
        assert answer["whole"]
        assert {run["name"] for run in answer["runs"]} == {"good", "later"}
        assert not server.ask(f"/api/runs?since={answer['version']}").json()["whole"]


def test_findings_are_of_the_trace_that_is_shown(root, serving):
    """The trace was let go of meanwhile, for others that were looked at, and has grown."""
    with serving(root) as server:
        key = server.id_of("good")
        assert "Nothing wrong" in server.ask(f"/api/run/{key}/sections").body.decode()
        with TraceWriter(root / "good" / "trace.jsonl") as writer:
            for step in range(51, 90):
                writer.write(step, loss=float("nan"))
        server.app.state.traces._held.clear()
        kept = server.app.state.diagnoses
        kept._found = {place: (of, 0.0, findings) for place, (of, _, findings) in kept._found.items()}  # time passed
        assert "Nothing wrong" not in server.ask(f"/api/run/{key}/sections").body.decode()


@pytest.mark.parametrize("name", ["trace.jsonl", "trace.blocks"])
def test_a_trace_that_leads_out_is_not_read(root, tmp_path, make_run, serving, name):
    run, outside = make_run(root / "strange"), make_run(tmp_path / "outside")
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(outside / "trace.jsonl")
    with serving(root) as server:
        key = server.id_of("strange")
        assert server.ask(f"/api/sparks?ids={key}").json() == {key: {}}
        assert server.ask(f"/api/run/{key}/window?name=loss").json() == {}
        assert "leads out" in server.ask(f"/api/run/{key}/sections").json()["problems"]


def test_a_line_that_is_no_signal_is_not_answered_with_nothing(served):
    """A zoom would take the drawn points away."""
    key = served.id_of("plain")
    assert served.ask(f"/api/run/{key}/window?name=replayed&name=loss").json().keys() == {"loss"}


def test_a_run_that_goes_while_it_is_compared_is_told(root, make_run, serving, monkeypatch):
    run = make_run(root / "going")
    with serving(root) as server:
        both = ",".join(server.id_of(name) for name in ("good", "going"))
        index, read = server.app.state.index, compare_api.read_source

        def slow(place, **known):
            source = read(place, **known)
            shutil.rmtree(run, ignore_errors=True)
            index.refresh()
            return source

        monkeypatch.setattr(compare_api, "read_source", slow)
        answer = server.ask(f"/api/compare?runs={both.split(',')[1]},{both.split(',')[0]}")
        assert answer.status == 200
        assert [one["name"] for one in answer.json()["runs"]] == ["going", "good"]


def test_a_job_that_cannot_be_started_is_over(root, serving, monkeypatch):
    with serving(root) as server:
        key = server.id_of("good")

        async def full(*_arguments, **_named):
            raise OSError(24, "Too many open files")

        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "create_subprocess_exec", full)
            refused = server.post(f"/api/run/{key}/jobs", {"kind": "doctor"})
        assert refused.status == 400
        assert "Too many open files" in refused.json()["error"]
        assert server.post(f"/api/run/{key}/jobs", {"kind": "doctor"}).status == 201


def test_no_request_for_points_is_answered_without_bound(served, monkeypatch):
    monkeypatch.setattr(runs_api, "_MOST_TOGETHER", 64 * 10)
    names = "&".join(["name=loss", *(f"name={number}" for number in range(63))])
    loss = served.ask(f"/api/run/{served.id_of('plain')}/window?{names}&points=1e9").json()["loss"]
    assert len(loss["x"]) < 20


def test_nothing_wrong_is_said_only_of_what_the_doctor_has_read(root, serving, monkeypatch):
    monkeypatch.setattr(diagnoses, "_MOST_POINTS", 10)
    findings = root / "good" / "findings.json"
    findings.write_text('{"schema": 1, "findings": []}')
    with serving(root) as server:
        page = f"/api/run/{server.id_of('good')}/sections"
        assert "Nothing wrong" in server.ask(page).body.decode()
        os.utime(findings, (1e9, 1e9))
        said = server.ask(page).body.decode()
        assert "Nothing wrong" not in said
        assert "press Doctor" in said
