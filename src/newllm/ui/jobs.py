"""Doctor and replay as child processes of the command line: started, watched, stopped, and ended with the server.

What a command prints is read, nothing of it is run here. Replays of one run never run at the same time: they write to
one place. A stopped replay keeps what it has, and the next one goes on from there.
"""

import asyncio
import itertools
import json
import os
import signal
import time
from asyncio.subprocess import Process
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newllm.errors import UserError
from newllm.messages import Catalogue
from newllm.servers.child import end_process
from newllm.ui.command import LONGEST_LINE, all_of, last_line_of, start_command
from newllm.ui.job_progress import Progress, in_words, result_of

KINDS = ("doctor", "replay")
LONGEST = 86_400.0
"""Seconds of a budget."""

_MOST_AT_ONCE, _REMEMBERED = 4, 50
_COUNTED = 2.0  # seconds between two counts of the replays
_GRACE = 25.0  # seconds to end after being told to; the child process kills what it holds before that


@dataclass
class Job:
    """One command.

    Attributes:
        id: its address.
        kind: "doctor" or "replay".
        run: id of the run.
        directory: the run's directory.
        budget: seconds that a replay may take, None of a doctor.
        state: "running", "stopping", "done", "stopped" or "failed".
        began, ended: seconds since 1970.
        progress: what it has told of its progress.
        result: what it came to, short.
        replayed: how many replays were added since it began.
    """

    id: str
    kind: str
    run: str
    directory: Path
    budget: float | None
    state: str = "running"
    began: float = field(default_factory=time.time)
    ended: float | None = None
    progress: Progress = field(default_factory=Progress)
    result: dict[str, Any] = field(default_factory=dict)
    replayed: int = 0
    process: Process | None = None

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended."""
        return self.state in ("running", "stopping")

    def as_dict(self, words: Catalogue) -> dict[str, Any]:
        """Return plain data, in the page's language."""
        return {
            "id": self.id, "kind": self.kind, "run": self.run, "budget": self.budget, "state": self.state,
            "began": self.began, "seconds": round((self.ended or time.time()) - self.began, 1),
            "replayed": self.replayed if self.kind == "replay" and self.goes_on else None,
            "progress": self.progress.as_dict(words), "result": in_words(self.result, words),
        }  # fmt: skip


class Jobs:
    """The commands that were started from the page."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, run: str) -> list[Job]:
        """Return the jobs of a run, the newest first."""
        return [job for job in reversed(self._jobs.values()) if job.run == run]

    def get(self, id: str) -> Job | None:
        """Return a job by its id."""
        return self._jobs.get(id)

    async def start(self, kind: str, run: str, directory: Path, budget: float | None) -> Job:
        """Start a command.

        Args:
            kind: one of `KINDS`.
            run: id of the run.
            directory: the run's directory, absolute.
            budget: seconds, of a replay.

        Raises:
            UserError: it is no such kind or budget, or it would run at the same time as one that it must not.
        """
        if kind not in KINDS:
            raise UserError(f"no job is called {kind!r}: {' or '.join(KINDS)}")
        if kind == "replay" and (isinstance(budget, bool) or not budget or not 1 <= budget <= LONGEST):
            raise UserError(f"a budget of {budget!r}: give seconds from 1 to {LONGEST:,.0f}")
        running = [job for job in self._jobs.values() if job.goes_on]
        if any(job.run == run and job.kind == kind for job in running):
            raise UserError(f"a {kind} of this run is going on: wait for its end, or stop it")
        if len(running) >= _MOST_AT_ONCE:
            raise UserError(f"{len(running)} jobs are going on: wait for one to end, or stop one")
        job = Job(
            f"{kind}-{next(self._numbers)}",
            kind,
            run,
            directory,
            float(budget) if kind == "replay" and budget else None,
        )
        self._jobs[job.id] = job  # before anything is waited for: nobody else may begin the same
        try:
            progress = await _begin(job)
        except OSError as error:
            del self._jobs[job.id]
            raise UserError(
                f"a {kind} cannot be started ({error.strerror}): end other programs, then try again"
            ) from error
        if job.state == "stopping":  # told to meanwhile
            _release(job)
        assert job.process is not None
        task = asyncio.create_task(self._follow(job, job.process, progress))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._forget()
        return job

    def stop(self, job: Job) -> None:
        """Tell a job to end; what it has is kept."""
        if job.state == "running":
            job.state = "stopping"
            _release(job)

    async def close(self) -> None:
        """Stop all and wait until they have ended."""
        for job in self._jobs.values():
            self.stop(job)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GRACE)
        for job in self._jobs.values():
            if job.goes_on and job.process is not None:
                end_process(job.process, signal.SIGKILL)

    async def _follow(self, job: Job, process: Process, progress: asyncio.StreamReader | None) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        counting = asyncio.create_task(_count(job))
        output, last, _ = await asyncio.gather(
            all_of(process.stdout), last_line_of(process.stderr), _take_lines(progress, job.progress)
        )
        code = await process.wait()
        counting.cancel()
        job.ended = time.time()
        try:
            said = json.loads(output)
        except (ValueError, RecursionError):
            said = None
        if isinstance(said, dict):
            job.state, job.result = "done", result_of(job.kind, said)
        else:
            job.state = "stopped" if job.state == "stopping" else "failed"
            job.result = {"code": code, "said": last}

    def _forget(self) -> None:
        """Forget the oldest of those that have ended."""
        ended = [job.id for job in self._jobs.values() if not job.goes_on]
        for old in ended[: max(0, len(self._jobs) - _REMEMBERED)]:
            del self._jobs[old]


async def _begin(job: Job) -> asyncio.StreamReader | None:
    """Start the command of a job; return the stream of its progress, None of a doctor, which tells none."""
    arguments: list[str] = [job.kind, str(job.directory), "--json"]
    if job.budget is None:
        job.process = await start_command(arguments)
        return None
    stream = asyncio.StreamReader()
    ours, theirs = os.pipe()
    try:
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(ours, "rb", buffering=0)
        )
        options = ["--budget", str(job.budget), "--progress-fd", str(theirs)]
        job.process = await start_command([*arguments, *options], descriptors=[theirs])
    finally:
        os.close(theirs)  # where the command did not start, the stream ends with this
    return stream


def _release(job: Job) -> None:
    """Close the input of the child process, which then ends its command."""
    if job.process is not None and job.process.stdin is not None:
        job.process.stdin.close()


async def _count(job: Job) -> None:
    """Count the replays while they go on, beside whatever else the server does: there may be thousands."""
    before = None
    while job.kind == "replay":
        found = await asyncio.to_thread(replays_of, job.directory)
        before = found if before is None else before
        job.replayed = max(0, found - before)
        await asyncio.sleep(_COUNTED)


def replays_of(run: Path) -> int:
    """Return how many replays lie in a run's directory."""
    return sum(1 for _ in run.glob("replays/*/trajectories/*.json"))


async def _take_lines(stream: asyncio.StreamReader | None, progress: Progress) -> None:
    """Take in lines up to the end; what is longer than a line of ours is dropped."""
    rest = b""
    while stream is not None and (chunk := await stream.read(1 << 16)):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[-LONGEST_LINE:]
        for line in lines:
            progress.take(line)
