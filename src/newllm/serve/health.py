"""GET /health for balancers, and /metrics for Prometheus."""

from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from newllm.serve.api_errors import Json
from newllm.serve.metrics import CONTENT_TYPE
from newllm.serve.service import Service


async def health(request: Request) -> ASGIApp:
    """Say whether requests can be answered: 503 while a model is being loaded, and once the server is to end."""
    service = cast(Service, request.app.state.service)
    if service.access.draining:
        return Json({"status": "draining"}, 503)
    return Json({"status": "ok"}) if service.is_ready else Json({"status": "loading"}, 503)


async def metrics(request: Request) -> ASGIApp:
    """Return what is counted."""
    service = cast(Service, request.app.state.service)
    return Response(service.metrics.text(), headers={"content-type": CONTENT_TYPE})
