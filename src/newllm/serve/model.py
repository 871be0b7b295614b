"""A model that is served: its worker, started again when it dies and replaced when it is told to reload."""

import asyncio
import dataclasses
from typing import Any

from newllm.errors import UserError
from newllm.serve.api_errors import ending, unavailable
from newllm.serve.generation import Generation
from newllm.serve.log import Log
from newllm.serve.metrics import Metrics
from newllm.serve.worker import Ready, Worker, WorkerOptions

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0  # seconds before a worker that died is started again
_HEALTHY = 30.0  # seconds that a worker must live for the pause to be short again


class Model:
    """One model and its worker.

    Args:
        name: what clients call it.
        options: how its worker is started.
        log: where is said what happens to it.
        metrics: of the server.
    """

    def __init__(self, name: str, options: WorkerOptions, log: Log, metrics: Metrics) -> None:
        self.name, self.metrics = name, metrics.model(name)
        self._options, self._log = options, log
        self._worker: Worker | None = None
        self._retired: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._loading = asyncio.Lock()  # one at a time: of two, the first would stay behind
        self._closed = False

    @property
    def ready(self) -> Ready | None:
        """What its worker says of it; None while there is none to ask."""
        return None if self._worker is None or self._worker.ended.is_set() else self._worker.ready

    async def start(self) -> None:
        """Load it.

        Raises:
            UserError: it cannot be loaded.
        """
        async with self._loading:
            self._worker = await self._started(self._options)
        self._watching = asyncio.create_task(self._watch())

    def check_ready(self) -> Ready:
        """Return what its worker says of it.

        Raises:
            ApiError: it is being loaded, or the server is ending.
        """
        if self._closed:
            raise ending()
        if (ready := self.ready) is None:
            raise unavailable(f"model '{self.name}' is being loaded: try again soon")
        return ready

    async def ask(self, requests: list[tuple[dict[str, Any], bytes]]) -> Generation:
        """Send requests to the worker, as `Worker.ask`."""
        self.check_ready()
        assert self._worker is not None
        return await self._worker.ask(requests)

    async def reload(self) -> None:
        """Load what `--snapshot` names now; new requests go to it, and the old worker ends with its last request."""
        async with self._loading:
            try:
                new = await self._started(self._options)
            except UserError as error:  # the old one goes on
                self._log.event("reload_failed", model=self.name, error=str(error))
                return
            old, self._worker = self._worker, new
            if old is not None:
                task = asyncio.create_task(self._retire(old))
                self._retired.add(task)
                task.add_done_callback(self._retired.discard)

    async def close(self) -> None:
        """End its workers."""
        self._closed = True
        tasks = [*self._retired, *([self._watching] if self._watching else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._worker is not None:
            await self._worker.close()

    async def _started(self, options: WorkerOptions) -> Worker:
        worker = Worker(self.name, options, self._log, self.metrics)
        try:
            ready = await worker.start()
        except BaseException:
            await worker.close()
            raise
        self._log.event("loaded", model=self.name, step=ready.snapshot_step, fingerprint=ready.fingerprint)
        return worker

    async def _retire(self, worker: Worker) -> None:
        try:
            while worker.is_busy:
                await asyncio.sleep(0.1)
        finally:
            await worker.close()

    async def _watch(self) -> None:
        """Start another worker whenever one died."""
        pause, loop = _FIRST_PAUSE, asyncio.get_running_loop()
        while not self._closed:
            worker, began = self._worker, loop.time()
            assert worker is not None
            await worker.ended.wait()
            if worker is not self._worker:  # it was replaced
                continue
            self._log.event("worker_ended", model=self.name, why=worker.why)
            if loop.time() - began > _HEALTHY:
                pause = _FIRST_PAUSE
            pause = await self._restart(worker, pause)

    async def _restart(self, dead: Worker, pause: float) -> float:
        """Start a worker in the place of one that died, however often it takes; return the next pause."""
        while True:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            async with self._loading:
                if self._worker is not dead:  # a reload has put another into its place
                    return pause
                self.metrics.restarted()
                try:
                    self._worker = await self._started(self._options_of(dead))
                except UserError as error:
                    self._log.event("restart_failed", model=self.name, error=str(error))
                    continue
                return pause

    def _options_of(self, dead: Worker) -> WorkerOptions:
        """Return how a worker of the same snapshot is started: a training may have written others meanwhile."""
        assert dead.ready is not None
        step = dead.ready.snapshot_step
        if not (self._options.run / "snapshots" / f"step-{step:08d}" / "state.json").is_file():
            self._log.event("snapshot_gone", model=self.name, step=step)
            return self._options
        arguments = (*self._options.arguments, "--snapshot", str(step))  # the last one of an option holds
        return dataclasses.replace(self._options, arguments=arguments)
