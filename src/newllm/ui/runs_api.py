"""Runs as data: their list; of one its sections, a stretch of its signals in full, and what is new while it is open."""

from collections import Counter

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from newllm.diagnosis.run_settings import Setting
from newllm.errors import UserError
from newllm.messages import Catalogue
from newllm.trace import Series
from newllm.ui.index import Index
from newllm.ui.live import Shows
from newllm.ui.request_values import number, run_of, whole
from newllm.ui.responses import Data
from newllm.ui.sparks import with_middle
from newllm.ui.texts import texts_for

_MOST_POINTS, _MOST_NAMES, _MOST_TOGETHER = 20_000, 64, 200_000
_MOST_COLUMNS = 30


async def _runs(request: Request) -> Response:
    """Answer with the runs that are newer than `since`, and what has gone; of their settings with those asked for."""
    index: Index = request.app.state.index
    words = texts_for(request).words
    since = whole(request.query_params.get("since", ""), 0)
    version, newer, gone = index.since(since)
    columns = [name for name in request.query_params.get("columns", "").split(",") if name][:_MOST_COLUMNS]
    content = {
        "whole": since < index.first,
        "version": version,
        "ready": index.ready,
        "cut": index.cut,
        "links": index.links,
        "studies": len(index.studies()),
        "runs": [entry.as_dict(words, columns) for entry in newer],
        "gone": gone,
    }
    return Data(content)


async def _columns(request: Request) -> Response:
    """Answer with the settings that runs have: how many runs, and whether they differ in it; what differs first."""
    index: Index = request.app.state.index
    values: dict[str, set[Setting]] = {}
    counts: Counter[str] = Counter()
    runs = index.since(0)[1]
    for entry in runs:
        counts.update(entry.settings.keys())
        for name, value in entry.settings.items():
            values.setdefault(name, set()).add(value)
    differs = {name: len(seen) > 1 or counts[name] < len(runs) for name, seen in values.items()}
    listed = sorted(differs, key=lambda name: (not differs[name], name))
    return Data({"columns": [{"name": name, "runs": counts[name], "differs": differs[name]} for name in listed]})


async def _sections(request: Request) -> Response:
    """Answer with the sections, or with those whose ids are asked for."""
    place = await run_of(request)
    try:
        made = await run_in_threadpool(request.app.state.sections.made, place, _words(request))
    except UserError as error:  # it has gone meanwhile
        raise HTTPException(404, str(error)) from error
    asked = request.query_params.get("ids")
    wanted = None if asked is None else set(asked.split(","))
    content = {
        "version": made.version,
        "order": [one["id"] for one in made.sections],
        "sections": [one for one in made.sections if wanted is None or one["id"] in wanted],
        "replayable": made.replayable,
        "problems": made.problems,
        "digest": made.digest,
    }
    return await run_in_threadpool(Data, content)


async def _window(request: Request) -> Response:
    """Answer with a stretch of those signals that are there: the lowest and the highest of each bucket."""
    place = await run_of(request)
    names = request.query_params.getlist("name")[:_MOST_NAMES]
    first, last = number(request, "from", -np.inf), number(request, "to", np.inf)
    most = min(_MOST_POINTS, _MOST_TOGETHER // max(1, len(names)))
    points = int(min(max(number(request, "points", 2000), 10), most))

    def cut() -> Response:
        columns = request.app.state.traces.of(place)
        there = {name: series for name in names if len((series := columns.series(name)).step)}
        return Data(
            {name: with_middle(_range(series, first, last), max(1, points // 2)) for name, series in there.items()}
        )

    return await run_in_threadpool(cut)


async def _live(request: Request) -> Response:
    """Answer with a stream of events."""
    place = await run_of(request)
    asked = request.headers.get("last-event-id") or request.query_params.get("version", "")
    shows = Shows(whole(asked, -1), request.query_params.get("digest"))
    events = request.app.state.live.events(request.path_params["id"], place, _words(request), shows)
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _range(series: Series, first: float, last: float) -> Series:
    """Return what lies between, with a neighbour on either side so that a line runs on to the edge."""
    start = max(0, int(np.searchsorted(series.step, first)) - 1)
    stop = int(np.searchsorted(series.step, last, side="right")) + 1
    return Series(series.step[start:stop], series.value[start:stop])


def _words(request: Request) -> Catalogue:
    return texts_for(request).words


routes = [
    Route("/api/runs", _runs),
    Route("/api/columns", _columns),
    Route("/api/run/{id}/sections", _sections),
    Route("/api/run/{id}/window", _window),
    Route("/api/run/{id}/live", _live),
]
