"""What a page of a run is told while it is open: appended points, the run's state, its jobs, which sections changed.

    event: append    {"signals": {name: {"x": [...], "y": [...]}}}     id: the version of the trace that it leads to
    event: status    what the list of runs tells of it
    event: jobs      {"at": seconds since 1970, "jobs": [...]}
    event: sections  {"changed": [ids]}; ["*"] when everything must be fetched anew

However many pages look at a run, its files are read once a second, and its sections made anew as rarely as is cheap.
"""

import asyncio
import json
import logging
import math
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

from starlette.concurrency import run_in_threadpool

from newllm.errors import UserError
from newllm.messages import Catalogue
from newllm.ui.columns import Columns
from newllm.ui.index import Index
from newllm.ui.jobs import Jobs
from newllm.ui.run_sections import Made, RunSections
from newllm.ui.sparks import with_middle
from newllm.ui.traces import Traces

_LOG = logging.getLogger("uvicorn.error")
TICK = 1.0  # seconds
_QUIET = 15.0  # seconds after which a comment says that the stream lives
_MADE_AGAIN, _REST = 4.0, 20  # seconds between two makings of the sections, and times as long as one took
_MOST_BUCKETS = 500  # of points that were appended at once


class Feed:
    """Follows one run in one language for all pages that show it.

    Attributes:
        words: the language.
        followers: how many there are.
        there: whether the run still is.
        columns: the run's trace.
        made: its sections as they were made last.
    """

    def __init__(self, run: Path, words: Catalogue, traces: Traces, sections: RunSections) -> None:
        self._run, self.words, self._traces, self._run_sections = run, words, traces, sections
        self._tick = asyncio.Event()
        self._next = -math.inf
        self.followers, self.there = 0, True
        self.columns: Columns | None = None
        self.made: Made | None = None
        self.task: asyncio.Task[None] | None = None

    async def follow(self) -> None:
        """Read the run again and again."""
        making: asyncio.Task[None] | None = None
        while True:
            try:
                self.columns = await run_in_threadpool(self._traces.of, self._run)
                self.there = await run_in_threadpool(self._run.is_dir)
            except Exception:  # whatever lies there: the page stays, and what is known stays on it
                _LOG.exception("%s", self._run)
            if making is None or making.done():
                making = asyncio.create_task(self._make()) if time.monotonic() >= self._next else None
            self.wake()
            await asyncio.sleep(TICK)

    def wake(self) -> None:
        """Let everyone who waits look."""
        tick, self._tick = self._tick, asyncio.Event()
        tick.set()

    async def wait(self) -> None:
        """Wait for the next look."""
        await self._tick.wait()

    async def _make(self) -> None:
        try:
            made = await run_in_threadpool(self._run_sections.made, self._run, self.words)
        except UserError:  # the run has gone
            return
        except Exception:
            _LOG.exception("%s", self._run)
            self._next = time.monotonic() + 60
            return
        before, self.made = self.made, made
        rest = _REST * made.took if made is not before else 0.0
        self._next = time.monotonic() + max(_MADE_AGAIN, rest)
        self.wake()


class Live:
    """The feeds of the runs that are being looked at.

    Args:
        index: what the list tells.
        traces: where traces are held.
        sections: what makes sections.
        jobs: that were started.
        stopping: set when the server begins to end.
    """

    def __init__(
        self, index: Index, traces: Traces, sections: RunSections, jobs: Jobs, stopping: asyncio.Event
    ) -> None:
        self._index, self._traces, self._run_sections, self._jobs = index, traces, sections, jobs
        self._stopping = stopping
        self.feeds: dict[tuple[str, str], Feed] = {}

    def end(self) -> None:
        """Let every stream end."""
        for feed in self.feeds.values():
            feed.wake()

    async def events(self, id: str, run: Path, words: Catalogue, shows: "Shows") -> AsyncIterator[str]:
        """Yield what a page is told, until it goes or the server ends.

        Args:
            id: of the run.
            run: its directory.
            words: the language of the sections.
            shows: what the page shows.
        """
        feed = self._join(id, run, words)
        teller = _Teller(shows, feed)
        try:
            spoke = time.monotonic()
            yield ": here\n\n"
            while not self._stopping.is_set():
                await feed.wait()
                events = teller.events(self._index.entry(id), self._jobs.of(id))
                if events:
                    yield events
                elif time.monotonic() - spoke > _QUIET:
                    yield ": still here\n\n"
                else:
                    continue
                spoke = time.monotonic()
        finally:
            self._leave(id, words, feed)

    def _join(self, id: str, run: Path, words: Catalogue) -> Feed:
        feed = self.feeds.get((id, words.lang))
        if feed is None:
            feed = self.feeds[id, words.lang] = Feed(run, words, self._traces, self._run_sections)
            feed.task = asyncio.create_task(feed.follow())
        feed.followers += 1
        return feed

    def _leave(self, id: str, words: Catalogue, feed: Feed) -> None:
        feed.followers -= 1
        if not feed.followers:
            if feed.task is not None:
                feed.task.cancel()
            self.feeds.pop((id, words.lang), None)


class Shows(NamedTuple):
    """What a page shows when it begins to listen: version of the trace, digest of the sections (None: not told)."""

    version: int
    digest: str | None


class _Teller:
    """Knows what one page has been told."""

    def __init__(self, shows: Shows, feed: Feed) -> None:
        self._version, self._digest, self._feed = shows.version, shows.digest, feed
        self._status = self._jobs = ""
        self._made: Made | None = None

    def events(self, entry: Any, jobs: list[Any]) -> str:
        """Return the events that are new, empty where there is nothing."""
        entry = entry if self._feed.there else None
        parts = [] if entry is None else [self._appended(), self._sections()]  # of what has gone the page keeps all
        status = (
            _json(entry.as_dict(self._feed.words) | {"version": 0}) if entry is not None else _json({"status": "gone"})
        )
        if status != self._status:
            self._status = status
            parts.append(f"event: status\ndata: {status}\n\n")
        of_jobs = _json([job.as_dict(self._feed.words) for job in jobs])
        if of_jobs != self._jobs:
            self._jobs = of_jobs
            parts.append(f'event: jobs\ndata: {{"at": {time.time()}, "jobs": {of_jobs}}}\n\n')
        return "".join(parts)

    def _appended(self) -> str:
        columns, made = self._feed.columns, self._feed.made
        if columns is None:
            return ""
        version, grown = columns.since(self._version)
        if version == self._version and grown is not None:
            return ""
        self._version = version
        if grown is None:
            return _event("sections", {"changed": ["*"], "version": version})
        sections = {
            name: with_middle(series, _MOST_BUCKETS)
            for name, series in grown.items()
            if made is None or name in made.lines
        }
        return f"id: {version}\n{_event('append', {'signals': sections})}" if sections else ""

    def _sections(self) -> str:
        before, made = self._made, self._feed.made
        if made is None or made is before:
            return ""
        self._made = made
        if before is not None:
            changed = made.changed(before)
        else:  # it may have changed between what the page was given and the first look
            changed = [] if self._digest in (None, made.digest) else [*(one["id"] for one in made.sections), "problems"]
        return _event("sections", {"changed": changed}) if changed else ""


def _event(name: str, content: Any) -> str:
    return f"event: {name}\ndata: {_json(content)}\n\n"


def _json(content: Any) -> str:
    return json.dumps(content, allow_nan=False, separators=(",", ":"))
