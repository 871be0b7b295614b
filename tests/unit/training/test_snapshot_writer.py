"""Snapshots of a sharded model are written while it trains on: whole or not at all, and of the step that was meant."""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from newllm.errors import UserError
from newllm.messages import message
from newllm.training import part_writer, shards, snapshot_writer
from newllm.training.held import copied
from newllm.training.pins import content_of, read_pins
from newllm.training.shards import write_part
from newllm.training.snapshot_writer import SnapshotWriter
from newllm.training.snapshots import (
    Progress,
    Tensors,
    list_snapshots,
    load_progress,
    make_directory,
    snapshot_name,
    snapshot_tensors,
    write_state,
)
from newllm.training.world import LostError, World


class Two(World):
    """The first of two ranks; the other has written what `other` says."""

    size, sharded = 2, True

    def __init__(self) -> None:
        self.other: tuple[bool, str, list[dict[str, str]]] = (True, "", [{}])
        self.begun: list[list[int]] = []
        self.collected = 0

    def writes(self, states: Sequence[tuple[int, Path]]) -> None:
        self.writing_is_over = False
        self.begun.append([step for step, _ in states])

    def written(self) -> None:
        self.collected += 1

    def collect(self, what: str, own: object) -> list:
        assert what == "snapshot"
        return [own, self.other]

    def update(self) -> None:
        """What the losses of an update tell."""
        self.writing_is_over = self.has_written


@pytest.fixture
def world() -> Two:
    return Two()


@pytest.fixture
def gate(monkeypatch) -> threading.Event:
    """Nothing is written before it is set."""
    gate, write = threading.Event(), part_writer.write_part

    def waiting(*arguments: Any) -> dict[str, str]:
        assert threading.current_thread() is not threading.main_thread()
        assert gate.wait(10)
        return write(*arguments)

    monkeypatch.setattr(part_writer, "write_part", waiting)
    return gate


@pytest.fixture
def writer(world, tmp_path) -> SnapshotWriter:
    return SnapshotWriter(world, tmp_path / "snapshots")


def state(value: float) -> Tensors:
    moments = {"weight/step": torch.tensor(value), "weight/exp_avg": torch.full((3, 2), -value)}
    return {"model.safetensors": {"weight": torch.full((3, 2), value)}, "optimizer.safetensors": moments}


def names(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "snapshots").iterdir())


def test_the_training_goes_on_and_the_snapshot_is_of_its_step(world, writer, gate, tmp_path) -> None:
    tensors, progress, pruned = state(1.0), Progress(5), []
    writer.save(tensors, progress, lambda: pruned.append(list(list_snapshots(tmp_path / "snapshots"))))
    for part in tensors.values():
        for value in part.values():
            value.add_(7)
    progress.step = 6
    world.update()
    writer.passed()
    assert list_snapshots(tmp_path / "snapshots") == {}, "a kill would leave half of it"
    gate.set()
    while not world.writing_is_over:
        world.update()
    writer.passed()
    writer.wait()
    assert pruned == [[5]]
    assert names(tmp_path) == [snapshot_name(5)]
    place = tmp_path / "snapshots" / snapshot_name(5)
    assert load_progress(place).step == 5
    weights, moments, _ = snapshot_tensors(place)
    assert weights["weight"].tolist() == [[1.0, 1.0]] * 3
    assert moments["weight/exp_avg"].tolist() == [[-1.0, -1.0]] * 3
    assert moments["weight/step"].shape == ()
    assert not world.has_written, "the next one is not written yet"


def test_the_next_one_waits_for_the_one_before(world, writer, gate, tmp_path) -> None:
    writer.save(state(1.0), Progress(1), lambda: None)
    threading.Timer(0.05, gate.set).start()
    writer.save(state(2.0), Progress(2), lambda: None)
    assert list(list_snapshots(tmp_path / "snapshots")) == [1]
    writer.wait()
    assert list(list_snapshots(tmp_path / "snapshots")) == [1, 2]
    assert world.begun == [[1], [2]]
    assert world.collected == 2


def test_states_in_memory_are_not_written_over_meanwhile(world, writer, gate, tmp_path) -> None:
    world.other = (True, "", [{}, {}])
    held, failed = [copied(state(step), Progress(step)) for step in (3, 4)], []
    writer.save_held(held, content_of([]), failed.append)
    assert [one.busy for one in held] == [True, True]
    gate.set()
    writer.wait()
    assert [one.busy for one in held] == [False, False]
    assert world.begun == [[3, 4]]
    assert list(list_snapshots(tmp_path / "snapshots")) == [3, 4]
    assert read_pins(tmp_path / "snapshots" / snapshot_name(4)) == []
    assert (tmp_path / "snapshots" / snapshot_name(4) / "pin.json").exists()
    assert failed == []


def test_a_rank_without_room_is_named_and_leaves_nothing(world, writer, tmp_path) -> None:
    world.other = (True, "no room to write 'x': free some space", [])
    writer.save(state(1.0), Progress(1), lambda: None)
    with pytest.raises(UserError, match=r"^rank 1: no room to write 'x'"):
        writer.wait()
    assert names(tmp_path) == []
    failed: list[Exception] = []
    writer.save_held([copied(state(2), Progress(2))], content_of([]), failed.append)
    writer.wait()
    assert [str(one) for one in failed] == ["rank 1: no room to write 'x': free some space"]
    assert names(tmp_path) == []
    world.other = (True, "", [{}])
    writer.save(state(3.0), Progress(3), lambda: None)
    writer.wait()
    assert names(tmp_path) == [snapshot_name(3)]


def test_a_rank_without_room_is_known_at_once_and_the_others_stop(world, writer, tmp_path, monkeypatch) -> None:
    """Whatever their own disks have yet to write."""
    write, began = part_writer.write_part, threading.Event()

    def slowly(place, tensors, first_rows, rank, go_on) -> dict[str, str]:
        began.set()
        for _ in range(1000):
            time.sleep(0.01)
            go_on()
        return write(place, tensors, first_rows, rank, go_on)

    monkeypatch.setattr(part_writer, "write_part", slowly)
    writer.save(state(1.0), Progress(1), lambda: None)
    assert began.wait(10)
    world.other, world.writing_is_over = (True, "no room", []), True
    since = time.monotonic()
    with pytest.raises(UserError, match=r"^rank 1: no room$"):
        writer.passed()
    assert time.monotonic() - since < 5
    assert names(tmp_path) == []


def test_that_this_rank_could_not_write_is_told_once(world, writer, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise UserError("no room")

    monkeypatch.setattr(part_writer, "write_part", full)
    world.other, failed = (True, "", []), []
    writer.save_held([copied(state(1), Progress(1))], content_of([]), failed.append)
    ends = time.monotonic() + 10
    while not world.cannot_write:
        assert time.monotonic() < ends
    writer.wait()
    assert [str(one) for one in failed] == ["no room"]
    assert (world.cannot_write, world.has_written) == (False, False)


def test_where_there_is_room_for_one_state_only_the_first_is_kept(world, writer, tmp_path) -> None:
    world.other, failed = (True, "no room", [{}]), []
    writer.save_held([copied(state(step), Progress(step)) for step in (4, 3)], content_of([]), failed.append)
    writer.wait()
    assert names(tmp_path) == [snapshot_name(4)]
    assert [str(one) for one in failed] == ["rank 1: no room"]


def test_one_that_is_gone_is_noticed_while_a_disk_is_slow(world, writer, gate, tmp_path, monkeypatch) -> None:
    """The end waits for no disk either; what is not whole is removed."""

    def gone(*_: object) -> list:
        raise LostError(message("training-lost", rank=1, more=0, error="closed"))

    monkeypatch.setattr(part_writer, "_AT_END", 0.1)
    monkeypatch.setattr(world, "collect", gone)
    writer.save(state(1.0), Progress(1), lambda: None)
    since = time.monotonic()
    with pytest.raises(LostError):
        writer.wait()
    writer.close()
    assert time.monotonic() - since < 5, "the gate is shut"
    assert names(tmp_path) == []
    gate.set()


def test_a_disk_that_does_not_answer_makes_a_rank_hang(world, writer, gate, tmp_path, monkeypatch) -> None:
    """It comes to no exchange then, so that the others find it as they find any other."""
    monkeypatch.setenv("NEWLLM_HANG_SECONDS", "0.05")
    asked, collect = [], world.collect
    monkeypatch.setattr(world, "collect", lambda *given: (asked.append(time.monotonic()), collect(*given))[1])
    writer.save(state(1.0), Progress(1), lambda: None)
    threading.Timer(1.0, gate.set).start()
    writer.wait()
    assert asked[-1] - asked[-2] > 0.5
    assert names(tmp_path) == [snapshot_name(1)]


@pytest.mark.parametrize("ends", [0, 3, 100])
def test_a_file_that_somebody_stops_is_no_longer_written(ends, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(shards, "_PIECE", 8)
    asked = []

    def go_on() -> None:
        asked.append(1)
        if len(asked) > ends:
            raise KeyError

    done = contextlib.nullcontext() if ends == 100 else pytest.raises(KeyError)
    with done:
        write_part(tmp_path, state(1.0), {}, 0, go_on)
    assert len(list(tmp_path.iterdir())) == (2 if ends == 100 else 1)


def test_a_rank_with_a_disk_of_its_own_says_so(tmp_path) -> None:
    with pytest.raises(UserError, match=r"absent' is not there: give --out on a disk that all ranks share"):
        write_part(tmp_path / "absent", state(1.0), {}, 1)


def train_on(world: Two, writer: SnapshotWriter) -> None:
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        world.update()
        writer.passed()


@pytest.mark.parametrize("while_named", [False, True])
def test_a_snapshot_that_failed_ends_the_training_at_the_next_update(while_named, world, writer, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise UserError("rank 1: no room")

    if while_named:
        monkeypatch.setattr(snapshot_writer, "write_state", full)
    else:
        world.other = (True, "no room", [])
    writer.save(state(1.0), Progress(1), lambda: None)
    with pytest.raises(UserError, match=r"^rank 1: no room$"):
        train_on(world, writer)
    writer.wait()  # told once


def test_what_goes_wrong_while_it_is_named_is_told(writer) -> None:
    def broken() -> None:
        raise UserError("no room for the name")

    writer.save(state(1.0), Progress(1), broken)
    with pytest.raises(UserError, match="no room for the name"):
        writer.wait()
    writer.wait()  # once


def test_what_is_not_whole_when_the_training_ends_for_an_error_is_removed(world, writer, gate, tmp_path) -> None:
    writer.save(state(1.0), Progress(1), lambda: None)
    gate.set()
    writer.close()
    assert names(tmp_path) == []
    assert world.collected == 0, "another rank may be gone"


@pytest.fixture
def in_parts(tmp_path) -> Callable[..., Path]:
    def go(whole: dict[str, torch.Tensor], ranks: int) -> Path:
        """Write matrices of which each rank holds some rows, as a snapshot."""
        place, digests = tmp_path / snapshot_name(0), {}
        make_directory(place)
        for rank in range(ranks):
            own, first_rows = {}, {}
            for name, value in whole.items():
                own[name] = value
                if value.dim() > 1:
                    most = -(-len(value) // ranks)
                    own[name], first_rows[name] = value[rank * most : (rank + 1) * most].contiguous(), rank * most
            digests |= write_part(place, {"model.safetensors": own}, first_rows, rank)
        write_state(place, digests, Progress(0), None)
        return place

    return go


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_parts_are_read_whole(ranks, in_parts) -> None:
    whole = {
        "odd": torch.randn(7, 5),
        "b": torch.randn(4, 3, 2, dtype=torch.bfloat16),
        "count": torch.tensor(3.0),
        "bias": torch.randn(3).half(),
        "long": torch.arange(6).view(3, 2),
        "double": torch.randn(2, 3, dtype=torch.float64),
    }
    place = in_parts(whole, ranks)
    assert len(list(place.glob("shard-*"))) == ranks
    of_last = safetensors.torch.load_file(max(place.glob("shard-*")))
    assert ("bias" in of_last) == (ranks == 1), "what all hold is written once"
    found, _, _ = snapshot_tensors(place)
    assert found.keys() == whole.keys()
    for name, value in whole.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value), name
