"""The body of a request: bounded in bytes and in time, and one JSON object."""

import asyncio
import json
from typing import Any, NoReturn

from starlette.requests import Request

from newllm.errors import quoted
from newllm.serve.api_errors import ApiError
from newllm.serve.openai.fields import Fields

MOST_BYTES = 16 << 20
"""Of a request's body."""

BODY_SECONDS = 60.0
"""For a request's body, all of it."""


async def read_fields(request: Request) -> tuple[Fields, int]:
    """Return the fields of a request and the length of its body in bytes.

    Raises:
        ApiError: it is too large, comes too slowly, or is no JSON object.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ApiError(415, "a request must be sent with Content-Type: application/json", code="unsupported_media_type")
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > MOST_BYTES:
        raise _too_large(f"a request of {int(stated):,} bytes")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _read(request)
    except TimeoutError:
        raise ApiError(408, f"a request must come within {BODY_SECONDS:.0f} seconds: send it faster") from None
    return Fields(_parsed(body)), len(body)


async def _read(request: Request) -> bytes:
    pieces, length = [], 0
    async for piece in request.stream():
        length += len(piece)
        if length > MOST_BYTES:
            raise _too_large("a request without an end")
        pieces.append(piece)
    return b"".join(pieces)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        given = body[error.start : error.end]
        raise _no_json(f"the body is not UTF-8 at byte {error.start} ({given!r}): send whole characters") from None
    except RecursionError:
        raise _no_json("the body is nested too deep: send one JSON object, as OpenAI's API describes it") from None
    except json.JSONDecodeError as error:
        near = quoted(error.doc[max(0, error.pos - 10) : error.pos + 20])
        raise _no_json(f"the body is no JSON at character {error.pos} ({error.msg}), near {near}") from None
    except ValueError as error:  # whole numbers of thousands of digits
        raise _no_json(f"the body is no JSON that can be read ({error}): send smaller numbers") from None
    if not isinstance(content, dict):
        raise _no_json(f"the body is {quoted(content)}: send one JSON object")
    return content


def _refuse_constant(name: str) -> NoReturn:
    raise _no_json(f"the body has the number {name}, which JSON does not know: send finite numbers")


def _too_large(what: str) -> ApiError:
    return ApiError(413, f"{what}: at most {MOST_BYTES:,} are read; send a shorter text", code="request_too_large")


def _no_json(message: str) -> ApiError:
    return ApiError(400, message, code="invalid_json")
