"""Processes of a training that do not come to the others, or end before all have come."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest


def _launched(size: int, **more: str) -> list[dict[str, str]]:
    """Return the environment of each process, as a launcher without a store of its own sets it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, **more}
    return [{**common, "RANK": str(rank)} for rank in range(size)]


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_waits_for_another_obeys_a_signal_at_once(rank, newllm, text, tiny, tmp_path) -> None:
    process = newllm.start("train", text, *tiny, "--out", tmp_path / "run", environment=_launched(2)[rank])
    time.sleep(1.5)  # it waits by now, or is about to: both must hear it
    since = time.monotonic()
    process.send(signal.SIGTERM)
    assert process.wait() == 128 + signal.SIGTERM
    assert time.monotonic() - since < 3
    assert process.stderr == ("newllm: stopped\n" if rank == 0 else "")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("missing", [0, 1, 2])
def test_who_is_missing_is_said_after_ten_seconds_and_at_the_end(missing, newllm, text, tiny) -> None:
    environments = _launched(3, NEWLLM_JOIN_SECONDS="14")
    there = [rank for rank in range(3) if rank != missing]
    processes = [newllm.start("train", text, *tiny, environment=environments[rank]) for rank in there]
    since = time.monotonic()
    assert [process.wait() for process in processes] == [2, 2]
    assert 13 < time.monotonic() - since < 40
    says = processes if missing == 0 else processes[:1]  # nobody can reach anybody where the first one is missing
    for rank, process in zip(there, says, strict=False):
        who = f"rank {rank}: " if rank else ""
        yet, end = process.stderr.splitlines()
        assert yet.startswith(f"newllm: {who}rank {missing} of 3 has not come yet")
        assert end.startswith(f"newllm: {who}rank {missing} of 3 did not come within 14 s")
        assert "NEWLLM_JOIN_SECONDS" in end
    assert [process.stderr for process in processes[len(says) :]] == [""] * (2 - len(says))


@pytest.mark.slow
def test_a_process_that_comes_after_the_others_spoke_trains_with_them(newllm, text, tiny, tmp_path) -> None:
    environments = _launched(2)
    options = ["train", text, *tiny, "--out", tmp_path / "run", "--steps", 4, "--quiet"]
    first = newllm.start(*options, environment=environments[0])
    time.sleep(12)
    second = newllm.start(*options, environment=environments[1])
    assert [first.wait(), second.wait()] == [0, 0], first.stderr
    assert "rank 1 of 2 has not come yet" in first.stderr


def test_a_rank_outside_of_its_world_is_refused(newllm, text) -> None:
    (environment, _) = _launched(2)
    process = newllm.start("train", text, environment={**environment, "RANK": "2"})
    assert process.wait() == 2
    assert "RANK is 2 in the environment: with a WORLD_SIZE of 2 it must be 0 to 1" in process.stderr


_PLANTED = """
import os, signal, sys, threading, time
where, victim = os.environ["WHERE"], os.environ["VICTIM"] == os.environ["RANK"]

def strike():
    if victim:
        open("struck", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)

if where == "import":
    strike()
from newllm.cli.main import main
from newllm.training import peers
from newllm.training.journal import Journal
from newllm.training.step import Stepper

meet, stepped, update = peers.meet, Journal.stepped, Stepper.update

def met(*arguments):
    known = meet(*arguments)
    if where == "connecting":
        strike()
    return known

def slowly(journal, report, *arguments):
    stepped(journal, report, *arguments)
    if where == "between" and report.step == 12:
        time.sleep(3)

def updated(stepper, step):
    report = update(stepper, step)
    if where == "between" and report.step == 12:
        threading.Timer(1, strike).start()
    return report

peers.meet, Journal.stepped, Stepper.update = met, slowly, updated
sys.exit(main(sys.argv[1:]))
"""


def _torchrun(folder: Path, own: dict[str, str], size: int, *options: object) -> tuple[list[str], float]:
    """Train under torchrun with a rank that is killed; return newllm's lines, and the seconds from then to the end."""
    (folder / "planted.py").write_text(_PLANTED)
    port = _launched(size)[0]["MASTER_PORT"]
    launch = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={size}", f"--master-port={port}"]
    command = [*launch, "planted.py", "train", *map(str, options), "--out", "run", "--quiet"]
    with subprocess.Popen(command, cwd=folder, env=own, stderr=subprocess.PIPE, text=True) as launcher:
        try:
            said = launcher.communicate(timeout=120)[1]
        finally:
            launcher.terminate()
    ended = time.time()
    assert launcher.returncode == 1, said
    lines = [line for line in said.splitlines() if line.startswith("newllm: ")]
    return lines, ended - (folder / "struck").stat().st_mtime


@pytest.mark.slow
@pytest.mark.parametrize(("where", "victim", "size"), [("import", 0, 2), ("import", 1, 2), ("connecting", 1, 3)])
def test_torchrun_ends_all_where_one_is_killed_before_it_has_come(
    where, victim, size, text, tiny, tmp_path, environment
) -> None:
    own = {**environment, "WHERE": where, "VICTIM": str(victim)}
    lines, seconds = _torchrun(tmp_path, own, size, text, *tiny)
    assert seconds < 10
    assert lines in ([], ["newllm: stopped by SIGTERM, which torchrun sends to all processes when one has ended"])


@pytest.mark.slow
@pytest.mark.parametrize(("victim", "size"), [(1, 2), (2, 4)])
def test_a_run_that_torchrun_stops_says_which_rank_is_gone(
    victim, size, newllm, text, tiny, tmp_path, environment
) -> None:
    """Rank 0 is busy by itself when another is killed: it hears SIGTERM before it sees the loss."""
    own = {**environment, "WHERE": "between", "VICTIM": str(victim)}
    _torchrun(tmp_path, own, size, text, *tiny, "--set", "data.batch=4")
    summary = json.loads((tmp_path / "run/summary.json").read_bytes())
    assert (summary["status"], summary["step"]) == ("interrupted", 12)
    assert summary["message"].startswith(f"stopped by SIGTERM after step 12: rank {victim} of this training is gone (")
    newllm.run("train", "--resume", tmp_path / "run", "--steps", 14, "--quiet")


@pytest.mark.slow
def test_a_rank_0_that_is_killed_is_told_by_the_first_of_the_others(text, tiny, tmp_path, environment) -> None:
    own = {**environment, "WHERE": "between", "VICTIM": "0"}
    (line,), _ = _torchrun(tmp_path, own, 3, text, *tiny, "--set", "data.batch=3")
    assert line.startswith("newllm: rank 1: rank 0 of this training is gone (")
    assert line.endswith(f"--resume {tmp_path / 'run'} to go on")
