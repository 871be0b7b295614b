"""One worker process: a loaded model, spoken to in frames over its standard input and output."""

import asyncio
import contextlib
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from newllm.errors import UserError
from newllm.frames import encode_frame, read_frame_async
from newllm.serve.api_errors import ApiError
from newllm.serve.generation import Generation, worker_ended
from newllm.serve.log import Log
from newllm.serve.metrics import ModelMetrics
from newllm.servers.child import end_process

_GRACE = 3.0  # seconds for a worker to end before it is killed
_BUFFER = 1 << 20  # bytes that are read ahead
_CODES = {"state": "invalid_state", "request": "invalid_value"}


@dataclass(frozen=True)
class Ready:
    """What a worker says of its model once it is loaded."""

    snapshot_step: int
    fingerprint: str
    vocabulary: int
    parameters: int
    state_bytes: int
    weights: str

    @classmethod
    def of(cls, frame: dict[str, Any]) -> "Ready":
        """Take what is wanted of a `ready` frame."""
        return cls(**{name: frame[name] for name in (one.name for one in fields(cls))})


@dataclass(frozen=True)
class WorkerOptions:
    """How a worker is started.

    Attributes:
        run: the run directory.
        arguments: its further arguments.
    """

    run: Path
    arguments: tuple[str, ...] = ()

    @property
    def command(self) -> list[str]:
        """The command line."""
        return [sys.executable, "-P", "-m", "newllm.inference", *self.arguments, "--", str(self.run)]


@dataclass(slots=True)
class _Part:
    """One request to the worker: a part of an HTTP request, whose first choice has the number `first` there."""

    generation: Generation
    first: int
    began: float
    heard: dict[int, float] = field(default_factory=dict)  # by choice when it was heard last


class Worker:
    """One process. A request is asked of it once it is ready, and heard as a `Generation`.

    Args:
        model: the model's name.
        options: how it is started.
        log: where its own lines go.
        metrics: what is counted of the model.
    """

    def __init__(self, model: str, options: WorkerOptions, log: Log, metrics: ModelMetrics) -> None:
        self.ready: Ready | None = None
        self.ended = asyncio.Event()
        self.why = ""
        self._model, self._options, self._log, self._metrics = model, options, log, metrics
        self._open: dict[int, _Part] = {}  # by id
        self._next = 0
        self._first: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        self._said: deque[str] = deque(maxlen=20)
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_busy(self) -> bool:
        """Whether a request is unfinished."""
        return bool(self._open)

    async def start(self) -> Ready:
        """Start the process and wait for its model.

        Raises:
            UserError: the model cannot be loaded.
        """
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._options.command, stdin=pipe, stdout=pipe, stderr=pipe, limit=_BUFFER
        )
        self._tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._overhear())]
        first = await asyncio.shield(self._first)
        if first is None or first["op"] != "ready":
            await self.ended.wait()
            raise UserError(first["error"] if first else f"the process of model '{self._model}' ended ({self.why})")
        self.ready = Ready.of(first)
        return self.ready

    async def ask(self, requests: Sequence[tuple[dict[str, Any], bytes]]) -> Generation:
        """Send the requests of one HTTP request; choice i of the k-th is choice k * n + i of the generation.

        Args:
            requests: `generate` frames without `op` and `id`, each with the state that it goes on from.

        Raises:
            ApiError: the process has ended.
        """
        if self.ended.is_set():
            raise worker_ended(self._model, self.why)
        generation = Generation(sum(request["n"] for request, _ in requests), self._forget)
        first, began = 0, time.monotonic()
        for request, state in requests:
            self._next += 1
            self._open[self._next] = _Part(generation, first, began)
            first += request["n"]
            self._send({"op": "generate", "id": self._next, **request}, state)
        try:
            await self._drain()
        except BaseException:
            generation.close()
            raise
        return generation

    async def close(self) -> None:
        """End the process now; what is unfinished ends with an error."""
        process = self._process
        if process is None:
            return
        self.why = self.why or "the server ends"
        if process.stdin is not None:
            process.stdin.close()  # it ends with its input
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                await asyncio.wait_for(self.ended.wait(), _GRACE)
                break
            except TimeoutError:
                end_process(process, number)
        await asyncio.gather(*self._tasks)

    def _send(self, header: dict[str, Any], blob: bytes = b"") -> None:
        """Write a frame; where nobody reads it any more, its end is told by `_hear`."""
        assert self._process is not None
        assert self._process.stdin is not None
        if not self.ended.is_set() and not self._process.stdin.is_closing():
            self._process.stdin.write(encode_frame(header, blob))

    async def _drain(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):  # told by `_hear`
            await self._process.stdin.drain()

    def _forget(self, generation: Generation) -> None:
        """Cancel what is left of a generation."""
        for own in [own for own, part in self._open.items() if part.generation is generation]:
            del self._open[own]
            self._send({"op": "cancel", "id": own})

    async def _hear(self) -> None:
        """Hand events to whoever asked, until the process ends."""
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            while (frame := await read_frame_async(self._process.stdout)) is not None:
                self._take(*frame)
        except (ValueError, KeyError, TypeError) as error:  # what it writes are no frames: it is ended
            self.why = f"a frame that is none: {error}"
            end_process(self._process, signal.SIGKILL)
        await self._end()

    async def _end(self) -> None:
        """Tell everybody who waits that no more will come."""
        assert self._process is not None
        code = await self._process.wait()
        await self._tasks[1]  # its last words
        self.why = self.why or _reason(code, self._said)
        self.ended.set()
        if not self._first.done():
            self._first.set_result(None)
        for part in self._open.values():
            part.generation.fail(worker_ended(self._model, self.why))
        self._open.clear()

    def _take(self, header: dict[str, Any], blob: bytes) -> None:
        match header["op"]:
            case "events":
                self._hand_on(header["events"])
            case "done":
                self._done(header, blob)
            case "error":
                if (part := self._open.pop(header["id"], None)) is not None:
                    part.generation.fail(_error(header))
            case "stats":
                self._metrics.stats(header)
            case "ready" | "failed" if not self._first.done():
                self._first.set_result(header)
            case "failed":
                self.why = header["error"]

    def _hand_on(self, events: list[dict[str, Any]]) -> None:
        """Give each piece that the batch tells of to its request."""
        now = time.monotonic()
        self._metrics.wrote(sum(event["tokens"] for event in events if not event.get("echo")))
        told = dict[Generation, None]()
        for event in events:
            part = self._open.get(event["id"])
            if part is None:  # cancelled meanwhile
                continue
            choice = event["choice"]
            before, part.heard[choice] = part.heard.get(choice), now
            event["choice"] = part.first + choice
            part.generation.put(event)
            told[part.generation] = None
            if before is None:
                self._metrics.first.add(now - part.began)
            else:
                self._metrics.gap.add(now - before)
        for generation in told:
            generation.rouse()

    def _done(self, header: dict[str, Any], blob: bytes) -> None:
        part = self._open.get(header["id"])
        if part is None:
            return
        if header["last"]:
            del self._open[header["id"]]
        header["choice"] += part.first
        header["state"] = blob
        part.generation.put(header)
        part.generation.rouse()

    async def _overhear(self) -> None:
        """Pass on what the process says beside its frames, and keep the last lines."""
        assert self._process is not None
        assert self._process.stderr is not None
        with contextlib.suppress(ValueError):
            while line := await self._process.stderr.readline():
                said = line.decode(errors="replace").strip()
                self._said.append(said)
                self._log.event("worker", model=self._model, line=said[:500])


def _error(frame: dict[str, Any]) -> ApiError:
    kind = frame.get("kind")
    return ApiError(400 if kind in _CODES else 500, frame["error"], code=_CODES.get(kind or "", "server_error"))


def _reason(code: int, said: Sequence[str]) -> str:
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    last = next((f": {line}" for line in reversed(said) if line), "")
    return how + last[:300]
