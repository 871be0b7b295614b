"""What one request hears from its worker: a queue of events, taken all at once by whoever writes the response."""

import asyncio
from collections.abc import Callable
from typing import Any, final

from newllm.serve.api_errors import ApiError, unavailable

MOST_UNREAD = 8192
"""Events that may wait for a client that reads slower than the model writes."""

Event = dict[str, Any]
"""An entry of an `events` frame, with its choice; or a `done` frame, whose state is in `state`."""


class ClientGoneError(Exception):
    """The client has closed its connection: nobody reads what would be written."""


@final
class Generation:
    """The events of one HTTP request, which may be several requests to the worker.

    Args:
        choices: how many choices there will be, over all requests to the worker.
        stop: called as soon as nobody wants more, and at the end: the worker may forget the requests.
    """

    def __init__(self, choices: int, stop: Callable[["Generation"], None]) -> None:
        self.choices = choices
        self._stop = stop
        self._left = choices
        self._waiting: list[Event] = []
        self.error: ApiError | None = None
        self._gone = False
        self._wake: asyncio.Future[None] | None = None
        self._closed = False
        self._on_close: list[Callable[[], None]] = []
        self.tap: Callable[[list[Event]], bool] | None = None
        """Takes events in the place of whoever waits for them, but not the last; False where it cannot."""

    @property
    def is_finished(self) -> bool:
        """Whether no more will come."""
        return self._left <= 0 or self.error is not None or self._gone

    @property
    def is_silent(self) -> bool:
        """Whether nothing waits to be taken."""
        return not self._waiting

    def put(self, event: Event) -> None:
        """Hand an event on; whoever takes is told by `rouse`. Behind an error there is no more to hand."""
        if self.is_finished:
            return
        if "finish" in event:
            self._left -= 1
        self._waiting.append(event)
        if len(self._waiting) > MOST_UNREAD:
            self.fail(ApiError(408, f"{MOST_UNREAD:,} pieces of text were not read in time: read faster"))
            self._stop(self)  # now: whoever takes may wait for long for a client that does not read

    def rouse(self) -> None:
        """Tell whoever waits for an event that there is one."""
        if self._wake is None or self._wake.done():  # nobody waits: whoever takes next looks
            return
        if self.tap is not None and self._waiting and not self.is_finished and self.tap(self._waiting):
            self._waiting = []
        else:
            self._wake.set_result(None)

    def fail(self, error: ApiError) -> None:
        """End with an error, unless it has ended."""
        if not self.is_finished:
            self.error = error
            self.rouse()

    def leave(self) -> None:
        """End without anybody to tell: the client went away."""
        self._gone = True
        self.rouse()

    async def take(self) -> list[Event]:
        """Return all events that wait, at least one; an empty list after the last.

        Raises:
            ApiError: the worker or the request failed.
            ClientGoneError: the client went away.
        """
        while not self._waiting and not self.is_finished:  # who was told too early waits again
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        if self._gone:
            raise ClientGoneError
        if self.error is not None and not self._waiting:
            raise self.error
        taken, self._waiting = self._waiting, []
        return taken

    async def wait(self, seconds: float) -> bool:
        """Wait for an event, but not for long; return whether there is one, or an end."""
        if not self._waiting and not self.is_finished:
            self._wake = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._wake], timeout=seconds)
        return bool(self._waiting) or self.is_finished

    def when_closed(self, call: Callable[[], None]) -> None:
        """Call something once this is closed."""
        self._on_close.append(call)

    def close(self) -> None:
        """Want no more: what is being written for nobody is cancelled."""
        if self._closed:
            return
        self._closed = True
        self._stop(self)
        for call in self._on_close:
            call()


def worker_ended(model: str, why: str) -> ApiError:
    """Return the error of a request whose worker is no more."""
    return unavailable(f"the process of model '{model}' ended ({why}): send the request again")
