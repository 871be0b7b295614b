"""The files that a browser is given: held in memory, found by name in a table, never by a path.

Their address carries a hash of the content, so that a browser keeps them for good and asks anew when they change.
"""

import functools
import hashlib
from importlib import resources
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newllm.report import web_files

_KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


_BUNDLES: dict[str, "_File"] = {}  # those that a page named


class _File(NamedTuple):
    content: bytes
    kind: str
    version: str


@functools.cache
def _files() -> dict[str, _File]:
    """Return the scripts of the report, which this page shows as well, and what is its own."""
    found = {"report.js": _file("report.js", web_files.script().encode())}
    for file in resources.files("newllm.ui").joinpath("static").iterdir():
        if _kind(file.name):
            found[file.name] = _file(file.name, file.read_bytes())
    return found


def _file(name: str, content: bytes) -> _File:
    return _File(content, _kind(name), hashlib.sha256(content).hexdigest()[:16])


def _kind(name: str) -> str:
    return _KINDS.get(name[name.rfind(".") :], "")


@functools.cache
def styles() -> str:
    """Return the styles of the report and of every page, which stand in it: a browser waits for them."""
    return web_files.style() + _files()["ui.css"].content.decode()


@functools.cache
def beginning() -> str:
    """Return the script that stands in every page, and runs all others."""
    return _files()["begin.js"].content.decode()


def address(name: str) -> str:
    """Return the address of a file.

    Raises:
        KeyError: there is none of that name.
    """
    return f"/static/{name}?v={_files()[name].version}"


@functools.cache
def bundle(*names: str) -> str:
    """Return the address of several scripts as one file, in this order: a browser fetches one more quickly.

    Raises:
        KeyError: there is none of a name.
    """
    content = b"\n".join(_files()[name].content for name in names)
    file = _file("bundle.js", content)
    _BUNDLES[f"{file.version}.js"] = file
    return f"/static/{file.version}.js?v={file.version}"


async def _send(request: Request) -> Response:
    name = request.path_params["name"]
    file = _files().get(name) or _BUNDLES.get(name)
    if file is None:
        raise HTTPException(404)
    lasting = request.query_params.get("v") == file.version
    headers = {"Cache-Control": "public, max-age=31536000, immutable" if lasting else "no-cache"}
    return Response(file.content, media_type=file.kind, headers=headers)


routes = [Route("/static/{name}", _send)]
