"""What a request asks for, checked."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

_MOST_RUNS = 24  # side by side


async def run_of(request: Request) -> Path:
    """Return the directory of the run whose id is in the address.

    Raises:
        HTTPException: 404, there is none.
    """
    return await _directory(request, request.app.state.index.entry)


def run_ids(request: Request) -> list[str]:
    """Return the ids of the runs that are asked for together, each once.

    Raises:
        HTTPException: 400, there are too many.
    """
    names = list(dict.fromkeys(filter(None, request.query_params.get("runs", "").split(","))))
    if len(names) > _MOST_RUNS:
        raise HTTPException(400, f"{len(names)} runs: {_MOST_RUNS} can be compared at once")
    return names


async def study_of(request: Request) -> Path:
    """Return the directory of the study whose id is in the address.

    Raises:
        HTTPException: 404, there is none.
    """
    return await _directory(request, request.app.state.index.study)


async def _directory(request: Request, known: Callable[[str], object]) -> Path:
    name, index = request.path_params["id"], request.app.state.index
    await index.until(lambda: known(name) is not None)  # its page may be open since the server before this one
    directory = index.lookup(name)
    if directory is None or known(name) is None:
        raise HTTPException(404)
    return directory


def number(request: Request, name: str, default: float) -> float:
    """Return a number of the query; infinities are numbers too.

    Raises:
        HTTPException: 400, it is none.
    """
    text = request.query_params.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value) or len(text) > 40:
        raise HTTPException(400, f"{name}={text[:40]!r} is no number")
    return value


def whole(text: str, default: int) -> int:
    """Return a version that a page has been given; the default for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else default


async def sent_object(request: Request) -> dict[str, Any]:
    """Return the object that was sent as JSON.

    Raises:
        HTTPException: 400, it is none.
    """
    try:
        content = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "what was sent is no JSON") from error
    if not isinstance(content, dict):
        raise HTTPException(400, "what was sent is no object")
    return content
