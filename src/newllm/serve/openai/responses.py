"""/v1/responses: a conversation, each response of which can be gone on from, as often as one likes.

A response is stored with the state after its last token, so that a turn costs its own tokens only. Without a chat
template the input is a text that goes on where the response before it ended; with one it is a message, or several.
"""

import asyncio
from dataclasses import dataclass
from typing import cast

from starlette.requests import Request
from starlette.types import ASGIApp

from newllm.serve.api_errors import ApiError, Json, bad_value
from newllm.serve.openai.call import MOST_LOGPROBS, MOST_TOKENS, TOKENS, Call, begin, sampling
from newllm.serve.openai.choices import collected
from newllm.serve.openai.fields import STREAM_OPTIONS, Fields, whole_text
from newllm.serve.openai.messages import no_template, read_messages
from newllm.serve.openai.response_events import ResponseEvents
from newllm.serve.openai.response_object import ResponseObject
from newllm.serve.service import Service
from newllm.serve.sse import EventStream
from newllm.serve.store import DamagedError, StoredResponse, StoreError, StoreFull

_LOGPROBS = "message.output_text.logprobs"
_MOST_METADATA, _LONGEST_NAME, _LONGEST_VALUE = 16, 64, 512  # as at OpenAI


@dataclass(frozen=True)
class _Before:
    """What a response goes on from.

    Attributes:
        id: of the response before it, None where there is none.
        state: after it, empty for a new text.
    """

    id: str | None
    state: bytes


async def create(request: Request) -> ASGIApp:
    """POST: write a response."""
    call = await begin(request)
    fields = call.fields
    before = await _before(call)
    instructions = fields.text("instructions")
    text, stops = _text(call, before, instructions)
    sampled, logprobs = sampling(fields), _logprobs(fields)
    sampled["stop"] += stops
    store, return_state = fields.flag("store", True), fields.flag("return_state", False)
    most = fields.whole("max_output_tokens", TOKENS, 0, MOST_TOKENS)
    response = ResponseObject(
        {
            "model": call.model.name, "instructions": instructions, "max_output_tokens": most,
            "metadata": _metadata(fields), "previous_response_id": before.id, "store": store,
            "temperature": sampled["temperature"], "top_p": sampled["top_p"], "top_logprobs": logprobs or 0,
            "seed": sampled["seed"],
        },
        return_state=return_state,
    )  # fmt: skip
    asked = {
        **sampled, "text": text, "n": 1, "logprobs": logprobs, "echo": False, "flow": call.flow(), "max_tokens": most,
        "keep": store or return_state,
    }  # fmt: skip
    streamed = fields.flag("stream", False)
    options = fields.inner("stream_options", STREAM_OPTIONS)
    options.flag("include_usage", True)  # the usage comes with the last event whatever is said
    fields.pass_over("stream_options", options.ignored())
    headers = call.headers
    generation = await call.ask([(asked, before.state)], keeps_logprobs=True)
    if streamed:
        writing, own = call.service.writing, (call.owner, response.id)
        writing[own] = lambda: response.content.update(store=False)
        generation.when_closed(lambda: writing.__delitem__(own))
        events = ResponseEvents(response, call.account, lambda: _keep(call, response))
        return EventStream(generation, events, headers)
    (choice,), usage = await collected(generation, request.receive, 1)
    call.account(usage)
    response.end(choice, usage)
    if why := await _keep(call, response):
        headers["x-newllm-not-stored"] = why
    return Json(response.content, headers=headers)


async def retrieve(request: Request) -> ASGIApp:
    """GET: return a stored response."""
    service = cast(Service, request.app.state.service)
    stored = await _stored(service, request.path_params["id"], _owner(request))
    if stored is None:
        raise _not_found(request.path_params["id"])
    return Json(stored.record["response"])


async def delete(request: Request) -> ASGIApp:
    """DELETE: delete a stored response, with its state. Those that went on from it stay.

    One that is still being written is not stored.
    """
    service, response = cast(Service, request.app.state.service), request.path_params["id"]
    owner = _owner(request)
    writing = service.writing.get((owner, response))
    if writing is not None:
        writing()
    try:
        was_there = await asyncio.to_thread(service.store.delete, response, owner) or writing is not None
    except StoreError as error:
        raise _store_failed(service, error) from None
    if not was_there:
        raise _not_found(response)
    return Json({"id": response, "object": "response", "deleted": True})


async def _before(call: Call) -> _Before:
    """Take what the response goes on from: a stored response, or a state that the client has kept."""
    given, state = call.fields.text("previous_response_id"), call.state()
    if given is None:
        return _Before(None, state)
    if state:
        raise ApiError(400, "previous_response_id and state are both given: send one of them", param="state")
    stored = await _stored(call.service, given, call.owner)
    if stored is None:
        raise ApiError(
            400, f"there is no response '{given[:100]}' (any more): start a new conversation",
            param="previous_response_id", code="previous_response_not_found",
        )  # fmt: skip
    made_by = stored.record["response"]["model"]
    if made_by != call.model.name:
        raise ApiError(
            400, f"response '{given}' is of model '{made_by}', not of '{call.model.name}': go on with that model",
            param="model", code="invalid_state",
        )  # fmt: skip
    return _Before(given, stored.blob)


async def _stored(service: Service, response: str, owner: str) -> StoredResponse | None:
    try:
        return await asyncio.to_thread(service.store.get, response, owner)
    except DamagedError as error:
        raise ApiError(410, str(error), code="damaged_response") from None
    except StoreError as error:
        raise _store_failed(service, error) from None


async def _keep(call: Call, response: ResponseObject) -> str:
    """Store a response if that is wanted; return why it could not be."""
    if not response.content["store"]:
        return ""
    record = {"response": response.record}
    try:
        await asyncio.to_thread(call.service.store.put, response.id, record, response.state, call.owner)
        if not response.content["store"]:  # deleted meanwhile
            await asyncio.to_thread(call.service.store.delete, response.id, call.owner)
    except StoreError as error:
        call.entry.stored = str(error)  # it may name a directory: for the log alone
        response.content["store"] = False
        return "the store is full" if isinstance(error, StoreFull) else "the store cannot be written"
    return ""


def _text(call: Call, before: _Before, instructions: str | None) -> tuple[str, list[str]]:
    """Take the input; return the text that the model reads, and the texts before which it ends."""
    given = call.fields.raw("input")
    template = call.service.templates.get(call.model.name)
    if template is None:
        if given is not None and not isinstance(given, str):
            raise no_template(call.model.name, "lists of messages")
        return "\n\n".join(one for one in (instructions, whole_text("input", given or "")) if one), []
    given = [{"role": "user", "content": given}] if isinstance(given, str) else given
    system = [{"role": "system", "content": instructions}] if instructions else []
    messages = [*system, *read_messages("input", given, call.fields)]
    return template.render_after_reply(messages) if before.state else template.render(messages)


def _logprobs(fields: Fields) -> int | None:
    include, top = fields.raw("include"), fields.whole("top_logprobs", None, 0, MOST_LOGPROBS)
    if not isinstance(include, list | None):
        raise bad_value("include", include, f'a list, as ["{_LOGPROBS}"]')
    fields.pass_over("include", [one for one in include or () if one != _LOGPROBS])
    return (top or 0) if top is not None or _LOGPROBS in (include or ()) else None


def _metadata(fields: Fields) -> dict[str, str]:
    given = fields.raw("metadata")
    if given is None:
        return {}
    if not isinstance(given, dict) or len(given) > _MOST_METADATA:
        raise bad_value("metadata", given, f"an object of at most {_MOST_METADATA} texts")
    for name, value in given.items():
        if len(whole_text("metadata", name)) > _LONGEST_NAME or len(whole_text("metadata", value)) > _LONGEST_VALUE:
            wanted = f"names of at most {_LONGEST_NAME} characters and texts of at most {_LONGEST_VALUE}"
            raise bad_value("metadata", {name: value}, wanted)
    return given


def _owner(request: Request) -> str:
    key = request.scope["newllm.key"]
    return key.name if key else ""


def _not_found(response: str) -> ApiError:
    return ApiError(404, f"there is no response '{response[:100]}' (any more)", param="id", code="not_found")


def _store_failed(service: Service, error: StoreError) -> ApiError:
    service.log.event("store_failed", error=str(error))
    return ApiError(503, "the store of responses cannot be used: try again later", code="store_failed")
