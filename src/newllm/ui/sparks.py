"""The small curves of the list: the loss of a run in a few dozen points, its spikes among them.

They are asked for by the rows that are seen, some at a time. One that was made is kept until its trace changes; of a
trace that grows only what was appended is read.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newllm.diagnosis.losses import finite
from newllm.errors import UserError
from newllm.plotting.lines import extremes, medians
from newllm.report.charts.chart import BUCKETS_A_MEDIAN
from newllm.trace import Series, read_signal
from newllm.trace.blocks import blocks_path
from newllm.ui.columns import Columns
from newllm.ui.entry import leads_out
from newllm.ui.folders import Stamp, stamp_of_trace
from newllm.ui.responses import Data, listed

_MOST_ASKED, _KEPT, _MOST_GROWING = 100, 5000, 64
_BUCKETS = 60
_SIGNALS = ("loss", "validation_loss")
_NOTHING = Series(np.empty(0, np.int64), np.empty(0))


class Sparks:
    """The small curves that were made."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Stamp, dict[str, Any]]] = {}
        self._growing: OrderedDict[str, Columns] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, id: str, directory: Path) -> dict[str, Any]:
        """Return the curve of a run: x, y, the name of its signal, of a recording its best validation; else empty."""
        path = directory / "trace.jsonl"
        stamp = stamp_of_trace(path)
        before = self._made.get(id)
        if before is not None and before[0] == stamp:
            return before[1]
        made = _spark(path) if before is None else self._grown(id, path)
        if len(self._made) >= _KEPT:
            self._made.clear()
        self._made[id] = stamp, made
        return made

    def _grown(self, id: str, path: Path) -> dict[str, Any]:
        """Return the curve of a trace that was another before: most of them go on."""
        with self._lock:
            columns = self._growing.setdefault(id, Columns(path, _SIGNALS))
            self._growing.move_to_end(id)
            while len(self._growing) > _MOST_GROWING:
                self._growing.popitem(last=False)
        columns.update(anew=True)
        return _curve(path, columns.series)

    def many(self, places: dict[str, Path]) -> dict[str, Any]:
        """Return the curves of several runs by id."""
        return {name: self.of(name, place) for name, place in places.items()}


def _spark(path: Path) -> dict[str, Any]:
    if any(leads_out(file, path.parent) for file in (path, blocks_path(path))):
        return {}

    def read(name: str) -> Series:
        try:
            return read_signal(path, name)
        except UserError:
            return _NOTHING

    return _curve(path, read)


def _curve(path: Path, read: Callable[[str], Series]) -> dict[str, Any]:
    """Return the curve of the first signal that there is; of a recording, which has no summary, the best validation."""
    for name in _SIGNALS:
        series = read(name)
        if len(series.step):
            return {"name": name, **listed(thinned(series, _BUCKETS)), **_best(path, read)}
    return {}


def _best(path: Path, read: Callable[[str], Series]) -> dict[str, Any]:
    if (path.parent / "summary.json").exists():
        return {}
    series = finite(read("validation_loss"))
    if not len(series.step):
        return {}
    at = int(np.argmin(series.value))
    return {"best": {"loss": float(series.value[at]), "at": int(series.step[at])}}


def thinned(series: Series, buckets: int) -> Series:
    """Return a signal with the lowest, the highest and a gap of each bucket, where it has more points than that."""
    if len(series.step) <= 3 * buckets + 1:
        return series
    kept = extremes(np.asarray(series.value, dtype=float), buckets)
    return Series(series.step[kept], series.value[kept])


def with_middle(series: Series, buckets: int) -> dict[str, Any]:
    """Return a signal as a page is sent it: thinned, then with the medians that its trend is drawn from."""
    drawn = thinned(series, buckets)
    if drawn is series:
        return listed(series)
    middle = Series(*medians(series.step, series.value, max(1, buckets // BUCKETS_A_MEDIAN)))
    return {**listed(drawn), "middle": listed(middle)}


async def _sparks(request: Request) -> Response:
    asked = request.query_params.get("ids", "").split(",")[:_MOST_ASKED]
    places = {name: place for name in asked if (place := request.app.state.index.lookup(name)) is not None}
    return Data(await run_in_threadpool(request.app.state.sparks.many, places))


routes = [Route("/api/sparks", _sparks)]
