"""Ranks that wait for each other in vain are told by what each wrote; a training that goes on leaves no trace of it."""

import json
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import newllm
from newllm.diagnosis.ranks.stalls import read_stall
from newllm.integrations.recording import CallbackRecording
from newllm.recorder import flight
from newllm.recorder.flight import FlightWatch

STEPS, AT = 16, 12
EVER = 1000  # seconds


def _train(out: str, rank: int, *, before: Callable[[int], object], steps: int = STEPS) -> None:
    torch.manual_seed(0)
    model = DistributedDataParallel(nn.Linear(6, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    torch.manual_seed(rank + 1)
    with newllm.record(model, optimizer, out=out) as recorder:
        for step in range(1, steps + 1):
            time.sleep(0.1)  # rows are written once a second
            before(step)
            optimizer.zero_grad()
            loss = model(torch.randn(4, 6)).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss)


def load(rank: int) -> None:
    if rank == 1:
        time.sleep(EVER)


def loader(out: str, rank: int) -> None:
    """Rank 1 waits for its data."""
    _train(out, rank, before=lambda step: load(rank) if step == AT else None)


def skips(out: str, rank: int) -> None:
    """Rank 1 leaves a broadcast out, so that its next collective meets that of the others."""

    def before(step: int) -> None:
        if step == AT and rank != 1:
            torch.distributed.broadcast(torch.zeros(21), 0)

    _train(out, rank, before=before)


def raises(out: str, rank: int) -> None:
    """Rank 1 leaves by an error, and its process goes on living."""

    def before(step: int) -> None:
        if step == AT and rank == 1:
            raise ArithmeticError("of this rank")

    try:
        _train(out, rank, before=before)
    except ArithmeticError:
        time.sleep(EVER)


def fewer(out: str, rank: int) -> None:
    """Rank 1 has fewer batches."""
    _train(out, rank, before=lambda _: None, steps=STEPS - 4 * rank)
    time.sleep(EVER * rank)


def evaluates(out: str, rank: int) -> None:
    """Rank 0 evaluates, for longer than is patience."""

    def before(step: int) -> None:
        if step == AT:
            time.sleep(0 if rank else 10)
            torch.distributed.barrier()
        if step in (AT, STEPS):
            time.sleep(1.5 * (step == STEPS))  # in which the files go
            (Path(out).parent / f"saw-{step}-{rank}").write_text(str(read_stall(Path(out))[0] is not None))

    _train(out, rank, before=before)


def callback(out: str, rank: int) -> None:
    """A framework's loop, whose callback hears of no error: rank 1 ends by one."""
    model = DistributedDataParallel(nn.Linear(6, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    recording = CallbackRecording(out, 10, None, None)
    recording.open(model, optimizer, resumed_at=None)
    for step in range(1, STEPS + 1):
        if (step, rank) == (AT, 1):
            raise ArithmeticError("of this rank")
        loss = model(torch.randn(4, 6)).square().mean()
        loss.backward()
        optimizer.step()
        recording.add_loss(loss)
        recording.end_step()


def _run(name: str, tmp_path: Path, size: int, *, ends: bool = False, **environment: str) -> Any:
    """Run until all have written, and kill them then; or until all end."""
    # This file is its own program: a spawned process finds no module of a test that pytest has imported by its place.
    out, place = tmp_path / "run", str(tmp_path / "meeting")
    own = {**os.environ, "NEWLLM_HANG_SECONDS": "1", **environment}
    words = [[sys.executable, __file__, name, str(rank), str(size), str(out), place] for rank in range(size)]
    started = [subprocess.Popen(one, env=own, stderr=subprocess.PIPE, text=True) for one in words]
    try:
        until = time.monotonic() + 120
        while any(process.poll() is None for process in started) if ends else not _all_wrote(out, size):
            assert time.monotonic() < until, "nothing was written"
            time.sleep(0.1)
    finally:
        for process in started:
            process.kill()
    said = [process.communicate()[1] for process in started]
    assert all("/newllm/recorder/" not in one for one in said), said
    return out, [process.returncode for process in started]


def _all_wrote(out: Path, size: int) -> bool:
    return len(list(out.glob("ranks/flight-*.json"))) == size


def _hang(out: Path) -> Any:
    found = [one for one in newllm.doctor(out, against=()).findings if one.kind == "hang"]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
def test_a_rank_that_waits_for_its_data_is_named(tmp_path: Path, size: int) -> None:
    out, _ = _run("loader", tmp_path, size)
    found = _hang(out)
    assert (found.severity, found.first_step) == ("warning", AT - 1)
    said = str(found.sentence)
    assert said.startswith("rank 1 has not come to all_reduce of 21 Float, number "), said
    assert ("of all ranks, and another rank waits (" if size == 2 else "of all ranks, and 2 ranks wait (") in said
    assert said.endswith(
        f"s or more after step {AT - 1}): it was at test_flight.py:{_line('time.sleep(EVER)')} in load"
    )


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
def test_ranks_in_different_collectives_are_told(tmp_path: Path, size: int) -> None:
    out, _ = _run("skips", tmp_path, size)
    said = str(_hang(out).sentence)
    assert said.startswith("the ranks wait in different collectives: rank "), said
    broadcast, place = "broadcast of 21 Float, number ", f"test_flight.py:{_line('torch.distributed.broadcast(')} in "
    assert broadcast in said
    assert place in said
    assert "rank 1 in all_reduce of 21 Float, number " in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("raises", f"it had left after step {AT - 1} with ArithmeticError, at test_flight.py:"),
        ("fewer", f"it had ended its recording after step {STEPS - 4}"),
    ],
)
def test_a_rank_that_has_left_is_named(tmp_path: Path, name: str, why: str) -> None:
    out, _ = _run(name, tmp_path, 2)
    said = str(_hang(out).sentence)
    assert said.startswith("rank 1 has not come to all_reduce of 21 Float, number "), said
    assert f": {why}" in said


@pytest.mark.slow
def test_the_error_that_ends_a_framework_is_kept(tmp_path: Path) -> None:
    out, codes = _run("callback", tmp_path, 2, ends=True)
    assert codes[1] == 1
    content = json.loads((out / "ranks/flight-00001.json").read_bytes())
    assert (content["state"], content["error"], content["step"]) == ("failed", "ArithmeticError", AT - 1)
    assert content["place"].endswith(" in callback")


@pytest.mark.slow
def test_a_slow_evaluation_is_no_alarm_once_it_is_over(tmp_path: Path) -> None:
    out, codes = _run("evaluates", tmp_path, 2, ends=True, NEWLLM_HANG_SECONDS="4")
    assert codes == [0, 0]
    assert [(tmp_path / f"saw-{AT}-{rank}").read_text() for rank in range(2)] == ["True"] * 2, "the test tests nothing"
    assert [(tmp_path / f"saw-{STEPS}-{rank}").read_text() for rank in range(2)] == ["False"] * 2
    assert _hang(out) is None


@pytest.mark.slow
def test_without_the_flight_recorder_the_places_are_told(tmp_path: Path) -> None:
    out, _ = _run("loader", tmp_path, 2, TORCH_FR_BUFFER_SIZE="0")
    found = _hang(out)
    said = str(found.sentence)
    assert found.severity == "warning"
    assert f"1 (test_flight.py:{_line('time.sleep(EVER)')} in load)" in said
    assert "TORCH_FR_BUFFER_SIZE=2000" in said


def _line(text: str) -> int:
    """Return the first line of this file that has a text."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[None]:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1, timeout=timedelta(seconds=10)
    )
    yield
    torch.distributed.destroy_process_group()


def _wait(until: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not until():
        assert time.monotonic() < ends
        time.sleep(0.01)


@pytest.mark.usefixtures("alone")
def test_a_file_comes_with_a_wait_and_goes_with_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWLLM_HANG_SECONDS", "0.1")
    monkeypatch.setattr(flight, "_USUAL", 0)
    path = tmp_path / "ranks/flight-00000.json"
    watch = FlightWatch(tmp_path, "recording.json")
    watch.begin(4)
    for _ in range(40):
        torch.distributed.all_reduce(torch.zeros(2, 3))
    time.sleep(0.3)
    assert not path.exists(), "there is no recording yet"
    (tmp_path / "recording.json").touch()
    _wait(path.exists)
    content = json.loads(path.read_bytes())
    assert (content["state"], content["step"], content["rank"], content["ranks"]) == ("stalled", 4, 0, 1)
    assert content["seconds"] >= 0.1
    assert content["place"].startswith("test_flight.py:")
    assert content["place"].endswith(" in _wait")
    assert len(content["collectives"]) == 25
    last = {key: value for key, value in content["collectives"][-1].items() if key != "age"}
    known = {"operation": "all_reduce", "sizes": [[2, 3]], "dtypes": ["Float"], "done": True}
    assert last == {"group": "0", "number": 40, **known}
    watch._patience = 60.0
    watch.stepped(5)
    _wait(lambda: not path.exists())
    watch.close(None)
    content = json.loads(path.read_bytes())
    assert (content["state"], content["step"], content["place"]) == ("ended", 5, "")
    assert read_stall(tmp_path) == (None, ())
    assert "newllm-flight" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.usefixtures("alone")
def test_what_a_rank_waited_for_stays_when_an_error_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWLLM_HANG_SECONDS", "0.1")
    (tmp_path / "recording.json").touch()
    for waits, state in ((True, "stalled"), (False, "failed")):
        watch = FlightWatch(tmp_path, "recording.json")
        watch.begin(0)
        path = tmp_path / "ranks/flight-00000.json"
        if waits:
            _wait(path.exists)
            time.sleep(0.1)
        try:
            raise RuntimeError("timed out")
        except RuntimeError as error:
            watch.close(error)
        content = json.loads(path.read_bytes())
        assert (content["state"], content["error"]) == (state, "" if waits else "RuntimeError")


@pytest.mark.parametrize("fails", [lambda: nn.Linear(2, 2)(torch.zeros(3)), lambda: json.loads("{"), lambda: 1 / 0])
def test_a_place_is_in_the_users_own_code(fails: Callable[[], object]) -> None:
    with pytest.raises((RuntimeError, ValueError, ZeroDivisionError)) as caught:
        fails()
    frames = [*traceback.walk_tb(caught.value.__traceback__)][::-1]
    line = _line("lambda: 1 / 0")
    assert flight._place(frames) == f"test_flight.py:{line} in <lambda>"


@pytest.mark.usefixtures("alone")
def test_patience_grows_with_the_usual_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    watch = FlightWatch(tmp_path, "recording.json")
    for step, seconds in enumerate((100.0, 1.0, 2.0, 3.0), 1):
        now += seconds
        watch.stepped(step)
        assert watch._enough() == 60
    now += 26.0
    watch.stepped(5)
    assert watch._enough() == 20 * 8
    now += 1000.0
    watch.stepped(6)
    assert watch._enough() == 300
    assert watch._longest == 1000


if __name__ == "__main__":
    torch.set_num_threads(1)
    name, rank, size, out, meeting = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
    globals()[name](out, rank)
    torch.distributed.destroy_process_group()
