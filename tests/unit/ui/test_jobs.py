import asyncio
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from newllm.child_process import supervised
from newllm.ui import command
from newllm.ui import jobs as module
from newllm.ui.job_progress import Progress
from newllm.ui.jobs import _REMEMBERED, Job, Jobs


@pytest.fixture
def run(tmp_path, make_run):
    return make_run(tmp_path / "run")


def ended(server, run, wait_for):
    def job():
        listed = server.ask(f"/api/run/{run}/jobs").json()["jobs"]
        return next((one for one in listed if one["state"] not in ("running", "stopping")), None)

    return wait_for(job, 60)


@pytest.mark.slow
def test_the_doctor_runs_and_its_findings_are_kept(run, serving, wait_for):
    with serving(run.parent) as server:
        key = server.id_of("run")
        started = server.post(f"/api/run/{key}/jobs", {"kind": "doctor"})
        assert (started.status, started.json()["state"]) == (201, "running")
        again = server.post(f"/api/run/{key}/jobs", {"kind": "doctor"})
        assert again.status == 409
        assert "going on" in again.json()["error"]
        job = ended(server, key, wait_for)
        assert job["state"] == "done"
        assert job["result"]["judged"] is True
        found = json.loads((run / "findings.json").read_text())["findings"]
        assert sum(job["result"]["counts"].values()) == len(found)
        wait_for(lambda: "findings" in next(iter(server.ask("/api/runs").json()["runs"])))


@pytest.mark.slow
def test_what_fails_says_why(run, serving, wait_for):
    (run / "config.toml").write_text("damaged = ")
    with serving(run.parent) as server:
        key = server.id_of("run")
        assert server.post(f"/api/run/{key}/jobs", {"kind": "replay", "budget": 5}).status == 201
        job = ended(server, key, wait_for)
        assert job["state"] == "failed"
        assert job["result"]["said"].startswith("newllm: ")


@pytest.mark.slow
def test_a_job_is_stopped(run, serving, wait_for):
    with serving(run.parent) as server:
        key = server.id_of("run")
        job = server.post(f"/api/run/{key}/jobs", {"kind": "replay", "budget": 5}).json()["id"]
        assert server.post(f"/api/jobs/{job}/stop", {}).json()["state"] == "stopping"
        assert ended(server, key, wait_for)["state"] == "stopped"
        assert server.post("/api/jobs/none/stop", {}).status == 404


@pytest.mark.parametrize(
    ("sent", "status"),
    [({"kind": "train"}, 400), ({}, 400), ({"kind": "replay"}, 400), ({"kind": "replay", "budget": 0}, 400),
     ({"kind": "replay", "budget": "300; ls"}, 400), ({"kind": "replay", "budget": 1e12}, 400), ([], 400),
     ({"kind": "replay", "budget": True}, 400), ({"kind": "--help"}, 400)],
)  # fmt: skip
def test_what_is_no_job_is_refused(served, sent, status):
    assert served.post(f"/api/run/{served.id_of('plain')}/jobs", sent).status == status


def test_no_json_is_no_job(served):
    jobs = f"/api/run/{served.id_of('plain')}/jobs"
    assert served.ask(jobs, "POST", b"{nonsense", Content_Type="application/json").status == 400
    assert served.post("/api/run/../jobs", {"kind": "doctor"}).status in (404, 405)


def leash(stdin, *arguments):
    command = supervised([sys.executable, "-P", "-m", "newllm.cli.main", *arguments], 20)
    return subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def child_of(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the second where it goes while it is read
        return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="looks at processes through /proc")
@pytest.mark.parametrize("end", ["close", "kill"])
def test_a_command_ends_with_who_started_it(tmp_path, make_run, wait_for, end):
    run = make_run(tmp_path / "run", status="running")
    read, write = os.pipe()
    held = leash(read, "doctor", str(run), "--watch", "--json")  # a command that goes on until it is told to end
    os.close(read)
    command = wait_for(lambda: child_of(held.pid))[0]
    if end == "close":
        assert lives(command)
        os.close(write)
    else:  # whoever holds the other end is gone: the input ends as well
        holder = subprocess.Popen(["sleep", "60"], stdout=write)
        os.close(write)
        time.sleep(0.3)
        assert lives(command)
        holder.kill()
        holder.wait()
    # The code is the command's: 0 where it watched a healthy run, else stopped before that, or before it listened.
    assert held.wait(30) in (0, 1, 128 + signal.SIGTERM)
    assert not lives(command)


@pytest.mark.slow
def test_jobs_end_with_the_server(tmp_path, make_run, started, wait_for):
    run = make_run(tmp_path / "runs" / "run")
    with started(str(run.parent), "--port", "0", "--json") as server:
        port = int(json.loads(server.stdout.readline())["url"].rsplit(":", 1)[1].strip("/"))

        def ask(method, path, body=None):
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
                connection.request(method, path, body, {"Content-Type": "application/json"})
                return json.loads(connection.getresponse().read())

        key = wait_for(lambda: ask("GET", "/api/runs")["runs"])[0]["id"]
        ask("POST", f"/api/run/{key}/jobs", b'{"kind": "replay", "budget": 100}')
        held = wait_for(lambda: child_of(server.pid))[0]
        command = wait_for(lambda: child_of(held))[0]
        server.kill()
        server.wait()
        wait_for(lambda: not lives(command))


def test_only_the_oldest_jobs_that_have_ended_are_forgotten():
    jobs = Jobs()
    for number in range(_REMEMBERED + 2):
        state = "running" if number in (0, 3) else "done"
        jobs._jobs[str(number)] = Job(str(number), "doctor", "run", Path("run"), None, state=state)
    jobs._forget()
    assert [number for number in range(_REMEMBERED + 2) if jobs.get(str(number)) is None] == [1, 2]
    jobs._forget()
    assert len(jobs.of("run")) == _REMEMBERED


@pytest.mark.slow
def test_a_job_that_is_starting_when_all_is_closed_ends_too(run):
    async def both():
        jobs = Jobs()
        starting = asyncio.create_task(jobs.start("replay", "run", run, 100.0))
        await asyncio.sleep(0)
        (job,) = jobs.of("run")
        assert job.process is None
        try:
            await jobs.close()
            assert job.state == "stopping"
        finally:
            assert await starting is job
            await jobs.close()
        assert job.process is not None
        assert job.process.returncode is not None
        return job.state

    assert asyncio.run(both()) == "stopped"


class Pieces:
    """A stream that gives its content in these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    async def read(self, _: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


def test_progress_is_taken_line_by_line_however_it_comes() -> None:
    def taken(*pieces: bytes) -> list[bytes]:
        lines: list[bytes] = []
        progress = Progress()
        progress.take = lines.append  # pyrefly: ignore
        asyncio.run(module._take_lines(Pieces(*pieces), progress))  # pyrefly: ignore
        return lines

    assert taken(b"a\nb", b"c\nd\n", b"cut off by a ki") == [b"a", b"bc", b"d"]
    assert taken() == []
    assert taken(b"x" + b"y" * 4096, b"\n") == [b"y" * 4096]  # the end of a line without an end


def test_the_last_line_that_says_something_is_kept_of_what_is_made_for_people() -> None:
    def last(*pieces: bytes) -> str:
        return asyncio.run(command.last_line_of(Pieces(*pieces)))  # pyrefly: ignore

    assert last(b"note\nnewllm: no", b"thing there\n", b"\n  \n") == "newllm: nothing there"
    assert last() == last(b"\n") == ""
    assert last(b"x" * 5000 + b"\x1b[2J\xff").startswith("x" * 150)
    assert len(last(b"x" * 5000)) <= 400


def test_so_much_of_an_output_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_LARGEST_OUTPUT", 4)
    for pieces, kept in (((b"abc", b"de", b"fg"), b"abcde"), ((b"abcd", b"e", b"f"), b"abcde")):
        assert asyncio.run(command.all_of(Pieces(*pieces))) == kept  # pyrefly: ignore


def test_of_replays_those_count_that_were_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, counts, told = Job("replay-1", "replay", "r", tmp_path, 9.0), [2, 2, 5, 1], list[int]()

    def count(_: Path) -> int:
        told.append(job.replayed)
        return counts.pop(0)

    monkeypatch.setattr(module, "_COUNTED", 0.0)
    monkeypatch.setattr(module, "replays_of", count)
    with pytest.raises(IndexError):  # there is no fifth count
        asyncio.run(module._count(job))
    assert told == [0, 0, 0, 3, 0]
    asyncio.run(module._count(Job("doctor-1", "doctor", "r", tmp_path, None)))
