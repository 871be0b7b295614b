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

_KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_PLACES = ("newllm.report", "web"), ("newllm.ui", "static")


class _File(NamedTuple):
    content: bytes
    kind: str
    version: str


@functools.cache
def _files() -> dict[str, _File]:
    found: dict[str, _File] = {}
    for package, folder in _PLACES:
        place = resources.files(package).joinpath(folder)
        for file in place.iterdir() if place.is_dir() else ():
            kind = _KINDS.get(file.name[file.name.rfind(".") :])
            if kind is not None:
                content = file.read_bytes()
                found[file.name] = _File(content, kind, hashlib.sha256(content).hexdigest()[:16])
    return found


def address(name: str) -> str:
    """Return the address of a file.

    Raises:
        KeyError: there is none of that name.
    """
    return f"/static/{name}?v={_files()[name].version}"


async def _send(request: Request) -> Response:
    file = _files().get(request.path_params["name"])
    if file is None:
        raise HTTPException(404)
    lasting = request.query_params.get("v") == file.version
    headers = {"Cache-Control": "public, max-age=31536000, immutable" if lasting else "no-cache"}
    return Response(file.content, media_type=file.kind, headers=headers)


routes = [Route("/static/{name}", _send)]
