"""The pages as HTML: frames with what is known at once, which their scripts then fill."""

import os
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newllm.api.earlier import read_earlier
from newllm.demo import shown
from newllm.report.markup import safe
from newllm.ui.demo import tour
from newllm.ui.empty import SCRIPTS, empty, train_into
from newllm.ui.index import id_of
from newllm.ui.request_values import run_of
from newllm.ui.shell import frame_of_sections, page
from newllm.ui.texts import Texts, texts_for


async def _runs(request: Request) -> Response:
    texts, state = texts_for(request), request.app.state
    root = state.index.root
    lead = tour(texts) if state.demo else f'<p class="where muted">{safe(root)}</p>'
    none = "" if state.demo else empty(texts, "no_runs", train_into(root))
    body = (
        f'<div class="place"><header class="head"><h1>{safe(texts("runs"))}</h1>{lead}</header>'
        f'<div id="runs"><p class="muted" role="status">{safe(texts("looking"))}</p></div>'
        f'<div id="no-runs" hidden>{none}</div>{_noscript(texts)}</div>'
    )
    parts = ("rows.js", "organise.js", "run_columns.js", "run_filter.js", "run_row.js", "run_selection.js", "runs.js")
    scripts = (*SCRIPTS, "run_state.js", *parts)
    return page(request, texts("runs"), body, active="runs", scripts=scripts)


async def _run(request: Request) -> Response:
    place, texts = await run_of(request), texts_for(request)
    entry = request.app.state.index.entry(request.path_params["id"])
    assert entry is not None
    head = (
        f'<p class="crumbs"><a href="/">{safe(texts("runs"))}</a></p><h1>{safe(entry.name)}</h1>'
        f'<p class="where">{safe(shown(place))}</p><div id="state" class="state-line"></div>'
        f'<div id="actions" class="actions"></div><div id="jobs" class="jobs" aria-live="polite"></div>'
        # Below the buttons: it goes when the sections come, and nothing that is clicked may move then.
        f'<canvas id="overview" class="overview" role="img" aria-label="{safe(texts("curve"))}"></canvas>'
    )
    body = frame_of_sections(head, '<div id="problems"></div>', texts)
    scripts = ("report.js", "run_state.js", "organise.js", "jobs.js", "sections.js", "share.js", "run.js")
    beside = await run_in_threadpool(_beside, request.app.state, place)
    data = {"run": entry.as_dict(texts.words), "beside": beside}
    return page(request, entry.name, body, active="runs", scripts=scripts, data=data)


def _beside(state: Any, run: Path) -> str | None:
    """Return the id of the run that the doctor would hold this one against; None where there is none."""
    for one in read_earlier(run, state.diagnoses.judged).sound:
        found = id_of(os.path.relpath(one, state.index.root))
        return found if state.index.lookup(found) == one else None
    return None


def _noscript(texts: Texts) -> str:
    return f"<noscript><p>{safe(texts('needs_script'))}</p></noscript>"


routes = [Route("/", _runs), Route("/run/{id}", _run)]
