"""When the requests of a worker are told of what it writes."""

import asyncio
import io
from pathlib import Path
from typing import Any

from newllm.serve.generation import Generation
from newllm.serve.log import Log
from newllm.serve.metrics import Metrics
from newllm.serve.worker import Worker, WorkerOptions, _Part


def test_what_a_frame_tells_of_is_given_to_each_request_at_once_and_in_one_piece() -> None:
    async def test() -> None:
        worker = Worker("it", WorkerOptions(Path("it")), Log(io.StringIO()), Metrics().model("it"))
        told: list[int] = []
        generation = Generation(2, lambda _: None)
        worker._open[1] = _Part(generation, 0, 0.0)

        async def reader() -> None:
            while events := await generation.take():
                told.append(len(events))

        reading = asyncio.create_task(reader())
        await asyncio.sleep(0)
        for _ in range(3):
            worker._take({"op": "events", "events": [_piece(choice) for choice in (0, 1)]}, b"")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert told == [2, 2, 2]
        for choice in (0, 1):
            worker._take(_done(choice), b"state")
        await asyncio.wait_for(reading, 20)
        assert sum(told) == 8

    asyncio.run(test())


def _piece(choice: int) -> dict[str, Any]:
    return {"id": 1, "choice": choice, "text": "a", "tokens": 1}


def _done(choice: int) -> dict[str, Any]:
    return {"op": "done", "id": 1, "choice": choice, "finish": "length", "whole": True, "last": choice == 1}
