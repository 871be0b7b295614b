"""When what was written is with the client."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from uvicorn.server import ServerState

from newllm.serve.connections import Connection


@asynccontextmanager
async def connected() -> AsyncGenerator[tuple[Connection, socket.socket], None]:
    """A connection, and the socket of a client that reads nothing by itself."""
    config, state, loop = uvicorn.Config(lambda: None, log_level="error"), ServerState(), asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 14)
    theirs.setblocking(False)
    with theirs:
        _, one = await loop.connect_accepted_socket(lambda: Connection(config, state, {}, loop), ours)
        yield one, theirs
        if not one.transport.is_closing():
            one.transport.abort()


def write_too_much(one: Connection) -> None:
    """Write a little more than the system takes."""
    while not one.unread:
        one.transport.write(bytes(1000))


def test_a_few_bytes_that_are_left_are_waited_for() -> None:
    async def test() -> None:
        async with connected() as (one, client):
            assert await one.sent()
            for _ in range(2):
                write_too_much(one)
                waiting = [asyncio.create_task(one.sent()) for _ in range(3)]
                await asyncio.sleep(0.05)
                waiting.pop().cancel()
                assert not any(task.done() for task in waiting)
                assert not one.waits
                assert one.is_answering
                while one.unread:
                    await asyncio.get_running_loop().sock_recv(client, 1 << 16)
                    await asyncio.sleep(0)
                assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [True, True]
                assert one.waits
                assert not one.flow.write_paused
                assert one.transport.get_write_buffer_limits() == (1 << 14, 1 << 16)

    asyncio.run(test())


def test_a_connection_that_is_closed_sends_the_rest_and_one_that_is_lost_does_not() -> None:
    async def test() -> None:
        for lose in (False, True):
            async with connected() as (one, client):
                write_too_much(one)
                waiting = asyncio.create_task(one.sent())
                await asyncio.sleep(0.01)
                one.transport.close()
                if lose:
                    client.close()
                else:
                    while await asyncio.get_running_loop().sock_recv(client, 1 << 16):
                        await asyncio.sleep(0)
                assert await asyncio.wait_for(waiting, 5) == (not lose)
                assert not await one.sent()  # of what could be written now

    asyncio.run(test())
