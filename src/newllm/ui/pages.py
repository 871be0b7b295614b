"""The pages as HTML: frames with what is known at once, which their scripts then fill."""

import html

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newllm.ui.shell import page
from newllm.ui.texts import texts_for


async def _runs(request: Request) -> Response:
    texts = texts_for(request)
    body = f"<header><h1>{html.escape(texts('runs'))}</h1></header>"
    return page(texts("runs"), body, texts=texts, active="runs")


routes = [Route("/", _runs)]
