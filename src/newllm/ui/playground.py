"""The playground of a run: its page, and requests to the worker that holds its model.

A request is posted as JSON, as `newllm.playground` takes it; its events come back as JSON lines while they happen.
This process never imports torch.
"""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from newllm.errors import UserError
from newllm.report.markup import safe
from newllm.ui.demo import EXAMPLE, REFUSAL, is_refused
from newllm.ui.empty import SCRIPTS, empty, train_into
from newllm.ui.entry import Entry
from newllm.ui.index import Index
from newllm.ui.players import Players
from newllm.ui.request_values import run_of
from newllm.ui.shell import page
from newllm.ui.texts import texts_for

_SNAPSHOT = re.compile(r"best|last|\d{1,12}")
_SCRIPTS = (
    "report.js", "picker.js", "play_stream.js", "play_numbers.js", "play_story.js", "play_text.js", "play_tracks.js",
    "play_heat.js", "play_map.js", "play_facts.js", "play_branch.js", "play_controls.js", "play_parts.js",
    "play_recall.js", "play_panel.js", "play_surprisal.js", "playground.js",
)  # fmt: skip


async def _page(request: Request) -> Response:
    """Answer with the playground's frame; its script fills it."""
    key, texts, index = request.path_params["id"], texts_for(request), request.app.state.index
    await index.until(lambda: index.entry(key) is not None)  # a server that has just begun may not have found it yet
    entry = index.entry(key)
    if entry is None:
        raise HTTPException(404)
    title = safe(texts("play_title"))
    crumbs = f'<p class="crumbs"><a href="/run/{safe(key)}">{safe(entry.name)}</a></p>'
    body = (
        f'<div class="place"><header class="head play-head">{crumbs}<h1>{title}</h1></header>'
        '<div id="play" class="play"></div>'
        f"<noscript><p>{safe(texts('play_needs_script'))}</p></noscript></div>"
    )
    snapshot = request.query_params.get("snapshot", "best")
    others = any(one.id != key for one in _playable(index))
    example = EXAMPLE if request.app.state.demo else ""
    said = {"texts": texts.for_scripts(playground=True), "example": example}
    data = {"run": key, "snapshot": snapshot, "others": others, **said}
    window, looks = f"{entry.name} · {texts('play_title')}", ("play.css",)
    return page(request, window, body, active="play", more_styles=looks, scripts=_SCRIPTS, data=data)


async def _open(request: Request) -> Response:
    """Go to the playground of the model that was heard of last; where there is none say how to get one."""
    texts, index = texts_for(request), request.app.state.index
    await index.until(lambda: bool(_playable(index)))
    newest = max(_playable(index), key=lambda entry: entry.heard or 0.0, default=None)
    if newest is not None:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/run/{newest.id}/play{query}", 303)
    head = f'<header class="head"><h1>{safe(texts("play_title"))}</h1></header>'
    body = f'<div class="place">{head}{empty(texts, "no_models", train_into(index.root))}</div>'
    return page(request, texts("play_title"), body, active="play", scripts=SCRIPTS)


def _playable(index: Index) -> list[Entry]:
    return [entry for entry in index.since(0)[1] if entry.playable]


async def _ask(request: Request) -> Response:
    """Pass one request on to the run's worker, and its events back."""
    run = await run_of(request)
    request_data = _checked(await _json(request))
    if is_refused(request, request_data.get("verb")):
        raise HTTPException(403, REFUSAL)
    return StreamingResponse(_events(request.app.state.players, run, request_data), media_type="application/x-ndjson")


async def _events(players: Players, run: Path, request_data: dict[str, Any]) -> AsyncIterator[bytes]:
    """Yield a request's events as lines, the last of them "done" or "error"."""
    try:
        snapshot = str(request_data.pop("snapshot", "best"))
        if not _SNAPSHOT.fullmatch(snapshot):
            raise UserError(f"snapshot {snapshot[:40]!r}: give best, last or a step")
        player = await players.player(run, snapshot)
        async for line in player.ask(request_data):
            yield line
    except UserError as error:
        yield json.dumps({"id": request_data["id"], "event": "error", "error": str(error)}).encode() + b"\n"


async def _json(request: Request) -> Any:
    try:
        return await request.json()
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the request is no JSON: send an object with an id and a verb") from error


def _checked(request_data: Any) -> dict[str, Any]:
    """Return a request whose id can be told apart from others."""
    own = request_data.get("id") if isinstance(request_data, dict) else None
    if not isinstance(request_data, dict) or not isinstance(own, str) or not 0 < len(own) <= 40:
        raise HTTPException(400, "the request has no id: give a text of 1 to 40 characters of its own")
    return request_data


routes: list[BaseRoute] = [
    Route("/play", _open),
    Route("/run/{id}/play", _page),
    Route("/api/run/{id}/play", _ask, methods=["POST"]),
]
