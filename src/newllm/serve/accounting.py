"""Middleware around everything: each request gets an id, a line in the log, and is counted."""

import asyncio
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newllm.serve.connections import Connection
from newllm.serve.log import Entry, Log
from newllm.serve.metrics import Metrics

_QUIET = frozenset({"/health", "/metrics"})
_KNOWN = _QUIET | {"/v1/models", "/v1/completions", "/v1/chat/completions", "/v1/responses"}
_BELOW = ("/v1/models/", "/v1/responses/")


class Accounting:
    """Writes the log and counts.

    Args:
        app: what is watched.
        log: gets a line a request, but for those that only look whether all is well.
        metrics: counts them.
    """

    def __init__(self, app: ASGIApp, log: Log, metrics: Metrics) -> None:
        self._app, self._log, self._metrics = app, log, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        entry = scope["newllm.entry"] = Entry(f"req_{secrets.token_hex(12)}")
        began, status = time.monotonic(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", entry.id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, sending)
            if not await _is_sent(scope):
                entry.error = entry.error or "cut before the client had read all of it"
        finally:
            endpoint = endpoint_of(scope["path"])
            self._metrics.request(endpoint, status)
            if endpoint not in _QUIET:
                seconds = round(time.monotonic() - began, 4)
                self._log.event("request", endpoint=endpoint, status=status, seconds=seconds, **entry.fields())


async def _is_sent(scope: Scope) -> bool:
    """Wait until the response is with the client; False where it will never be."""
    connection: Connection | None = scope.get("state", {}).get("connection")
    if connection is None:  # another server than ours
        return True
    try:
        return await connection.sent()
    except asyncio.CancelledError:  # the server ends
        return False


def endpoint_of(path: str) -> str:
    """Return what a request is counted as: a known path, with {id} in the place of an id."""
    if path in _KNOWN:
        return path
    return next((f"{above}{{id}}" for above in _BELOW if path.startswith(above)), "other")
