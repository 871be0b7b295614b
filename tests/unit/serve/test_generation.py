"""The queue between a worker and a response."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from newllm.serve.api_errors import ApiError
from newllm.serve.generation import MOST_UNREAD, ClientGoneError, Generation

PIECE = {"choice": 0, "text": "a"}
DONE = {"choice": 0, "finish": "length"}


def within(test: Callable[[Generation, list[Generation]], Awaitable[None]], choices: int = 1) -> None:
    async def run() -> None:
        stopped: list[Generation] = []
        async with asyncio.timeout(20):
            await test(Generation(choices, stopped.append), stopped)

    asyncio.run(run())


def test_all_that_waits_is_taken_at_once() -> None:
    async def test(generation: Generation, _: Any) -> None:
        for event in (PIECE, PIECE, DONE):
            generation.put(event)
        assert await generation.take() == [PIECE, PIECE, DONE]
        assert await generation.take() == []

    within(test)


def test_who_is_told_too_early_waits_on() -> None:
    async def test(generation: Generation, _: Any) -> None:
        taking = asyncio.create_task(generation.take())
        await asyncio.sleep(0)
        generation.rouse()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not taking.done()
        generation.put(PIECE)
        generation.rouse()
        assert await taking == [PIECE]

    within(test)


def test_it_ends_with_its_last_choice() -> None:
    async def test(generation: Generation, _: Any) -> None:
        generation.put(DONE)
        assert not generation.is_finished
        generation.put({"choice": 1, "finish": "stop"})
        assert generation.is_finished
        generation.fail(ApiError(500, "too late"))
        assert len(await generation.take()) == 2
        assert await generation.take() == []

    within(test, choices=2)


def test_an_error_comes_after_what_was_written_before_it() -> None:
    async def test(generation: Generation, _: Any) -> None:
        generation.put(PIECE)
        generation.fail(ApiError(500, "it broke"))
        assert await generation.take() == [PIECE]
        with pytest.raises(ApiError, match="it broke"):
            await generation.take()

    within(test)


def test_who_left_is_told_nothing_more() -> None:
    async def test(generation: Generation, stopped: list[Generation]) -> None:
        generation.put(PIECE)
        generation.leave()
        with pytest.raises(ClientGoneError):
            await generation.take()
        left = list[int]()
        generation.when_closed(lambda: left.append(1))
        generation.close()
        generation.close()
        assert (stopped, left) == ([generation], [1])

    within(test)


def test_what_nobody_reads_is_bounded() -> None:
    async def test(generation: Generation, stopped: list[Generation]) -> None:
        for _number in range(MOST_UNREAD):
            generation.put(PIECE)
        assert generation.error is None
        generation.put(PIECE)
        assert generation.error is not None
        assert "were not read in time" in generation.error.message
        assert stopped == [generation]  # the worker writes no more, though nobody has taken the error
        for _number in range(10):
            generation.put(PIECE)
        assert len(await generation.take()) == MOST_UNREAD + 1
        generation.put(PIECE)  # the error is told all the same
        with pytest.raises(ApiError, match="were not read in time"):
            await generation.take()

    within(test)


def test_waiting_ends_without_an_event_too() -> None:
    async def test(generation: Generation, _: Any) -> None:
        assert not await generation.wait(0.01)
        generation.put(PIECE)
        assert await generation.wait(100)

    within(test)
