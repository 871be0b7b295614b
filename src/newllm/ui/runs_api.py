"""The list of runs as data: whole, or what is new since a version of it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newllm.ui.answers import Data
from newllm.ui.index import Index
from newllm.ui.request_values import whole
from newllm.ui.texts import texts_for


async def _runs(request: Request) -> Response:
    """Answer with the runs that are newer than `since`, and what has gone."""
    index: Index = request.app.state.index
    words = texts_for(request).words
    since = whole(request.query_params.get("since", ""), 0)
    version, newer, gone = index.since(since)
    content = {
        "whole": since < index.first,
        "version": version,
        "ready": index.ready,
        "cut": index.cut,
        "links": index.links,
        "studies": len(index.studies()),
        "runs": [entry.as_dict(words) for entry in newer],
        "gone": gone,
    }
    return Data(content)


routes = [Route("/api/runs", _runs)]
