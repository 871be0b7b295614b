"""Who may ask the local page, and what its answers let a browser do.

A page of another site can make a browser send requests to this machine. So every request must name a host that is ours
(against DNS rebinding), come from a page of ours (Origin, Sec-Fetch-Site), change things only as JSON, and stay small.
Bound to another address than this machine's own, it must bring the token that was printed, afterwards a cookie of it.
The answers forbid everything but the page's own scripts, styles and data.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newllm.report import web_files
from newllm.servers.listening import is_local
from newllm.ui import static_files

MOST_BYTES = 1 << 20
"""Of a request's body."""

BODY_SECONDS = 20.0
"""For a request's body, all of it."""

# No Cross-Origin-Opener-Policy: a browser starts a process anew for it, which is half the time until it paints, and a
# page that opened ours may read nothing of it without: another origin, no frames, no messages listened to.
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src 'self' {web_files.hashes([static_files.beginning()])}; "
        f"style-src 'self' {web_files.hashes([static_files.styles()])}; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
# Of RFC 9110: a name or an address, and perhaps a port. A tunnel may give it another port than ours.
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z._-]+))(?::[0-9]{1,5})?")
READS = ("GET", "HEAD")
"""Methods that change nothing."""


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        hosts: names that a request may call this server by, in small letters.
        addresses: whether it may also call it by any IP address: nobody can rebind one.
        token: what it must know; None where only this machine can reach the server.
    """

    hosts: frozenset[str] = _LOCAL
    addresses: bool = False
    token: str | None = None

    @property
    def key(self) -> str:
        """What the cookie holds: it is not the token, so that nobody reads the token from a browser's store."""
        return hmac.new((self.token or "").encode(), b"newllm ui cookie", hashlib.sha256).hexdigest()


def access_for(host: str, token: str) -> Access:
    """Return who may ask a server that is bound to `host`; the token counts where others can reach it."""
    if is_local(host):
        return Access(hosts=_LOCAL | {host.lower()})
    return Access(hosts=_LOCAL | {host.lower(), socket.gethostname().lower()}, addresses=True, token=token)


class Guard:
    """Middleware that answers instead of the app where a request may not be answered.

    Args:
        app: what is guarded.
        access: who may ask.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no sockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = Headers(scope=scope)
        answer = self._refused(scope, headers) or self._unknown(scope, headers)
        if answer is not None:
            await answer(scope, receive, _with_headers(send))
            return
        await self._app(scope, _bounded(receive, headers), _with_headers(send))

    def _refused(self, scope: Scope, headers: Headers) -> Response | None:
        """Refuse what does not come from a page of ours."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return PlainTextResponse("this server is not known by that name: open the address that it printed\n", 403)
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{hosts[0]}".lower(), f"https://{hosts[0]}".lower()):
            return PlainTextResponse("requests from pages of another origin are refused\n", 403)
        navigates = headers.get("sec-fetch-mode") == "navigate" and scope["method"] in READS
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not navigates:
            return PlainTextResponse("requests from pages of another site are refused\n", 403)
        if scope["method"] not in READS and headers.get("content-type", "").split(";")[0] != "application/json":
            return PlainTextResponse("what changes something must be sent as application/json\n", 415)
        return None

    def _is_ours(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = (match[1] or match[2]).lower()
        if name in self._access.hosts:
            return True
        if not self._access.addresses:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _unknown(self, scope: Scope, headers: Headers) -> Response | None:
        """Refuse who knows neither token nor cookie; who brings the token is given the cookie."""
        if self._access.token is None:
            return None
        cookie = f"newllm-{(scope.get('server') or ('', 0))[1]}"
        brought = cookie_parser(headers.get("cookie", "")).get(cookie, "")
        if hmac.compare_digest(brought.encode(), self._access.key.encode()):
            return None
        tokens = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        if not hmac.compare_digest(tokens[0].encode(), self._access.token.encode()):
            return PlainTextResponse("open the whole address that newllm ui printed, with its token\n", 403)
        # Not a redirect: after one that another site began, a browser would keep a strict cookie back.
        answer = HTMLResponse('<!doctype html><meta http-equiv="refresh" content="0; url=/"><title>newllm</title>')
        answer.set_cookie(cookie, self._access.key, httponly=True, samesite="strict", path="/")
        answer.headers["Cache-Control"] = "no-store"
        return answer


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending


def _bounded(receive: Receive, headers: Headers) -> Receive:
    """Count a body as it comes, and its time; a length that a request states may be a lie."""
    stated = headers.get("content-length", "0")
    left = MOST_BYTES
    ends: float | None = asyncio.get_running_loop().time() + BODY_SECONDS

    async def receiving() -> Message:
        nonlocal left, ends
        try:
            async with asyncio.timeout_at(ends):
                message = await receive()
        except TimeoutError as error:
            raise HTTPException(408, f"a request must come within {BODY_SECONDS:.0f} seconds") from error
        if not message.get("more_body"):
            ends = None  # what is waited for now is the end of the connection
        left -= len(message.get("body", b""))
        if left < 0 or (stated.isdecimal() and int(stated) > MOST_BYTES):
            raise HTTPException(413, f"a request may hold {MOST_BYTES:,} bytes")
        return message

    return receiving
