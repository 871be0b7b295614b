"""The application: its routes and what surrounds them, outermost first: accounting, CORS, the guard."""

from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from newllm.serve import health
from newllm.serve.accounting import Accounting
from newllm.serve.api_errors import ApiError
from newllm.serve.generation import ClientGoneError
from newllm.serve.guard import Guard
from newllm.serve.openai import chat, completions, models, responses
from newllm.serve.service import Service

_ROUTES = [
    Route("/health", health.health),
    Route("/metrics", health.metrics),
    Route("/v1/models", models.models),
    Route("/v1/models/{id:path}", models.model),
    Route("/v1/completions", completions.completions, methods=["POST"]),
    Route("/v1/chat/completions", chat.chat_completions, methods=["POST"]),
    Route("/v1/responses", responses.create, methods=["POST"]),
    Route("/v1/responses/{id}", responses.retrieve),
    Route("/v1/responses/{id}", responses.delete, methods=["DELETE"]),
]
_EXPOSED = ["x-request-id", "x-newllm-ignored", "x-newllm-not-stored", "retry-after"]


def build_app(service: Service) -> ASGIApp:
    """Return the application.

    Args:
        service: what it serves.
    """
    app = Starlette(
        routes=_ROUTES,
        exception_handlers={
            ApiError: _refused, HTTPException: _not_there, ClientDisconnect: _gone, ClientGoneError: _gone,
            Exception: _failed,
        },
    )  # fmt: skip
    app.state.service = service
    guarded: ASGIApp = Guard(app, service.access, service.limits)
    if origins := service.access.origins:
        guarded = CORSMiddleware(
            guarded, allow_origins=origins, allow_methods=["*"], allow_headers=["*"], expose_headers=_EXPOSED
        )
    return Accounting(guarded, service.log, service.metrics)


async def _refused(request: Request, error: Exception) -> Response:
    """Answer a mistake of the request."""
    assert isinstance(error, ApiError)
    request.scope["newllm.entry"].error = error.logged
    return error.response()


async def _not_there(request: Request, error: Exception) -> Response:
    """Answer a request for what there is not."""
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase.lower()
    message = f"{request.method} {request.url.path[:100]}: {phrase}; there are /v1/models, /v1/completions, "
    message += "/v1/chat/completions, /v1/responses, /health and /metrics"
    return ApiError(error.status_code, message, code="not_found", headers=error.headers).response()


async def _gone(request: Request, error: Exception) -> Response:
    """Answer one who has hung up: nobody reads it, and it is no defect."""
    del error
    request.scope["newllm.entry"].error = "the client went away"
    return Response(status_code=400)


async def _failed(request: Request, error: Exception) -> Response:
    """Answer a defect of ours; the server goes on."""
    request.scope["newllm.entry"].error = f"defect: {type(error).__name__}"
    return ApiError(500, f"the server made a mistake: {type(error).__name__}", code="server_error").response()
