"""Parts of a signal, what is held of traces, which jobs may run, and what a page is told while it is open."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newllm.errors import UserError
from newllm.messages import catalogue
from newllm.trace import Series, TraceWriter
from newllm.ui import jobs as jobs_module
from newllm.ui import live as live_module
from newllm.ui.columns import Columns
from newllm.ui.entry import Entry
from newllm.ui.jobs import Job, Jobs, replays_of
from newllm.ui.live import Feed, Live, Shows, _Teller
from newllm.ui.run_sections import Made, RunSections
from newllm.ui.runs_api import _range
from newllm.ui.sparks import with_middle
from newllm.ui.traces import Traces


def trace(place: Path, count: int, first: int = 0) -> Path:
    place.mkdir(exist_ok=True)
    with TraceWriter(place / "trace.jsonl") as writer:
        for step in range(first, first + count):
            writer.write(step, loss=float(step % 5))
    return place


@pytest.mark.parametrize(
    ("first", "last", "steps"),
    [
        (30, 50, [20, 30, 40, 50, 60]),  # with a neighbour on either side
        (31, 49, [30, 40, 50]),
        (-np.inf, 15, [0, 10, 20]),
        (85, np.inf, [80, 90]),
        (200, 300, [90]),
    ],
)
def test_a_range_runs_on_to_the_edge(first: float, last: float, steps: list[int]) -> None:
    whole = Series(10 * np.arange(10), np.arange(10.0))
    assert _range(whole, first, last).step.tolist() == steps


def test_a_range_of_many_points_keeps_its_ends_in_buckets() -> None:
    whole = Series(np.arange(1000), np.random.default_rng(0).normal(size=1000))
    few = with_middle(_range(whole, -np.inf, np.inf), 10)
    assert 10 <= len(few["x"]) <= 31
    ends = (whole.value.min(), whole.value.max())
    assert {float(f"{end:.7g}") for end in ends} <= set(few["y"])
    assert len(with_middle(whole, 1)["x"]) <= 4


def test_the_medians_of_a_range_are_those_of_all_its_points() -> None:
    value = np.where(np.arange(1001) % 10 < 4, 9.0, np.arange(1001.0) / 1000)  # extremes alone would say 4.5
    middle = with_middle(Series(np.arange(1001), value), 20)["middle"]
    assert middle["x"] == [50, 151, 252, 353, 454, 555, 656, 757, 858, 954]
    assert middle["y"][0] == float(np.sort(value[:101])[50])
    assert max(middle["y"]) < 1.01
    assert "middle" not in with_middle(Series(np.arange(31), value[:31]), 20)


def test_of_held_traces_those_that_were_looked_at_last_stay(tmp_path: Path) -> None:
    runs = [trace(tmp_path / name, 100) for name in "abc"]
    size = Traces().of(runs[0]).nbytes
    traces = Traces(most=2 * size)
    first, second = traces.of(runs[0]), traces.of(runs[1])
    assert traces.of(runs[0]) is first
    traces.of(runs[2])  # the second makes room
    assert traces.of(runs[0]) is first
    assert traces.of(runs[1]) is not second
    alone = Traces(most=1)
    held = alone.of(runs[0])
    assert alone.of(runs[0]) is held  # however large it is
    assert len(held.trace().series("loss").step) == 100


@pytest.mark.parametrize("budget", [None, 0, 0.99, 86_400.5, True, float("nan"), -3])
def test_a_budget_is_a_second_to_a_day(tmp_path: Path, budget: Any) -> None:
    with pytest.raises(UserError, match="give seconds from 1 to 86,400"):
        asyncio.run(Jobs().start("replay", "r", tmp_path, budget))


def job(number: int, kind: str, state: str, run: str = "r") -> Job:
    return Job(f"{kind}-{number}", kind, run, Path(run), None, state=state)


def test_one_job_of_a_kind_runs_for_a_run_and_four_at_once(tmp_path: Path) -> None:
    jobs = Jobs()
    with pytest.raises(UserError, match="no job is called 'train': doctor or replay"):
        asyncio.run(jobs.start("train", "r", tmp_path, None))
    for state in ("running", "stopping"):
        jobs._jobs = {"a": job(1, "doctor", state)}
        with pytest.raises(UserError, match="a doctor of this run is going on"):
            asyncio.run(jobs.start("doctor", "r", tmp_path, None))
    jobs._jobs = {str(at): job(at, "doctor", "running", f"run-{at}") for at in range(4)}
    with pytest.raises(UserError, match="4 jobs are going on"):
        asyncio.run(jobs.start("doctor", "r", tmp_path, None))


def test_the_oldest_jobs_that_have_ended_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "_REMEMBERED", 3)
    jobs = Jobs()
    states = ("done", "running", "failed", "stopped", "stopping")
    jobs._jobs = {f"doctor-{at}": job(at, "doctor", state) for at, state in enumerate(states)}
    jobs._forget()
    assert list(jobs._jobs) == ["doctor-1", "doctor-3", "doctor-4"]
    jobs._forget()
    assert len(jobs._jobs) == 3
    assert [one.id for one in jobs.of("r")] == ["doctor-4", "doctor-3", "doctor-1"]
    assert jobs.of("other") == []
    assert jobs.get("doctor-3") is not None
    assert jobs.get("doctor-0") is None


def test_what_is_told_of_a_job() -> None:
    goes_on = Job("replay-1", "replay", "r", Path("r"), 60.0, began=time.time() - 5, replayed=3)
    told = goes_on.as_dict(catalogue("en"))
    assert (told["replayed"], told["budget"], told["state"]) == (3, 60.0, "running")
    assert 5 <= told["seconds"] < 60
    goes_on.state, goes_on.ended = "done", goes_on.began + 7.25
    told = goes_on.as_dict(catalogue("en"))
    assert (told["replayed"], told["seconds"]) == (None, 7.2)
    assert job(1, "doctor", "running").as_dict(catalogue("en"))["replayed"] is None


def test_replays_are_counted_by_their_files(tmp_path: Path) -> None:
    assert replays_of(tmp_path) == 0
    for name in ("replays/a/trajectories/1.json", "replays/a/trajectories/2.json", "replays/b/trajectories/1.json",
                 "replays/a/verdict.json", "replays/a/trajectories/1.txt"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert replays_of(tmp_path) == 3


def events(text: str) -> list[tuple[str, Any]]:
    """Return the events of a piece of a stream, each with its content."""
    found = []
    for block in filter(None, text.split("\n\n")):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines["event"], json.loads(lines["data"])))
    return found


def made(problems: str = "", **texts: str) -> Made:
    """Return sections with such texts."""
    sections = tuple({"id": name, "text": text, "drawn": "d"} for name, text in texts.items())
    return Made(None, 1, sections, frozenset({"loss"}), False, problems, 0.0)


@pytest.mark.parametrize(
    ("known", "changed"), [(None, None), (made(a="1", b="2").digest, None), ("other", ["a", "b", "problems"])]
)
def test_a_page_is_told_which_sections_changed(tmp_path: Path, known: str | None, changed: list[str] | None) -> None:
    traces = Traces()
    feed = Feed(tmp_path, catalogue("en"), traces, RunSections(traces, None))  # pyrefly: ignore
    teller, entry = _Teller(Shows(-1, known), feed), Entry(id="i", name="n")

    def told() -> list[Any]:
        return [content["changed"] for name, content in events(teller.events(entry, [])) if name == "sections"]

    assert told() == []
    feed.made = made(a="1", b="2")
    assert told() == ([] if changed is None else [changed])
    assert told() == []
    feed.made = made(a="1", b="3")
    assert told() == [["b"]]
    feed.made = made(a="1", b="3")
    assert told() == []


def test_a_page_is_told_once_what_is_new(tmp_path: Path) -> None:
    place = trace(tmp_path / "run", 3)
    columns = Columns(place / "trace.jsonl")
    version = columns.update()
    traces = Traces()
    feed = Feed(place, catalogue("en"), traces, RunSections(traces, None))  # pyrefly: ignore
    feed.columns = columns
    teller = _Teller(Shows(version, None), feed)
    entry = Entry(id="i", name="n", status="running", step=3)
    first = events(teller.events(entry, []))
    assert [name for name, _ in first] == ["status", "jobs"]
    assert first[0][1]["step"] == 3
    assert first[0][1]["version"] == 0
    assert teller.events(entry, []) == ""
    doing = job(1, "doctor", "done")
    doing.ended = doing.began
    assert [name for name, _ in events(teller.events(entry, [doing]))] == ["jobs"]
    trace(place, 2, first=3)
    columns._looked = 0.0
    columns.update()
    ((name, content),) = events(teller.events(entry, [doing]).replace(f"id: {columns.version}\n", ""))
    assert (name, content["signals"]["loss"]["x"]) == ("append", [3, 4])
    assert teller.events(entry, [doing]) == ""
    feed.there = False
    assert events(teller.events(entry, [doing])) == [("status", {"status": "gone"})]


def test_a_page_of_another_version_fetches_everything(tmp_path: Path) -> None:
    columns = Columns(trace(tmp_path / "run", 3) / "trace.jsonl")
    columns.update()
    traces = Traces()
    feed = Feed(tmp_path / "run", catalogue("en"), traces, RunSections(traces, None))  # pyrefly: ignore
    feed.columns = columns
    told = events(_Teller(Shows(5, None), feed).events(Entry(id="i", name="n"), []))
    assert told[0] == ("sections", {"changed": ["*"], "version": columns.version})


def test_a_page_that_was_told_nothing_for_a_quarter_of_a_minute_is_told_that_the_stream_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock:
        now = 100.0

        def monotonic(self) -> float:
            return self.now

        def time(self) -> float:
            return 5.0

    clock, pauses = Clock(), [0.0, 15.0, 0.1, 15.0, 0.1]

    async def told() -> list[str]:
        stopping = asyncio.Event()
        live = Live(index, traces, shown, Jobs(), stopping)  # pyrefly: ignore
        feed = live.feeds["r", "en"] = Feed(tmp_path, catalogue("en"), traces, shown)  # pyrefly: ignore

        async def wait() -> None:
            clock.now += pauses.pop(0)
            if not pauses:
                stopping.set()

        feed.wait = wait  # pyrefly: ignore
        said = [one async for one in live.events("r", tmp_path, catalogue("en"), Shows(0, None))]
        assert live.feeds == {}
        return said

    class Entries:
        def entry(self, _: str) -> Entry:
            return Entry(id="r", name="r")

    index, traces, shown = Entries(), Traces(), None
    monkeypatch.setattr(live_module, "time", clock)
    first, status, *rest = asyncio.run(told())
    assert first == ": here\n\n"
    assert status.startswith("event: status")
    assert rest == [": still here\n\n"] * 2
    assert pauses == []
