"""The pages as HTML: frames with what is known at once, which their scripts then fill."""

import shlex

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newllm.report.markup import safe
from newllm.ui.request_values import run_of
from newllm.ui.shell import frame_of_sections, page
from newllm.ui.texts import Texts, texts_for
from newllm.words.plain import plain


async def _runs(request: Request) -> Response:
    texts, root = texts_for(request), request.app.state.index.root
    body = (
        f'<div class="place"><header class="head"><h1>{safe(texts("runs"))}</h1>'
        f'<p class="where muted">{safe(root)}</p></header>'
        f'<div id="runs"><p class="muted" role="status">{safe(texts("looking"))}</p></div>{_noscript(texts)}</div>'
    )
    scripts = ("report.js", "run_state.js", "rows.js", "runs.js")
    data = {"train": plain(f"newllm train --out {shlex.quote(str(root / 'my-run'))}")}
    return page(texts("runs"), body, texts=texts, active="runs", scripts=scripts, data=data)


async def _run(request: Request) -> Response:
    place, texts = run_of(request), texts_for(request)
    entry = request.app.state.index.entry(request.path_params["id"])
    assert entry is not None
    head = (
        f'<p class="crumbs"><a href="/">{safe(texts("runs"))}</a></p><h1>{safe(entry.name)}</h1>'
        f'<p class="where">{safe(place)}</p><div id="state" class="state-line"></div>'
        f'<div id="actions" class="actions"></div><div id="jobs" class="jobs" aria-live="polite"></div>'
        # Below the buttons: it goes when the sections come, and nothing that is clicked may move then.
        f'<canvas id="overview" class="overview" role="img" aria-label="{safe(texts("curve"))}"></canvas>'
    )
    body = frame_of_sections(head, '<div id="problems"></div>', texts)
    scripts = ("report.js", "run_state.js", "jobs.js", "sections.js", "run.js")
    data = {"run": entry.as_dict(texts.words)}
    return page(entry.name, body, texts=texts, active="runs", scripts=scripts, data=data)


def _noscript(texts: Texts) -> str:
    return f"<noscript><p>{safe(texts('needs_script'))}</p></noscript>"


routes = [Route("/", _runs), Route("/run/{id}", _run)]
