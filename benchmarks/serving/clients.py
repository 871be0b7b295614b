"""Many clients of a server in one process that costs little: asyncio on bare sockets, server-sent events counted only.

It reads tasks as lines of JSON from standard input and answers each with a line. A task says which streams there are:
when each begins (seconds from the task's start: an open loop, nobody waits for an answer before), its body and its
kind. A token's time is when its event came; events that came in one piece have one time, so a gap of none is possible
and the longest gaps are whole. An event may hold several tokens: gaps are those between events, and speeds count each
event of a stream as many tokens as the usage at its end says that there were in the mean.
"""

import asyncio
import gc
import json
import os
import re
import resource
import statistics
import sys
import time
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

_TAIL = 1024  # bytes that are kept for the next piece: the last events of a stream with their usage
_HEAD = 64  # bytes that show the status
_USAGE = re.compile(rb'"completion_tokens": ?(\d+)')
_FINISH = re.compile(rb'"finish_reason": ?"(\w+)"')


class Stream(asyncio.Protocol):
    """One request and what came of it.

    Args:
        request: all its bytes.
        mark: what each event with a token has in it once.
        due: when it was to begin.
        ended: called at its end.
    """

    def __init__(self, request: bytes, mark: bytes, due: float, ended: asyncio.Event) -> None:
        self._request, self._mark, self._ended = request, mark, ended
        self._tail, self._head = b"", b""
        self.due, self.begun, self.end = due, 0.0, 0.0
        self.times = list[float]()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        assert isinstance(transport, asyncio.Transport)
        self.begun = time.perf_counter()
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count the tokens of a piece."""
        now = time.perf_counter()
        if len(self._head) < _HEAD:
            self._head += data[:_HEAD]
        seam = self._tail[1 - len(self._mark) :] + data  # too short for a mark that was counted before
        if count := seam.count(self._mark):
            self.times += [now] * count
        self._tail = (self._tail + data)[-_TAIL:]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's form)
        """It has ended, one way or the other."""
        self.end = time.perf_counter()
        self._ended.set()

    @property
    def tokens(self) -> int:
        """How many the server says that it wrote; what was counted where it says nothing."""
        said = _USAGE.findall(self._tail)
        return int(said[-1]) if said else len(self.times)

    @property
    def error(self) -> str | None:
        """What went wrong."""
        if not self._head.startswith(b"HTTP/1.1 200"):
            return self._head.split(b"\r\n")[0].decode() or "no answer"
        if not self.end:
            return "not finished in time"
        return None if _FINISH.search(self._tail) else "ended without a reason"


def request_of(task: dict[str, Any], body: dict[str, Any]) -> bytes:
    """Return the bytes of a request."""
    content = json.dumps(body).encode()
    head = f"POST {task['path']} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


async def streamed(task: dict[str, Any]) -> dict[str, Any]:
    """Begin every stream when it is due; return what came of each kind."""
    loop, mark = asyncio.get_running_loop(), task["mark"].encode()
    plans = sorted(task["streams"], key=lambda one: one["at"])
    requests = [request_of(task, one["body"]) for one in plans]
    streams, ended, began = list[Stream](), list[asyncio.Event](), time.perf_counter() + 0.05
    kept = set[asyncio.Task[Any]]()
    for plan, request in zip(plans, requests, strict=True):
        if (wait := began + plan["at"] - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        over = asyncio.Event()
        stream = Stream(request, mark, began + plan["at"], over)
        streams.append(stream)
        ended.append(over)
        connecting = loop.create_task(_connect(loop, stream, task["port"], over))
        kept.add(connecting)
        connecting.add_done_callback(kept.discard)
    await asyncio.wait([loop.create_task(over.wait()) for over in ended], timeout=task["patience"])
    kinds = sorted({one["kind"] for one in plans})
    found = {
        kind: _told([one for one, plan in zip(streams, plans, strict=True) if plan["kind"] == kind]) for kind in kinds
    }
    return {"kinds": found, "seconds": max(one.end for one in streams) - began}


async def _connect(loop: asyncio.AbstractEventLoop, stream: Stream, port: int, over: asyncio.Event) -> None:
    try:
        await loop.create_connection(lambda: stream, "127.0.0.1", port)
    except OSError:
        over.set()


def _told(streams: list[Stream]) -> dict[str, Any]:
    """Return counts, the quantiles of first tokens and gaps, and the speed while all were writing."""
    good = [one for one in streams if one.error is None]
    errors = [one.error for one in streams if one.error is not None]
    gaps = [later - before for one in good for before, later in pairwise(one.times)]
    return {
        "requests": len(streams),
        "finished": len(good),
        "errors": {error: errors.count(error) for error in sorted(set(errors))},
        "tokens": sum(one.tokens for one in good),
        "tokens_of_events": sum(len(one.times) for one in good),
        "first_token": quantiles(one.times[0] - one.due for one in good if one.times),
        "gap": quantiles(gaps),
        "whole": quantiles(one.end - one.due for one in good),
        "finishing_rate": _rate([one.end for one in good]),
        "late_begin": max((one.begun - one.due for one in good), default=0.0),
        "span": max((one.end for one in good), default=0.0) - min((one.due for one in streams), default=0.0),
        **_together(good),
    }


def _together(streams: list[Stream]) -> dict[str, float]:
    """Return the speed between the last stream's first token and the first stream's last: all of them write."""
    times = [one.times for one in streams if len(one.times) > 1]
    if not times:
        return {"together": 0.0, "tokens_a_second": 0.0}
    begin, end = max(one[0] for one in times), min(one[-1] for one in times)
    inside = sum(
        one.tokens / len(one.times) * sum(begin < moment <= end for moment in one.times)
        for one in streams
        if len(one.times) > 1
    )
    return {"together": end - begin, "tokens_a_second": inside / (end - begin) if end > begin else 0.0}


def _rate(moments: list[float]) -> float:
    took = max(moments, default=0.0) - min(moments, default=0.0)
    return (len(moments) - 1) / took if took else 0.0


def quantiles(values: Iterable[float]) -> dict[str, float]:
    """Return the median, the 99th of a hundred and the most, in milliseconds."""
    ordered = sorted(values)
    if not ordered:
        return {}
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    chosen = {"p50": statistics.median(ordered), "p99": p99, "most": ordered[-1]}
    return {name: round(1e3 * value, 3) for name, value in chosen.items()}


def main() -> None:
    """Answer tasks until there are no more."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.disable()  # of a collection every client would see a gap
    for line in sys.stdin:
        before = time.process_time()
        began = time.perf_counter()
        result = asyncio.run(streamed(json.loads(line)))
        share = (time.process_time() - before) / (time.perf_counter() - began)
        print(json.dumps({**result, "client_share_of_its_core": round(share, 3)}), flush=True)
        gc.collect()
    os._exit(0)


if __name__ == "__main__":
    main()
