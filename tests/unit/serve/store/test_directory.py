"""A directory of responses: its files, what else stands in it, and what happens when it fails."""

import contextlib
import errno
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from newllm.errors import UserError
from newllm.serve.store import DamagedError, Limits, StoreError, StoreFull, new_response_id
from newllm.serve.store import directory as module
from newllm.serve.store.directory import DirectoryStore
from newllm.serve.store.eviction import Entry

LARGE = bytes(20_000)


@pytest.fixture
def place(tmp_path) -> Path:
    return tmp_path / "above" / "store"


@pytest.fixture
def open_store(place, clock):
    """`open_store(**limits)`: one more server's store."""
    opened = []

    def opening(**limits: float) -> DirectoryStore:
        opened.append(DirectoryStore(place, Limits(**limits), clock))  # pyrefly: ignore[bad-argument-type]
        return opened[-1]

    yield opening
    for store in opened:
        store.close()


@pytest.fixture
def disk(tmp_path):
    """A disk of a mebibyte."""
    (folder := tmp_path / "disk").mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def files(place: Path) -> list[Path]:
    return sorted(path for path in place.rglob("*") if path.is_file())


def stored(place: Path) -> int:
    """Bytes of all files, while some of them may be going."""
    total = 0
    for file in files(place):
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


def test_a_file_names_neither_owner_nor_what_it_holds_and_only_its_user_may_look(open_store, place) -> None:
    response = new_response_id()
    open_store().put(response, {"text": "secret"}, b"x", "sk-anna")
    [file] = files(place)
    assert file.name == f"{response}.safetensors"
    assert "anna" not in str(file.relative_to(place))
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_put_and_a_deletion_wait_for_the_disk(open_store, place, monkeypatch) -> None:
    store, response, synced = open_store(), new_response_id(), []
    store.put(new_response_id(), {}, b"")
    real = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: synced.append(str(Path(f"/proc/self/fd/{handle}").readlink())) or real(handle)
    )
    store.put(response, {}, b"")
    folder = str(files(place)[0].parent)
    assert [response in synced[0], synced[1:]] == [True, [folder]]
    store.delete(response)
    assert synced[2:] == [folder]


def test_an_unchanged_response_comes_from_memory(open_store, clock, monkeypatch) -> None:
    store, response = open_store(), new_response_id()
    store.put(response, {}, b"x")
    read = []
    monkeypatch.setattr(module, "_read", lambda *of: read.append(of) or b"")
    for _ in range(10):
        clock.wait(50)  # now and then its use is noted
        assert store.get(response) == ({}, b"x")
    with pytest.raises(DamagedError):
        open_store().get(response)
    assert len(read) == 1


def test_what_is_deleted_while_it_is_read_does_not_stay_in_memory(open_store, monkeypatch) -> None:
    one, other, response = open_store(), open_store(), new_response_id()
    one.put(response, {}, b"x")
    real = module._read
    monkeypatch.setattr(module, "_read", lambda *of: other.delete(response) and real(*of))
    assert other.get(response) == ({}, b"x")
    assert other.stats().memory_entries == 0


def test_what_does_not_fit_into_memory_comes_from_the_disk(open_store) -> None:
    store, ids = open_store(memory_bytes=50_000), [new_response_id() for _ in range(10)]
    for response in ids:
        store.put(response, {}, LARGE)
    assert [store.get(response) for response in ids] == [({}, LARGE)] * 10
    stats = store.stats()
    assert (stats.memory_entries, stats.entries) == (2, 10)
    assert 40_000 < stats.memory_bytes <= 50_000


def test_all_together_stay_within_the_limit_and_the_least_recently_used_go(open_store, place, clock) -> None:
    store, ids = open_store(bytes=500_000), [new_response_id() for _ in range(60)]
    for response in ids:
        clock.wait(100)
        store.put(response, {}, LARGE)
        assert store.get(ids[0])  # used again and again
        store.tidy()
        assert stored(place) <= 500_000
    assert {response for response in ids if store.get(response)} == {ids[0], *ids[-22:]}
    assert store.stats().entries == 23


def test_it_evicts_by_itself_and_looks_seldom(open_store, place, monkeypatch) -> None:
    looks, real = [], module.look
    monkeypatch.setattr(module, "look", lambda directory: looks.append(1) or real(directory))
    store = open_store(bytes=1_000_000)
    for _ in range(200):
        store.put(new_response_id(), {}, LARGE)
    end = time.monotonic() + 20
    while stored(place) > 1_000_000 and time.monotonic() < end:
        time.sleep(0.01)
    assert stored(place) <= 1_000_000
    assert 1 < len(looks) < 70


@pytest.mark.parametrize("limits", [{"bytes": 1_000_000}, {"owner_bytes": 1_000_000}])
def test_a_burst_goes_beyond_the_limit_by_a_sixteenth_at_most(open_store, place, monkeypatch, limits) -> None:
    monkeypatch.setattr(module.Housekeeping, "ask", lambda _: None)  # it rests
    looks, real, most = [], module.look, 0
    store = open_store(**limits)
    time.sleep(0.1)  # it has looked
    monkeypatch.setattr(module, "look", lambda directory: looks.append(1) or real(directory))
    for _ in range(120):
        store.put(new_response_id(), {}, LARGE)
        most = max(most, stored(place))
    assert 1_000_000 < most <= 1_000_000 * 17 // 16
    assert len(looks) < 30


def test_a_burst_of_several_threads_waits_for_one_look(open_store, monkeypatch) -> None:
    monkeypatch.setattr(module.Housekeeping, "ask", lambda _: None)
    store, real, looks = open_store(bytes=400_000), module.look, []
    time.sleep(0.1)

    def slowly(directory: Path) -> list[Entry]:
        looks.append(1)
        time.sleep(0.1)
        return list(real(directory))

    monkeypatch.setattr(module, "look", slowly)
    for _ in range(2):
        store.put(new_response_id(), {}, LARGE)
    threads = [threading.Thread(target=store.put, args=(new_response_id(), {}, LARGE)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= len(looks) <= 2


def test_a_look_begins_the_count_anew(open_store) -> None:
    store = open_store(bytes=1_000_000)
    for _ in range(4):
        store.put(new_response_id(), {}, LARGE)
    store.tidy()
    assert not store._backlog.add("owner/response", 1)


def test_its_counts_are_right_at_once_and_after_a_look(open_store, place) -> None:
    store, ids = open_store(), [new_response_id() for _ in range(5)]
    store.tidy()
    for response in ids:
        store.put(response, {}, LARGE)
    store.delete(ids[0])
    for _ in range(2):
        stats = store.stats()
        assert (stats.entries, stats.bytes, stats.memory_entries, stats.evicted) == (4, stored(place), 4, 0)
        store.tidy()


def test_what_is_too_old_leaves_the_disk(open_store, place, clock) -> None:
    store = open_store(seconds=100)
    store.put(new_response_id(), {}, b"x")
    store.tidy()
    assert len(files(place)) == 1
    clock.wait(100)
    store.tidy()
    assert files(place) == []


def test_what_another_server_has_deleted_leaves_this_ones_memory(open_store) -> None:
    one, other, ids = open_store(), open_store(), [new_response_id() for _ in range(3)]
    for response in ids:
        one.put(response, {}, b"x")
        assert other.get(response)
    one.delete(ids[0])
    other.tidy()
    assert other.stats().memory_entries == 2


def test_other_files_are_never_touched(open_store, place, clock) -> None:
    store, response = open_store(seconds=10, bytes=100_000), new_response_id()
    store.put(response, {}, b"x")
    own = files(place)[0].parent
    name = f"resp_{'a' * 32}.safetensors"
    (place / "ab").mkdir()
    (place / "outside").mkdir()
    others = [place / "notes.txt", place / name, place / "ab" / name, own / "notes.txt", own / f"{name}.bak",
              own / ".tmp", own / f".{name}.tmp", place / "outside" / name, own / "resp_1.safetensors"]  # fmt: skip
    for other in others:
        other.write_bytes(bytes(50_000))
        os.utime(other, (0, 0))
    (place / ("b" * 32)).symlink_to(place / "outside")
    (own / f"resp_{'c' * 32}.safetensors").symlink_to(others[0])
    (own / f"resp_{'d' * 32}.safetensors").mkdir()
    clock.wait(1000)
    store.tidy()
    assert store.get(response) is None
    assert all(other.stat().st_size == 50_000 for other in others)
    assert (own / f"resp_{'c' * 32}.safetensors").is_symlink()
    assert store.stats().entries == 0


def test_what_a_killed_server_was_writing_goes_after_an_hour(open_store, place) -> None:
    store = open_store()
    store.put(response := new_response_id(), {}, b"x")
    [file] = files(place)
    young, old = (file.with_name(f".{file.name}.{end}.tmp") for end in ("young", "old"))
    young.write_bytes(b"half")
    old.write_bytes(b"half")
    os.utime(old, (time.time() - 3700,) * 2)
    store.tidy()
    assert files(place) == sorted([file, young])
    assert store.get(response)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes that stand in a directory")
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(open_store, place) -> None:
    store, response = open_store(), new_response_id()
    store.put(response, {}, b"x")
    [file] = files(place)
    file.unlink()
    os.mkfifo(file)
    assert store.get(response) is None


def test_a_directory_that_goes_away_is_told_and_may_come_back(open_store, place) -> None:
    store, response = open_store(), new_response_id()
    store.put(response, {}, b"x")
    away = place.rename(place.with_name("away"))
    for work in (lambda: store.get(response), lambda: store.delete(response), lambda: store.put(response, {}, b"")):
        with pytest.raises(StoreError) as told:
            work()
        assert str(told.value) == f"store '{place}' is not there any more: bring the directory back"
        assert not isinstance(told.value, StoreFull)
    assert not place.exists()
    away.rename(place)
    assert store.get(response) == ({}, b"x")


def test_a_file_in_the_place_of_the_directory_is_told(place) -> None:
    place.parent.mkdir()
    place.write_text("")
    with pytest.raises(UserError, match=f"may not write '{place}'"):
        DirectoryStore(place, Limits())


def test_a_disk_that_may_only_be_read(disk, clock) -> None:
    store, response, other = DirectoryStore(disk / "store", Limits(), clock), new_response_id(), new_response_id()
    store.put(response, {}, b"x")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    clock.wait(1000)  # its use would be noted
    assert store.get(response) == ({}, b"x")
    for work in (lambda: store.put(other, {}, b""), lambda: store.delete(response)):
        with pytest.raises(StoreError) as told:
            work()
        assert str(disk / "store") in str(told.value)
        assert "Read-only file system" in str(told.value)
        assert not isinstance(told.value, StoreFull)
    with pytest.raises(UserError, match="may not write in store"):
        DirectoryStore(disk / "store", Limits())
    store.close()


def test_a_full_disk_takes_nothing_and_what_is_there_stays(disk) -> None:
    store, ids = DirectoryStore(disk / "store", Limits()), []
    response = new_response_id()

    def fill() -> None:
        nonlocal response
        for _ in range(200):
            response = new_response_id()
            store.put(response, {}, LARGE)
            ids.append(response)

    with pytest.raises(StoreFull) as told:
        fill()
    assert str(told.value).startswith(f"no room to write '{disk / 'store'}/")
    assert "\n" not in str(told.value)
    assert len(ids) > 20
    assert store.get(response) is None
    assert [path.stem for path in files(disk)] == sorted(ids)
    assert all(DirectoryStore(disk / "store", Limits()).get(one) == ({}, LARGE) for one in ids)
    assert store.delete(ids[0])
    store.put(response, {}, LARGE)
    for number in range(3):
        with pytest.raises(StoreFull):  # of an owner that has no directory yet
            store.put(new_response_id(), {}, bytes(60_000), f"owner {number}")
    store.close()


def test_a_disk_without_room_for_an_owners_directory_is_full(open_store, monkeypatch) -> None:
    store = open_store()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(StoreFull, match=r"cannot write in store '.*' \(No space left on device\): free some space"):
        store.put(new_response_id(), {}, b"")


_CUT = """
import resource, sys
from pathlib import Path
from newllm.serve.store import Limits, StoreFull, new_response_id
from newllm.serve.store.directory import DirectoryStore
from newllm.serve.store.eviction import Entry
store = DirectoryStore(Path(sys.argv[1]), Limits())
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
small, large = new_response_id(), new_response_id()
store.put(small, {}, b"x")
try:
    store.put(large, {}, bytes(10_000))
except StoreFull as error:
    print(error)
print(store.get(small), store.get(large))
"""


def test_a_file_that_may_grow_no_further_is_told_as_a_full_disk(place) -> None:
    done = subprocess.run([sys.executable, "-c", _CUT, place], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first.startswith(f"no room to write '{place}/")
    assert second == "StoredResponse(record={}, blob=b'x') None"
    assert len(files(place)) == 1


def test_two_that_tidy_at_once_count_what_went_once(open_store, monkeypatch) -> None:
    ids = [new_response_id() for _ in range(12)]
    for response in ids:
        open_store().put(response, {}, LARGE)
    evict = DirectoryStore._evict

    def slowly(self: DirectoryStore, entry: Entry) -> bool:
        time.sleep(0.02)
        return evict(self, entry)

    monkeypatch.setattr(DirectoryStore, "_evict", slowly)
    store = open_store(bytes=65_000)
    tidying = [threading.Thread(target=store.tidy) for _ in range(3)]
    for one in tidying:
        one.start()
    for one in tidying:
        one.join()
    store.close()
    left = sum(store.get(response) is not None for response in ids)
    assert left == 3
    assert (store.stats().entries, store.stats().evicted) == (3, 9)
