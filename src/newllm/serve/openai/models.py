"""GET /v1/models and /v1/models/{id}: what is served."""

from typing import Any, cast

from starlette.requests import Request
from starlette.types import ASGIApp

from newllm.serve.api_errors import Json
from newllm.serve.model import Model
from newllm.serve.service import Service


async def models(request: Request) -> ASGIApp:
    """List the models."""
    service = cast(Service, request.app.state.service)
    return Json({"object": "list", "data": [_described(service, one) for one in service.models.values()]})


async def model(request: Request) -> ASGIApp:
    """Describe a model."""
    service = cast(Service, request.app.state.service)
    return Json(_described(service, service.model(request.path_params["id"])))


def _described(service: Service, model: Model) -> dict[str, Any]:
    """Return a model as OpenAI's API has it, with what we know beyond that while it is loaded."""
    ready = model.ready
    known = {} if ready is None else {
        "step": ready.snapshot_step, "fingerprint": ready.fingerprint, "vocabulary": ready.vocabulary,
        "parameters": ready.parameters, "state_bytes": ready.state_bytes, "weights": ready.weights,
    }  # fmt: skip
    chat = {"chat_template": model.name in service.templates}
    return {"id": model.name, "object": "model", "created": service.began, "owned_by": "newllm", **known, **chat}
