"""A server from its start to its end: loading, keys, restarts of workers, hot reload, draining."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from newllm.serve.keys import new_key

STUB_SERVER = Path(__file__).with_name("stub_server.py")


def test_a_conversation_goes_on_after_a_restart(serving: Any, run: Path, tmp_path: Path) -> None:
    asked = {"input": "the whale", "max_output_tokens": 6, "seed": 1}
    with serving(run, "--store", tmp_path / "store") as served:
        first = served.ask("/v1/responses", asked).json()
        wanted = served.ask("/v1/responses", asked | {"previous_response_id": first["id"]}).json()
        os.kill(served.process.pid, signal.SIGKILL)  # what was stored is on the disk
        served.process.wait()
    with serving(run, "--store", tmp_path / "store") as served:
        again = served.ask("/v1/responses", asked | {"previous_response_id": first["id"]}).json()
        assert again["output"][0]["content"] == wanted["output"][0]["content"]
        assert again["usage"] == wanted["usage"]
        assert served.ask(f"/v1/responses/{first['id']}").json() == first
        assert served.metric("newllm_store_entries") == 3


@pytest.mark.slow
def test_another_model_refuses_a_conversation(serving: Any, run: Path, make_run: Any, tmp_path: Path) -> None:
    asked = {"model": "talker", "input": "a", "max_output_tokens": 2}
    other = make_run("talker", seed=1)
    with serving(run, "--store", tmp_path / "store") as served:
        first = served.ask("/v1/responses", asked).json()
    with serving(other, "--store", tmp_path / "store") as served:
        refused = served.ask("/v1/responses", asked | {"previous_response_id": first["id"]})
        assert refused.status == 400
        assert refused.json()["error"]["code"] == "invalid_state"
    third = make_run("walker")
    with serving(run, third) as served:
        first = served.ask("/v1/responses", asked).json()
        refused = served.ask("/v1/responses", asked | {"model": "walker", "previous_response_id": first["id"]})
        assert "is of model 'talker', not of 'walker': go on with that model" in refused.error
        assert "several models are served, name one of them as model: talker, walker" in served.complete("a").error
        assert served.ask("/health").json() == {"status": "ok"}


@pytest.mark.slow
def test_a_worker_that_is_killed_is_started_again(serving: Any, run: Path, wait_for: Any) -> None:
    with serving(run) as served:
        worker = _child(served.process.pid)
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        asked = {"prompt": "a", "max_tokens": 1_000_000, "n": 100, "stream": True}  # some end by themselves
        connection.request("POST", "/v1/completions", json.dumps(asked), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.readline().startswith(b"data: {")
        os.kill(worker, signal.SIGKILL)
        last = [line for line in answer.read().splitlines() if line.startswith(b"data: ")][-1]
        connection.close()
        message = json.loads(last[6:])["error"]["message"]
        assert message == "the process of model 'talker' ended (signal SIGKILL): send the request again"
        wait_for(lambda: served.ask("/health").status == 200)
        assert served.complete("a", max_tokens=3).status == 200
        assert _child(served.process.pid) != worker
        assert served.metric("newllm_worker_restarts_total") == 1
        assert served.logged("worker_ended")["why"] == "signal SIGKILL"


def test_a_newer_snapshot_is_loaded_while_the_old_one_finishes(serving: Any, tmp_path: Path, wait_for: Any) -> None:
    with serving(tmp_path / "stub", stub=True) as served:
        old, worker = served.ask("/v1/models/stub").json()["fingerprint"], _child(served.process.pid)
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(served.complete("slow", max_tokens=20)))
        thread.start()
        _until_busy(served)
        served.process.send_signal(signal.SIGHUP)
        served.logged("loaded", 2)
        now = served.ask("/v1/models/stub").json()["fingerprint"]
        assert now != old
        assert served.complete("a").json()["system_fingerprint"] == f"fp_{now[:16]}"
        assert found == []
        thread.join()
        assert found[0].status == 200
        assert found[0].json()["system_fingerprint"] == f"fp_{old[:16]}"
        assert found[0].json()["usage"]["completion_tokens"] == 20
        wait_for(lambda: not Path(f"/proc/{worker}").exists())
        time.sleep(0.3)
        assert served.metric("newllm_worker_restarts_total") == 0  # it was not missed
        os.kill(_child(served.process.pid), signal.SIGKILL)  # the new one is watched as the old one was
        served.logged("loaded", 3)
        assert len([line for line in served.log if line["event"] == "worker_ended"]) == 1


def test_a_snapshot_that_cannot_be_loaded_changes_nothing(serving: Any, tmp_path: Path) -> None:
    with serving(tmp_path / "stub", stub=True) as served:
        (tmp_path / "stub").write_text("fail")
        served.process.send_signal(signal.SIGHUP)
        assert served.logged("reload_failed")["error"] == f"'{tmp_path / 'stub'}' is no run"
        assert served.complete("a").status == 200
        os.kill(_child(served.process.pid), signal.SIGKILL)
        served.logged("restart_failed")
        served.logged("restart_failed", 2)
        assert served.complete("a").error == "model 'stub' is being loaded: try again soon"
        (tmp_path / "stub").unlink()
        served.logged("loaded", 2)
        assert served.complete("a").status == 200


def test_sigterm_lets_running_requests_finish(serving: Any, tmp_path: Path) -> None:
    with serving(tmp_path / "stub", stub=True) as served:
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(served.complete("slow", max_tokens=15)))
        thread.start()
        _until_busy(served)
        served.process.send_signal(signal.SIGTERM)
        served.logged("draining")
        health, refused = served.ask("/health"), served.complete("a")
        assert (health.status, health.json()) == (503, {"status": "draining"})
        assert refused.status == 503
        assert "is ending and takes no new requests" in refused.error
        assert refused.headers["retry-after"] == "1"
        thread.join()
        assert (found[0].status, len(found[0].json()["choices"][0]["text"])) == (200, 15)
        assert served.process.wait(20) == 128 + signal.SIGTERM


@pytest.mark.parametrize("signals", [1, 2])
def test_what_does_not_end_is_ended(serving: Any, tmp_path: Path, signals: int) -> None:
    environment = {"STUB_DRAIN": "0.3" if signals == 1 else "100"}
    with serving(tmp_path / "stub", stub=True, environment=environment) as served:
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(served.complete("hang")))
        thread.start()
        _until_busy(served)
        served.process.send_signal(signal.SIGTERM)
        if signals == 2:
            served.logged("draining")
            served.process.send_signal(signal.SIGTERM)
        thread.join(20)
        assert found[0].status == 503
        assert "the server ends" in found[0].error
        assert served.process.wait(20) == 128 + signal.SIGTERM


@pytest.mark.parametrize("is_cut", [False, True])
def test_sigterm_waits_until_an_answer_is_read(serving: Any, ask_slowly: Any, tmp_path: Path, is_cut: bool) -> None:
    environment = {"STUB_DRAIN": "0.3" if is_cut else "60"}
    with serving(tmp_path / "stub", stub=True, environment=environment) as served, ask_slowly(served) as (total, read):
        served.process.send_signal(signal.SIGTERM)
        served.logged("draining")
        if is_cut:
            served.process.wait(20)
        assert (read(10**9 if is_cut else 1_700_000) < total) == is_cut
        assert served.process.wait(20) == 128 + signal.SIGTERM
        assert served.logged("request").get("error") == ("cut before the client had read all of it" if is_cut else None)


def test_a_body_that_is_on_its_way_at_sigterm_is_told_that_the_server_ends(serving: Any, tmp_path: Path) -> None:
    with (
        serving(tmp_path / "stub", stub=True) as served,
        socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection,
    ):
        head = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(head + b'Content-Length: 15\r\n\r\n{"prompt":')
        served.complete("a")  # by now the first one has come
        served.process.send_signal(signal.SIGTERM)
        served.logged("draining")
        time.sleep(0.5)
        connection.sendall(b' "a"}')
        answer = b""
        while more := connection.recv(1 << 16):
            answer += more
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"this server is ending and takes no new requests" in answer


def test_a_model_that_cannot_be_loaded_ends_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "newllm", "serve", str(tmp_path / "nothing"), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""
    assert [line for line in done.stderr.splitlines() if line.startswith("newllm: ")] != []
    assert "nothing" in done.stderr


def test_health_says_that_it_is_loading(tmp_path: Path, wait_for: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(STUB_SERVER), "serve", str(tmp_path / "stub"), "--port", str(port)]
    environment = {**os.environ, "STUB_SLEEP": "1.5"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:

        def status(path: str, body: bytes | None = None) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            with contextlib.closing(connection), contextlib.suppress(OSError):
                connection.request("POST" if body else "GET", path, body, {"Content-Type": "application/json"})
                return connection.getresponse().status
            return 0

        assert wait_for(lambda: status("/health")) == 503
        assert status("/v1/completions", b'{"prompt": "a"}') == 503
        wait_for(lambda: status("/health") == 200)
        process.terminate()
        assert process.stdout is not None
        assert process.stdout.read().decode().startswith(f"newllm serve: http://127.0.0.1:{port}/v1 (stub)\n")


def test_keys_are_read_again(serving: Any, tmp_path: Path, wait_for: Any) -> None:
    keys = tmp_path / "keys.toml"
    (alice, lines), (bob, more) = new_key("alice"), new_key("bob")
    keys.write_text(f"{lines}\nrequests_per_minute = 3\nstreams = 1\n")
    with serving(tmp_path / "stub", "--keys", keys, stub=True) as served:
        assert served.ask("/health").status == 200
        for header in ({}, {"Authorization": f"Bearer {bob}"}, {"Authorization": alice}, {"Authorization": "Bearer "}):
            refused = served.ask("/v1/models", **header)
            assert (refused.status, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        assert served.ask("/metrics").status == 401
        with_key = {"Authorization": f"Bearer {alice}", "Host": "any.example"}
        assert served.ask("/v1/models", **with_key).status == 200
        assert "at most 1 may be written" in served.ask("/v1/completions", {"prompt": "a", "n": 2}, **with_key).error
        assert served.ask("/v1/completions", {"prompt": "a"}, **with_key).status == 200
        mine = served.ask("/v1/responses", {"input": "a"}, **with_key).json()
        many = served.ask("/v1/completions", {"prompt": "a"}, **with_key)
        assert many.status == 429
        assert 50 < int(many.headers["retry-after"]) < 62
        assert "key 'alice' may send 3 requests a minute" in many.error
        keys.write_text(f"{lines}\n{more}\n")
        served.process.send_signal(signal.SIGHUP)
        other = {"Authorization": f"Bearer {bob}"}
        wait_for(lambda: served.ask("/v1/models", **other).status == 200)
        assert served.ask(f"/v1/responses/{mine['id']}", **with_key).status == 200
        assert served.ask(f"/v1/responses/{mine['id']}", **other).status == 404
        assert served.ask(f"/v1/responses/{mine['id']}", method="DELETE", **other).status == 404
        gone_on = served.ask("/v1/responses", {"input": "b", "previous_response_id": mine["id"]}, **other)
        assert gone_on.json()["error"]["code"] == "previous_response_not_found"
        assert {line.get("key") for line in served.log if line["event"] == "request"} == {None, "alice", "bob"}
        keys.write_text("nonsense")
        served.process.send_signal(signal.SIGHUP)
        assert "keys.toml' cannot be read" in served.logged("reload_failed")["error"]
        assert served.ask("/v1/models", **other).status == 200
    assert alice not in str(served.log) + str(served.said)


def _until_busy(served: Any) -> None:
    while served.metric("newllm_requests_in_progress") == 0:
        time.sleep(0.02)


def _child(pid: int) -> int:
    """The worker of a server."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)
