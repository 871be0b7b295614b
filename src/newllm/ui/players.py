"""The worker processes of the playground: one for each loaded model, a few at most, spoken to in JSON lines.

A worker is started by the first request for its model and ends by itself when nobody asks for a while. One that
crashed is told of in one line, and the next request starts another. What runs when the server ends, ends with it.
"""

import asyncio
import contextlib
import json
import signal
import sys
from collections import deque
from collections.abc import AsyncGenerator, Collection
from pathlib import Path
from typing import Any

from newllm.errors import UserError
from newllm.servers.child import end_process

MOST_ALIVE = 2
"""Models that are held at once."""

IDLE = 600.0
"""Seconds after which a worker that nobody asks ends."""

_LONGEST_LINE = 64 * 2**20  # of an answer
_GRACE = 3.0  # seconds for a worker to end before it is killed

Answer = tuple[dict[str, Any], bytes]
"""An event, and the line that it came as."""


class Player:
    """One worker.

    Args:
        run: the run directory.
        snapshot: which weights.
        idle: seconds after which it ends by itself.
    """

    def __init__(self, run: Path, snapshot: str, idle: float = IDLE) -> None:
        self._command = [
            *(sys.executable, "-P", "-m", "newllm.playground"),
            *("--snapshot", snapshot, "--idle", str(idle), "--", str(run)),
        ]
        self._ready: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers: dict[str, asyncio.Queue[Answer]] = {}
        self._said: deque[str] = deque(maxlen=20)
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._end: Answer | None = None
        self.is_ended = False

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return bool(self._answers)

    async def start(self) -> None:
        """Start the process; it loads the model while nobody waits yet."""
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=pipe, stderr=pipe, limit=_LONGEST_LINE
        )
        self._tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._overhear())]

    async def ask(self, request: dict[str, Any]) -> AsyncGenerator[bytes, None]:
        """Send a request and yield its events as lines, the last of them "done" or "error".

        Who stops listening stops the request.

        Args:
            request: with an `id` of its own and a `verb`.
        """
        own = request["id"]
        if own in self._answers:
            raise UserError(f"request '{own}' is not finished: give another id")
        queue = self._answers[own] = asyncio.Queue()
        finished = False
        try:
            event, line = await asyncio.shield(self._ready)
            if event["event"] == "error" or self._end is not None:
                finished = True
                yield line if self._end is None else self._end[1]
                return
            self._send(request)
            while not finished:
                event, line = await queue.get()
                finished = event["event"] in ("done", "error")
                yield line
        finally:
            del self._answers[own]
            if not finished:
                self._send({"id": f"{own}-stop"[-64:], "verb": "stop", "of": own})

    async def close(self) -> None:
        """End the process now."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()  # it ends with its input
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                await asyncio.wait_for(process.wait(), _GRACE)
                break
            except TimeoutError:
                end_process(process, number)
        await asyncio.gather(*self._tasks)

    def _send(self, request: dict[str, Any]) -> None:
        """Write a request; where nobody reads it any more, its end is told by `_hear`."""
        if self._process is not None and self._process.stdin is not None and not self.is_ended:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")

    async def _hear(self) -> None:
        """Hand events to whoever asked, until the process ends."""
        assert self._process is not None
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):  # of a line that is too long: it is ended
            while line := await self._process.stdout.readline():
                event = json.loads(line)
                if event["id"] is None and not self._ready.done():
                    self._ready.set_result((event, line))
                elif (queue := self._answers.get(event["id"])) is not None:
                    queue.put_nowait((event, line))
        self.is_ended = True
        end_process(self._process, signal.SIGTERM)
        await self._tell_end(await self._process.wait())

    async def _tell_end(self, code: int) -> None:
        """Answer what was asked and can be answered no more."""
        await self._tasks[1]  # its last words
        event = {"id": None, "event": "error", "gone": True, "error": self._why(code)}
        answer = self._end = event, json.dumps(event).encode() + b"\n"
        if not self._ready.done():
            self._ready.set_result(answer)
        for queue in self._answers.values():
            queue.put_nowait(answer)

    def _why(self, code: int) -> str:
        if code == 0:
            return "the model was put away, nobody had asked it for a while: ask again to load it anew"
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        last = next((f": {line}" for line in reversed(self._said) if line), "")
        return f"the model's process ended ({how}{last[:300]}): ask again to start another"

    async def _overhear(self) -> None:
        """Keep the last lines that the process says beside its answers."""
        assert self._process is not None
        assert self._process.stderr is not None
        with contextlib.suppress(ValueError):
            while line := await self._process.stderr.readline():
                self._said.append(line.decode(errors="replace").strip())


class Players:
    """The workers that are alive, by run and snapshot.

    Args:
        idle: seconds after which each ends by itself.
    """

    def __init__(self, idle: float = IDLE) -> None:
        self._idle = idle
        self._players: dict[tuple[Path, str], Player] = {}  # the one that was asked last comes last
        self._lock = asyncio.Lock()
        self._closed = False

    async def player(self, run: Path, snapshot: str) -> Player:
        """Return the worker of a run's snapshot, started where there is none alive.

        Args:
            run: its directory.
            snapshot: which weights.

        Raises:
            UserError: as many as may be are at work for others, or the server ends.
        """
        async with self._lock:
            if self._closed:
                raise UserError("the server ends: start newllm ui again")
            found = self._players.pop((run, snapshot), None)
            if found is None or found.is_ended:
                await self._make_room()
                found = Player(run, snapshot, self._idle)
                await found.start()
            self._players[run, snapshot] = found
            return found

    async def close_of(self, runs: Collection[Path]) -> None:
        """End the workers of some runs: their directories have moved."""
        async with self._lock:
            for key in [key for key in self._players if key[0] in runs]:
                await self._players.pop(key).close()

    async def close(self) -> None:
        """End all workers, and start no more."""
        self._closed = True
        async with self._lock:
            await asyncio.gather(*(player.close() for player in self._players.values()))
            self._players.clear()

    async def close_at(self, stopping: asyncio.Event) -> None:
        """Wait for the server's end, then end all workers: their streams end with them."""
        await stopping.wait()
        await self.close()

    async def _make_room(self) -> None:
        """Forget who ended, and end whoever was not asked for longest."""
        self._players = {key: player for key, player in self._players.items() if not player.is_ended}
        while len(self._players) >= MOST_ALIVE:
            idle = next((key for key, player in self._players.items() if not player.is_busy), None)
            if idle is None:
                raise UserError(f"{MOST_ALIVE} other models are at work: wait for one, or stop it")
            await self._players.pop(idle).close()
