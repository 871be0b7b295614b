"""Bind a port and serve, until Ctrl-C or SIGTERM."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from newllm.servers import listening
from newllm.ui.app import build_app
from newllm.ui.connections import ACCEPTED_AT_ONCE, Connection
from newllm.ui.guard import Access, access_for

_TRIES = 50  # ports, from the one that was asked for
_WAITING = 2048  # connections that nobody has taken yet


class _Server(uvicorn.Server):
    """Says when it serves, and lets streams end first of all when it is to stop."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready, self._ending = ready, ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for bound in sockets or ():
            bound.listen(_WAITING)  # asyncio has set it to what it accepts at once
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        latecomers = asyncio.create_task(self._end_latecomers())
        try:
            await super().shutdown(sockets)
        finally:
            latecomers.cancel()

    async def _end_latecomers(self) -> None:
        """End what is connected only now: it was accepted before, and uvicorn ends what is there just once."""
        while True:
            await asyncio.sleep(0.1)
            for connection in list(self.server_state.connections):
                connection.shutdown()


def serve(root: Path, *, host: str, port: int, token: str, ready: Callable[[str], None], demo: bool = False) -> None:
    """Serve the page until the process is told to end.

    Args:
        root: the directory whose runs are shown.
        host: address to bind to.
        port: the first to try; 0 takes any.
        token: what who asks must know, where others than this machine can reach the address.
        ready: told the address to open, once it can be opened.
        demo: whether it is the packaged demo.

    Raises:
        UserError: there is no such address, or no free port.
    """
    bound = bind(host, port)
    access = access_for(host, token)
    app = build_app(root, access, demo=demo)
    address = _address(host, bound.getsockname()[1], access)
    with bound:
        _Server(configured(app), lambda: ready(address), app.state.ending).run(sockets=[bound])


def configured(app: ASGIApp) -> uvicorn.Config:
    """Return how the application is served. What is no request is no line on the terminal."""
    return uvicorn.Config(
        app, log_level="error", access_log=False, ws="none", lifespan="on", server_header=False,
        timeout_graceful_shutdown=3, http=Connection, backlog=ACCEPTED_AT_ONCE,
    )  # fmt: skip


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens at the port, or at the next free one.

    Raises:
        UserError: there is no such address, or no free port.
    """
    return listening.bind(host, port, tries=_TRIES, waiting=_WAITING)


def _address(host: str, port: int, access: Access) -> str:
    where = listening.address_of(host, port)
    return where if access.token is None else f"{where}?token={access.token}"
