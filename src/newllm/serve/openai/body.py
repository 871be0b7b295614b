"""The body of a request: bounded in bytes and in time, and one JSON object."""

import asyncio
import gc
import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

from starlette.requests import Request

from newllm.errors import quoted
from newllm.serve.api_errors import ApiError
from newllm.serve.openai.fields import Fields

MOST_BYTES = 16 << 20
"""Of a request's body."""

MOST_VALUES = 1 << 20
"""Of a request: numbers, texts, lists and objects. While they are read, nothing else goes on."""

MOST_NAMES = 100_000
"""Of fields, in all objects of a request: they take ten times as long as numbers."""

BODY_SECONDS = 60.0
"""For a request's body, all of it."""

_COUNTED = 1 << 18  # bytes: what is shorter is read faster than counted
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)


async def read_fields(request: Request, hold: Callable[[int], None]) -> tuple[Fields, int]:
    """Return the fields of a request and the length of its body in bytes.

    Args:
        request: of HTTP.
        hold: told the bytes of each piece that is kept; it may refuse them.

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
            body = await _read(request, hold)
    except TimeoutError:
        raise ApiError(408, f"a request must come within {BODY_SECONDS:.0f} seconds: send it faster") from None
    return Fields(_parsed(body)), len(body)


async def _read(request: Request, hold: Callable[[int], None]) -> bytes:
    pieces, length = [], 0
    async for piece in request.stream():
        length += len(piece)
        if length > MOST_BYTES:
            raise _too_large("a request without an end")
        hold(len(piece))
        pieces.append(piece)
    return b"".join(pieces)


def _parsed(body: bytes) -> dict[str, Any]:
    _check_count(body)
    gc.disable()  # millions of new lists set it going again and again: it would take six times as long as reading them
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
    finally:
        gc.enable()
    if not isinstance(content, dict):
        raise _no_json(f"the body is {quoted(content)}: send one JSON object")
    return content


def _check_count(body: bytes) -> None:
    """Refuse what would be read for seconds."""
    if len(body) < _COUNTED:
        return
    outside = _TEXT.sub(b"", body)
    for what, mark, most in (("values", b",", MOST_VALUES), ("names of fields", b":", MOST_NAMES)):
        if (count := outside.count(mark)) > most:
            raise ApiError(
                413, f"a request of {count:,} {what}: at most {most:,} are read; send texts in place of tokens",
                code="request_too_large",
            )  # fmt: skip


def _refuse_constant(name: str) -> NoReturn:
    raise _no_json(f"the body has the number {name}, which JSON does not know: send finite numbers")


def _too_large(what: str) -> ApiError:
    return ApiError(413, f"{what}: at most {MOST_BYTES:,} are read; send a shorter text", code="request_too_large")


def _no_json(message: str) -> ApiError:
    return ApiError(400, message, code="invalid_json")
