"""One strange run, or one strange request, must not take the page from all the others."""

import json
import os

import pytest


@pytest.fixture
def root(tmp_path, make_run):
    make_run(tmp_path / "runs" / "good")
    return tmp_path / "runs"


def strange_message(run):
    summary = json.loads((run / "summary.json").read_text())
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
