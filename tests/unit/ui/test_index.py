import json
import os
import shutil
import threading
import time

import pytest

from newllm.checksum import read_checked
from newllm.messages import quoted
from newllm.trace import Summary
from newllm.trace.check import CheckedTraining, KeptCheck, Outcome, keep_check
from newllm.ui import folders
from newllm.ui import index as index_module
from newllm.ui.index import Index, id_of


@pytest.fixture
def root(tmp_path, make_run):
    make_run(tmp_path / "good")
    return tmp_path


def entries(root):
    index = Index(root)
    index.refresh()
    return {entry.name: entry for entry in index.since(0)[1]}


def test_a_run_is_told(root):
    entry = entries(root)["good"]
    assert (entry.status, entry.step, entry.steps, entry.bits, entry.loss, entry.at) == (
        "finished",
        50,
        50,
        1.25,
        2.5,
        50,
    )
    assert list(map(str, entry.about)) == ["tiny", "stack", "ema", "seed 0"]
    assert entry.findings is None
    assert entry.problems == ()


def test_broken_runs_are_listed_with_what_is_wrong(root, make_run):
    for name in ("torn", "newer", "half", "huge", "deep", "list", "binary", "unreadable"):
        make_run(root / name)
    (root / "torn" / "summary.json").write_text('{"schema": 1, "steps": 10, "sta')
    summary = read_checked(root / "newer" / "summary.json")
    (root / "newer" / "summary.json").write_text(json.dumps(summary | {"schema": 7, "step": "many"}))
    (root / "half" / "summary.json").unlink()
    (root / "half" / "config.toml").unlink()
    (root / "huge" / "summary.json").write_text(" " * (5 << 20))
    (root / "deep" / "summary.json").write_text("[" * 100_000)
    (root / "list" / "summary.json").write_text("[1, 2]")
    (root / "binary" / "config.toml").write_bytes(b"\xff\xfe\x00")
    (root / "unreadable" / "summary.json").unlink()
    (root / "unreadable" / "summary.json").mkdir()
    found = entries(root)
    assert set(found) == {"good", "torn", "newer", "half", "huge", "deep", "list", "binary", "unreadable"}
    said = {name: "; ".join(map(str, entry.problems)) for name, entry in found.items()}
    assert "'summary.json' is damaged" in said["torn"]
    assert "'summary.json' was written by a newer newllm" in said["newer"]
    assert found["newer"].steps == 50
    assert found["newer"].step is None
    assert "summary.json is missing; config.toml is missing" in said["half"]
    assert "larger than" in said["huge"]
    assert "nested too deep" in said["deep"]
    assert "'summary.json' is damaged (no object)" in said["list"]
    assert "'config.toml' is damaged" in said["binary"]
    assert said["unreadable"]
    assert said["good"] == ""


@pytest.mark.parametrize(
    ("is_alive", "silent", "status"),
    [
        *((True, 0, "running"), (True, 60, "running"), (True, 400, "stopped")),
        *((False, 0, "running"), (False, 60, "stopped")),
    ],
)
def test_a_run_that_is_running_no_more(root, is_alive, silent, status):
    pid = os.getpid() if is_alive else 2**22 + 1
    file = root / "good" / "summary.json"
    content = read_checked(file)
    heard = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - silent))
    file.write_text(json.dumps(content | {"status": "running", "pid": pid, "heartbeat": heard}))
    entry = entries(root)["good"]
    assert entry.status == status
    assert bool(entry.problems) == (status == "stopped")


@pytest.mark.parametrize(("age", "said"), [(5, False), (120, True)])
def test_a_run_that_just_begins_lacks_nothing(root, age, said):
    file = root / "good" / "summary.json"
    then, now = (time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - gone)) for gone in (age, 0))
    content = read_checked(file) | {"status": "running", "pid": os.getpid()}
    file.write_text(json.dumps(content | {"started": then, "heartbeat": now}))
    (root / "good" / "config.toml").unlink()
    assert ("config.toml is missing" in map(str, entries(root)["good"].problems)) == said


def test_only_what_changed_is_new(root, make_run):
    index = Index(root)
    index.refresh()
    first, _, _ = index.since(0)
    index.refresh()
    assert index.since(first) == (first, [], [])
    make_run(root / "later")
    (root / "good" / "findings.json").write_text(
        '{"schema": 1, "findings": [{"severity": "fault"}, {"severity": "note"}]}'
    )
    index.refresh()
    second, changed, gone = index.since(first)
    assert ({entry.name for entry in changed}, gone) == ({"good", "later"}, [])
    assert next(entry for entry in changed if entry.name == "good").findings == {"fault": 1, "warning": 0, "note": 1}
    shutil.rmtree(root / "later")
    index.refresh()
    third, changed, gone = index.since(second)
    assert (changed, len(gone)) == ([], 1)
    assert index.lookup(gone[0]) is None
    make_run(root / "later")
    index.refresh()
    assert [entry.name for entry in index.since(third)[1]] == ["later"]
    assert index.since(third)[2] == []


def test_a_summary_written_in_place_is_noticed(root):
    index = Index(root)
    index.refresh()
    version = index.version
    summary = Summary.load(root / "good" / "summary.json")
    summary.step = 49
    summary.save(root / "good" / "summary.json")
    index.refresh()
    assert [entry.step for entry in index.since(version)[1]] == [49]


def test_ids_are_not_paths(root, make_run):
    make_run(root / "a b" / "Good")
    make_run(root / "a" / "b-good")
    index = Index(root)
    index.refresh()
    ids = [entry.id for entry in index.since(0)[1]]
    assert len(set(ids)) == 3
    assert all((index.lookup(one) or root / "none").is_dir() for one in ids)
    for asked in ("..", "../good", "good", "/etc", "", ".", "a b/Good", "%2e%2e"):
        assert index.lookup(asked) is None


def test_links_are_not_followed(root, tmp_path_factory, make_run):
    outside = make_run(tmp_path_factory.mktemp("outside") / "run")
    (root / "linked").symlink_to(outside)
    (root / "around").symlink_to(root)
    (root / "file").mkdir()
    (root / "file" / "summary.json").symlink_to(outside / "summary.json")
    index = Index(root)
    index.refresh()
    found = {entry.name: entry for entry in index.since(0)[1]}
    assert set(found) == {"good", "file"}
    assert found["file"].step is None
    assert "link" in str(found["file"].problems[0])
    assert index.links == 2


def test_files_of_others_make_no_run(root):
    (root / "other").mkdir()
    (root / "other" / "config.toml").write_text("[server]\nport = 1\n")
    (root / "another").mkdir()
    (root / "another" / "summary.json").write_text('{"total": 3}')
    (root / "fourth").mkdir()
    (root / "fourth" / "check.json").write_text('{"schema": 1, "ok": true}')
    (root / "third").mkdir()
    (root / "third" / "results.json").write_text('[{"name": "x"}]')
    assert set(entries(root)) == {"good"}


def test_a_checked_run_is_listed_and_is_another_once_it_is_trained(root):
    place = root / "checked"
    place.mkdir()
    found = KeptCheck((Outcome("tied", "wrong", quoted("x")),), 1.0)
    keep_check(place, found, CheckedTraining())
    index = Index(root)
    index.refresh()
    listed = {entry.name: entry for entry in index.since(0)[1]}["checked"]
    assert (listed.status, listed.wrong) == ("checked", 1)
    keep_check(place, KeptCheck((Outcome("tied", "sound", quoted("x")),), 1.0), CheckedTraining())
    index.refresh()
    assert [(entry.name, entry.wrong) for entry in index.since(listed.version)[1]] == [("checked", 0)]


def test_the_directory_may_be_a_run_itself(root):
    assert set(entries(root / "good")) == {"good"}


def test_depth_and_number_are_bounded_and_told(root, make_run, monkeypatch):
    make_run(root.joinpath(*"1234567", "deep"))
    index = Index(root)
    index.refresh()
    assert index.cut
    assert [entry.name for entry in index.since(0)[1]] == ["good"]
    monkeypatch.setattr(folders, "MOST", 3)
    for number in range(5):
        make_run(root / "many" / str(number))
    index.refresh()
    assert index.cut


def test_studies_are_found(root):
    study = root / "studies" / "one"
    study.mkdir(parents=True)
    content = {
        "schema": 1,
        "study": "one",
        "title": "A study",
        "seeds": 3,
        "arms": [{}, {}],
        "claims": [{"verdict": "holds"}],
    }
    (study / "results.json").write_text(json.dumps(content))
    (root / "studies" / "two").mkdir()
    (root / "studies" / "two" / "results.json").write_text('{"schema": 1, "study": "two", "cla')
    index = Index(root)
    index.refresh()
    one, two = index.studies()
    assert (one.name, one.title, one.arms, one.seeds, one.verdicts) == ("studies/one", "A study", 2, 3, (("holds", 1),))
    assert "cannot be read" in str(two.problems[0])
    assert index.entry(one.id) is None


def test_it_looks_by_itself_while_somebody_asks(root, make_run, wait_for):
    before = threading.active_count()
    index = Index(root)
    index.start()
    try:
        wait_for(lambda: index.ready)
        version = index.version
        make_run(root / "later")
        assert wait_for(lambda: index.since(version)[1])[0].name == "later"
    finally:
        index.stop()
    assert threading.active_count() == before


def test_a_refresh_of_many_runs_that_did_not_change_is_cheap(tmp_path, make_run):
    first = make_run(tmp_path / "runs" / "0", steps=1)
    for number in range(1, 100):
        shutil.copytree(first, tmp_path / "runs" / str(number))
    index = Index(tmp_path)
    index.refresh()
    began = time.process_time()
    index.refresh()
    assert time.process_time() - began < 0.1


def test_at_first_so_many_runs_at_a_time_are_listed(root, make_run, monkeypatch):
    monkeypatch.setattr(index_module, "_PUBLISHED", 2)
    for name in "abcd":
        make_run(root / name)
    index, listed = Index(root), []
    publish = index._publish
    monkeypatch.setattr(index, "_publish", lambda table: listed.append(len(table.runs)) or publish(table))
    index.refresh()
    assert listed == [2, 4, 5]
    index.refresh()
    assert listed[3:] == [5]  # then all at once


class Looks:
    """Stands in for the event that wakes the index: it keeps how long was waited, and goes on a given number of times.

    Whatever waits ends the looking at last.
    """

    def __init__(self, index, times):
        self.waited, self._index, self._times = [], index, times

    def clear(self):
        pass

    def set(self):
        self.waited.append("woken")

    def wait(self, seconds=None):
        self.waited.append(seconds)
        if len(self.waited) >= self._times:
            self._index._ended.set()


@pytest.mark.parametrize(("took", "pause"), [(0.0, 1.0), (0.09, 1.0), (0.2, 2.0), (30.0, 300.0)])
def test_a_pause_is_ten_times_as_long_as_a_look_took(root, monkeypatch, took, pause):
    index = Index(root)
    looks = Looks(index, 1)
    monkeypatch.setattr(index, "_wake", looks)
    monkeypatch.setattr(index, "refresh", lambda: setattr(index, "_took", took))
    monkeypatch.setattr(index, "_asked", time.monotonic())
    index._look()
    assert looks.waited == [pytest.approx(pause)]


def test_whoever_asks_after_half_a_minute_wakes_it(root, monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

        time_ns, time = time.time_ns, time.time

    clock = Clock()
    monkeypatch.setattr(index_module, "time", clock)
    index = Index(root)
    looks = Looks(index, 9)
    monkeypatch.setattr(index, "_wake", looks)
    index.lookup("x")  # nobody had asked before
    assert looks.waited == ["woken"]
    clock.now += 30.0
    index.lookup("x")
    assert looks.waited == ["woken"]
    clock.now += 30.1
    for ask in (lambda: index.entry("x"), lambda: index.since(0), index.studies):
        ask()
        clock.now += 30.1
    assert looks.waited == ["woken"] * 4
    refreshed = []
    monkeypatch.setattr(index, "refresh", lambda: refreshed.append(clock.now))
    looks.waited, looks._times = [], 1
    index._look()
    assert (refreshed, looks.waited) == ([], [None])  # it waits until somebody asks


def test_a_page_opened_while_the_server_begins_waits_for_the_first_look(tmp_path, make_run, serving, monkeypatch):
    make_run(tmp_path / "a")
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "results.json").write_text('{"schema": 1, "study": "s", "title": "t", "arms": []}')
    refresh = Index.refresh
    monkeypatch.setattr(Index, "refresh", lambda self: (time.sleep(0.5), refresh(self)))
    with serving(tmp_path) as server:
        assert server.ask(f"/run/{id_of('a')}").status == 200
        assert server.app.state.index.ready
    with serving(tmp_path) as server:
        assert id_of("s") in server.ask("/studies").body.decode()
    with serving(tmp_path) as server:
        assert server.ask("/run/nobody").status == 404
