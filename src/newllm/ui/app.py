"""The application: its routes, what it keeps (`app.state`), and how it begins and ends.

`app.state.index` is the table of runs (`lookup(id)` gives a directory or None); `app.state.demo` tells whether they are
the packaged demo; `app.state.stopping` is set when the server begins to end, so that streams end by themselves;
`app.state.changing` is held by who moves runs or writes their labels.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from newllm.messages import catalogue
from newllm.report.markup import safe
from newllm.ui import (
    compare_api,
    diagnoses,
    differences,
    jobs_api,
    organise_api,
    pages,
    playground,
    reports,
    runs_api,
    sparks,
    static_files,
    studies_pages,
)
from newllm.ui.demo import MODEL, ReadOnly
from newllm.ui.diagnoses import Diagnoses
from newllm.ui.guard import HEADERS, Access, Guard
from newllm.ui.index import Index
from newllm.ui.jobs import Jobs
from newllm.ui.live import Live
from newllm.ui.players import Players
from newllm.ui.reports import Reports
from newllm.ui.responses import Data
from newllm.ui.run_sections import RunSections
from newllm.ui.shell import page, prepare
from newllm.ui.sparks import Sparks
from newllm.ui.texts import texts_for
from newllm.ui.traces import Traces


def build_app(root: Path, access: Access, *, demo: bool = False) -> Starlette:
    """Return the application.

    Args:
        root: the directory whose runs are shown.
        access: who may ask.
        demo: whether it is the packaged demo, of which nothing can be changed.
    """
    app = Starlette(
        routes=[
            *static_files.routes,
            *pages.routes,
            *sparks.routes,
            *diagnoses.routes,
            *runs_api.routes,
            *jobs_api.routes,
            *organise_api.routes,
            *compare_api.routes,
            *differences.routes,
            *studies_pages.routes,
            *reports.routes,
            *playground.routes,
        ],
        middleware=[Middleware(Guard, access=access), *([Middleware(ReadOnly)] if demo else [])],
        exception_handlers={HTTPException: _refused, ClientDisconnect: _gone, Exception: _failed},
        lifespan=_life,
    )
    state = app.state
    state.demo, state.stopping, state.changing = demo, asyncio.Event(), asyncio.Lock()
    state.index, state.jobs, state.traces, state.sparks = Index(root), Jobs(), Traces(), Sparks()
    state.diagnoses = Diagnoses(state.traces)
    state.sections, state.players = RunSections(state.traces, state.diagnoses), Players()
    state.live = Live(state.index, state.traces, state.sections, state.jobs, state.stopping)
    state.reports = Reports()
    state.ending = lambda: (state.stopping.set(), state.live.end(), state.reports.end())
    return app


@contextlib.asynccontextmanager
async def _life(app: Starlette) -> AsyncIterator[None]:
    prepare()
    app.state.index.start()
    players = asyncio.create_task(app.state.players.close_at(app.state.stopping))
    if app.state.demo:
        await app.state.players.player(app.state.index.root / MODEL, "best")
    try:
        yield
    finally:
        app.state.ending()
        await app.state.jobs.close()
        await players
        app.state.index.stop()


async def _refused(request: Request, error: Exception) -> Response:
    """Answer a mistake of the request: data where data was asked for, else a page."""
    assert isinstance(error, HTTPException)
    phrase, texts = HTTPStatus(error.status_code).phrase, texts_for(request)
    is_data = request.url.path.startswith("/api/")
    said = error.detail
    if said == phrase:  # nobody has said more: data are in English, a page is in its language
        words = catalogue("en") if is_data else texts.words
        said = words("ui-not_found") if error.status_code == HTTPStatus.NOT_FOUND else phrase.lower()
    if is_data:
        return Data({"error": said}, error.status_code)
    title = texts("not_found_title") if error.status_code == HTTPStatus.NOT_FOUND else phrase
    back = f'<p><a href="/">{safe(texts("runs"))}</a></p>'
    is_gone = error.status_code == HTTPStatus.NOT_FOUND and not request.app.state.demo  # there nothing is deleted
    how = f"<p>{safe(texts('gone_how'))}</p>" if is_gone else ""
    heading = f'<header class="head"><h1>{safe(said[:1].upper() + said[1:])}</h1></header>'
    body = f'<div class="place">{heading}{how}{back}</div>'
    return page(request, title, body, status=error.status_code)


async def _gone(request: Request, error: Exception) -> Response:
    """Answer one who has hung up before the end of the request: nobody reads it, and it is no defect."""
    del request, error
    return Response(status_code=400)


async def _failed(request: Request, error: Exception) -> Response:
    """Answer a defect of ours; the server goes on, and its terminal tells of it."""
    del request
    return Data({"error": f"the server made a mistake: {type(error).__name__}"}, 500, HEADERS)
