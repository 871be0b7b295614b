"""When the requests of a worker are told of what it writes."""

import asyncio
import io
from pathlib import Path
from typing import Any

from newllm.serve.generation import Generation
from newllm.serve.log import Log
from newllm.serve.metrics import Metrics
from newllm.serve.worker import Worker, WorkerOptions, _Part


def test_many_tokens_a_second_are_told_of_in_bundles() -> None:
    async def test() -> None:
        worker = Worker("it", WorkerOptions(Path("it")), Log(io.StringIO()), Metrics().model("it"))
        told: list[int] = []
        generation = Generation(2, lambda _: None)
        worker._open[1] = _Part(generation, 0, 0.0)

        async def reader() -> None:
            while events := await generation.take():
                told.append(len(events))

        async def step(times: int, *, pause: float = 0.0) -> None:
            for _ in range(times):
                worker._take({"op": "events", "events": [_piece(choice) for choice in (0, 1)]}, b"")
                await asyncio.sleep(pause)
            await asyncio.sleep(0)

        reading = asyncio.create_task(reader())
        await asyncio.sleep(0)
        await step(1)
        assert told == [2]  # the first of a text at once
        for total in (42, 82):  # again and again
            await step(20)
            await asyncio.sleep(0.1)
            assert sum(told) == total
        assert len(told) <= 12
        before = len(told)
        await step(3, pause=0.02)  # a slow model is told of with every step, at once
        assert told[before:] == [2, 2, 2]
        await step(5)
        for choice in (0, 1):
            worker._take(_done(choice), b"state")
        await asyncio.sleep(0)
        await asyncio.wait_for(reading, 20)
        assert sum(told[before + 3 :]) == 12  # the end is told of at once, with what waits

    asyncio.run(test())


def _piece(choice: int) -> dict[str, Any]:
    return {"id": 1, "choice": choice, "text": "a", "tokens": 1}


def _done(choice: int) -> dict[str, Any]:
    return {"op": "done", "id": 1, "choice": choice, "finish": "length", "whole": True, "last": choice == 1}
