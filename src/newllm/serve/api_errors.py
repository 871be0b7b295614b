"""Errors as OpenAI's API writes them: a status, and one JSON object with a message of one line."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

_KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


class ApiError(Exception):
    """What ends a request.

    Args:
        status: of HTTP.
        message: one line: what was given, and how to mend it.
        param: the field that is wrong.
        code: a name of the error for programs.
        headers: further headers of the response.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, " ".join(message.split()), param, code
        self.headers = dict(headers or {})

    @property
    def kind(self) -> str:
        """The error's `type` in OpenAI's API."""
        return _KINDS.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")

    @property
    def content(self) -> dict[str, Any]:
        """The JSON object."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error}

    @property
    def logged(self) -> str:
        """What the log says of it: never what a request held, which the message may quote."""
        if self.status == 429 or self.status >= 500:
            return self.message
        return " ".join(one for one in (self.code or self.kind, self.param) if one)

    def response(self) -> Response:
        """Return the HTTP response."""
        return Json(self.content, self.status, self.headers)


class Json(Response):
    """A response of one JSON object, in ASCII, so that no reader can mistake its characters."""

    media_type = "application/json"

    def __init__(self, content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(json.dumps(content, separators=(",", ":"), allow_nan=False).encode(), status, headers)


def bad_value(name: str, given: Any, wanted: str) -> ApiError:
    """Return the error for a field of the wrong type or size: what was given, and what it must be."""
    from newllm.errors import quoted

    return ApiError(400, f"{name} is {quoted(given)}: it must be {wanted}", param=name, code="invalid_value")


def overloaded(message: str, seconds: float = 1.0) -> ApiError:
    """Return the error for a request that would be one too many, with the time after which to try again."""
    return ApiError(
        429, message, code="rate_limit_exceeded", headers={"Retry-After": str(max(1, round(seconds + 0.5)))}
    )


def unavailable(message: str) -> ApiError:
    """Return the error for what will be there again soon."""
    return ApiError(503, message, code="unavailable", headers={"Retry-After": "1"})


def ending() -> ApiError:
    """Return the error for who asks a server that has been told to end."""
    return unavailable("this server is ending and takes no new requests: ask another, or try again later")
