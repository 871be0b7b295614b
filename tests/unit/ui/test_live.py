import json
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from newllm.checksum import read_checked
from newllm.trace import TraceWriter
from newllm.ui import columns as columns_module
from newllm.ui import live as live_module


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(live_module, "TICK", 0.1)
    monkeypatch.setattr(live_module, "_MADE_AGAIN", 0.2)
    monkeypatch.setattr(live_module, "_REST", 0)


@pytest.fixture
def run(tmp_path, make_run):
    return make_run(tmp_path / "run", status="running")


def live(server):
    key = server.id_of("run")
    told = server.ask(f"/api/run/{key}/sections").json()
    return f"/api/run/{key}/live?version={told['version']}&digest={told['digest']}"


def test_appended_rows_are_sent_and_nothing_else(run, serving):
    with (
        serving(run.parent) as server,
        server.events(live(server)) as events,
        TraceWriter(run / "trace.jsonl") as writer,
    ):
        events.until("status")
        for step in range(51, 54):
            writer.write(step, loss=1.5 if step != 52 else float("nan"), gradient_norm=float("inf"))
            writer.flush()
            sent = events.until("append", lambda content: "loss" in content["signals"])["signals"]
            assert sent["loss"] == {"x": [step], "y": [1.5 if step != 52 else "NaN"]}
            assert sent["gradient_norm"]["y"] == ["Infinity"]
        appended = [content for name, content in events.seen if name == "append"]
        assert sum(len(curve["x"]) for one in appended for curve in one["signals"].values()) == 6
        assert sum(len(json.dumps(one)) for one in appended) < 1000


def test_who_was_away_goes_on_where_it_was(run, serving):
    with serving(run.parent) as server:
        address = live(server)
        with TraceWriter(run / "trace.jsonl") as writer:
            writer.write(51, loss=1.25)
        with server.events(address) as events:
            assert events.until("append")["signals"]["loss"] == {"x": [51], "y": [1.25]}
        with server.events(address.split("?")[0] + "?version=99999") as events:
            assert events.until("sections")["changed"] == ["*"]


def test_a_resumed_run_is_fetched_anew(run, serving):
    from newllm.trace import truncate_after

    with serving(run.parent) as server, server.events(live(server)) as events:
        events.until("status")
        truncate_after(run / "trace.jsonl", 20)
        assert events.until("sections")["changed"] == ["*"]
        key = server.id_of("run")
        window = server.ask(f"/api/run/{key}/window?name=loss&from=0&to=100").json()
        assert window["loss"]["x"][-1] == 20


def test_a_verdict_of_the_doctor_changes_sections(run, serving):
    with serving(run.parent) as server, server.events(live(server)) as events:
        events.until("status")
        with TraceWriter(run / "trace.jsonl") as writer:
            for step in range(51, 90):
                writer.write(step, loss=float("nan"))
        assert set(events.until("sections")["changed"]) & {"verdict", "findings", "curves"}


def test_the_state_is_sent_when_it_changes(run, serving):
    with serving(run.parent) as server, server.events(live(server)) as events:
        assert events.until("status")["step"] == 50
        summary = read_checked(run / "summary.json")
        (run / "summary.json").write_text(json.dumps(summary | {"step": 77}))
        assert events.until("status", lambda state: state["step"] == 77)["status"] == "running"
        shutil.rmtree(run)
        assert events.until("status", lambda state: state["status"] == "gone") == {"status": "gone"}


def test_many_pages_do_not_multiply_the_reading(run, serving, monkeypatch, wait_for):
    looked = []
    look = columns_module.Columns._read_on

    def counted(self):
        looked.append(time.monotonic())
        look(self)

    with serving(run.parent) as server:
        address = live(server)
        monkeypatch.setattr(columns_module.Columns, "_read_on", counted)
        monkeypatch.setattr(live_module, "TICK", 0.25)
        streams = [server.events(address) for _ in range(12)]
        opened = [stream.__enter__() for stream in streams]
        for events in opened:
            events.until("status")
        before = len(looked)
        wait_for(lambda: len(looked) > before + 3)
        assert min(np.diff(looked[before:])) > 0.2
        with TraceWriter(run / "trace.jsonl") as writer:
            writer.write(51, loss=1.0)
        for events in opened:
            assert events.until("append")["signals"]["loss"]["x"] == [51]
        assert len(server.app.state.live.feeds) == 1
        for stream in streams:
            stream.__exit__(None, None, None)


def test_a_stream_ends_when_the_page_goes(run, serving, wait_for):
    with serving(run.parent) as server:
        with server.events(live(server)) as events:
            events.until("status")
            assert len(server.app.state.live.feeds) == 1
        wait_for(lambda: not server.app.state.live.feeds)


def test_streams_do_not_keep_the_server(run, serving, wait_for):
    with serving(run.parent, grace=600) as server:  # longer than `serving` waits for its end
        address, ended = live(server), threading.Event()

        def listen():
            with server.events(address) as events:
                while events.answer.readline():
                    pass
            ended.set()

        threading.Thread(target=listen, daemon=True).start()
        wait_for(lambda: server.app.state.live.feeds)
    assert ended.wait(20)


@pytest.mark.slow
def test_a_run_that_is_really_being_trained(tmp_path, text, tiny_settings, serving, wait_for):
    run = tmp_path / "runs" / "run"
    settings = [part for setting in tiny_settings for part in ("--set", setting)]
    command = [
        sys.executable,
        "-P",
        "-m",
        "newllm.cli.main",
        "train",
        str(text),
        "--out",
        str(run),
        "--quiet",
        *settings,
    ]
    run.parent.mkdir()
    with serving(run.parent) as server, subprocess.Popen([*command, "--steps", "50000"]) as training:
        try:
            wait_for((run / "trace.jsonl").is_file, 60)
            with server.events(live(server)) as events:
                first = events.until("append", lambda content: "loss" in content["signals"])["signals"]["loss"]["x"]
                later = events.until("append", lambda content: "loss" in content["signals"])["signals"]["loss"]["x"]
                assert first[-1] + 1 == later[0]
        finally:
            training.terminate()
