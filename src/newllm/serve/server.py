"""Serve until told to end. SIGTERM lets what runs finish first; SIGHUP loads snapshots and keys anew."""

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from newllm.errors import UserError
from newllm.serve.app import build_app
from newllm.serve.chat_template import template_of
from newllm.serve.connections import ACCEPTED_AT_ONCE, Connection
from newllm.serve.guard import Access, local_access
from newllm.serve.keys import read_keys
from newllm.serve.limits import MOST_TEXTS, Limits
from newllm.serve.log import Log, standard_log
from newllm.serve.metrics import Metrics
from newllm.serve.model import Model
from newllm.serve.service import Service
from newllm.serve.store import Limits as StoreLimits
from newllm.serve.store import open_store
from newllm.serve.worker import WorkerOptions
from newllm.servers.listening import address_of, bind, is_local

DRAIN_SECONDS = 60.0
"""For what runs when the server is told to end."""

_WAITING = 2048  # connections that nobody has taken yet


@dataclass(frozen=True)
class Settings:
    """What is served, where, and to whom.

    Attributes:
        runs: the run directories; a model is called by its directory's name.
        host: address to bind to.
        port: 0 takes any.
        worker: further arguments of the workers.
        store: where responses are kept, as `open_store` has it.
        limits: of the store.
        streams: how many texts may be read, written or waited for at once.
        keys: the file of API keys.
        template: a chat template for all models.
        origins: of pages that may ask.
    """

    runs: tuple[Path, ...]
    host: str = "127.0.0.1"
    port: int = 8000
    worker: tuple[str, ...] = ()
    store: str | None = None
    limits: StoreLimits = field(default_factory=StoreLimits)
    streams: int = MOST_TEXTS
    keys: Path | None = None
    template: Path | None = None
    origins: tuple[str, ...] = ()


def serve(settings: Settings, ready: Callable[[str, list[str]], None], log: Log | None = None) -> None:
    """Serve until the process is told to end.

    Args:
        settings: what, where, and to whom.
        ready: told the address and the models, once all can be asked.
        log: standard error without one.

    Raises:
        UserError: a setting is wrong, or a model cannot be loaded.
    """
    log = log or standard_log()
    service = _service(settings, log)
    try:
        bound = bind(settings.host, settings.port, waiting=_WAITING)
        with bound:
            address = address_of(settings.host, bound.getsockname()[1])
            server = Server(service, settings, lambda: ready(address, list(service.models)))
            server.run(sockets=[bound])
    finally:
        service.store.close()
    if server.failure is not None:
        raise server.failure


def _service(settings: Settings, log: Log) -> Service:
    """Put together what is served; nothing of it runs yet."""
    names = [run.resolve().name for run in settings.runs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"two runs are called '{twice[0]}', and a model by its directory's name: rename one of them")
    templates = {
        name: found
        for name, run in zip(names, settings.runs, strict=True)
        if (found := template_of(run, settings.template)) is not None
    }
    access, metrics = _access(settings), Metrics()
    models = [
        Model(name, WorkerOptions(run, settings.worker), log, metrics)
        for name, run in zip(names, settings.runs, strict=True)
    ]
    store = open_store(settings.store, settings.limits)
    return Service(models, templates, store, access, log, metrics, Limits(settings.streams))


def _access(settings: Settings) -> Access:
    if settings.keys is not None:
        return Access(keys=read_keys(settings.keys), origins=settings.origins)
    if not is_local(settings.host):
        raise UserError(
            f"--host {settings.host}: others can reach it, so it needs --keys FILE (newllm serve --new-key NAME)"
        )
    if "*" in settings.origins:
        raise UserError(
            "--cors '*' lets every page of the web ask: name an origin, as https://example.org, or use --keys"
        )
    return local_access(settings.host, settings.origins)


class Server(uvicorn.Server):
    """Loads the models once it listens, and drains before it ends.

    Args:
        service: what is served.
        settings: how.
        ready: called once all models can be asked.

    Attributes:
        failure: why the models could not be loaded.
    """

    def __init__(self, service: Service, settings: Settings, ready: Callable[[], None]) -> None:
        app = build_app(service)
        super().__init__(
            uvicorn.Config(
                app, log_level="error", access_log=False, ws="none", lifespan="off", server_header=False,
                timeout_graceful_shutdown=3, http=Connection, backlog=ACCEPTED_AT_ONCE,
            )
        )  # fmt: skip
        self.failure: UserError | None = None
        self._service, self._settings, self._ready = service, settings, ready
        self._ends: float | None = None
        self._said = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and begin to load."""
        await super().startup(sockets)
        for bound in sockets or ():
            bound.listen(_WAITING)  # asyncio has set it to what it accepts at once
        if hasattr(signal, "SIGHUP"):
            with contextlib.suppress(RuntimeError, ValueError):  # not in the main thread
                asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: self._start(self._reload()))
        self._start(self._load())

    async def on_tick(self, counter: int) -> bool:
        """Say ten times a second whether it is time to end."""
        if self._ends is not None:
            if not self._said:
                self._said = True
                self._service.log.event("draining", texts=self._service.limits.texts)
            if time.monotonic() >= self._ends or not self._is_answering():
                self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: what still runs ends with its worker."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(model.close() for model in self._service.models.values()))
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain on the first signal, end on the second."""
        if self._ends is not None or not self.started:
            super().handle_exit(sig, frame)
            return
        self._captured_signals.append(sig)
        self._service.access.draining = True
        self._ends = time.monotonic() + DRAIN_SECONDS

    def _is_answering(self) -> bool:
        connections = self.server_state.connections
        return any(isinstance(one, Connection) and one.is_answering for one in connections)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _load(self) -> None:
        try:
            await self._service.load()
        except UserError as error:
            self.failure, self.should_exit = error, True
            return
        self._ready()

    async def _reload(self) -> None:
        """Read the keys again, and load the snapshots anew."""
        if self._settings.keys is not None:
            try:
                self._service.access.keys = read_keys(self._settings.keys)
            except UserError as error:  # the old ones hold
                self._service.log.event("reload_failed", error=str(error))
        await self._service.reload()
