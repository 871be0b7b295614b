"""Who may ask: the right key where there are keys, and else only programs of this machine and pages that were allowed.

Without keys a page of another site could make a browser on this machine ask. So a request must then name a host that
is ours (against DNS rebinding), and come from no page but those of `--cors`.
"""

import re
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from newllm.serve.api_errors import ApiError, ending
from newllm.serve.keys import Key, Keys
from newllm.serve.limits import Limits
from newllm.serve.log import Entry

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
# Of RFC 9110: a name or an address, and perhaps a port. A tunnel may give it another port than ours.
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z._-]+))(?::[0-9]{1,5})?")
_OPEN = frozenset({"/health"})


@dataclass
class Access:
    """Who may ask.

    Attributes:
        keys: the keys, None where none are used.
        hosts: names that a request without a key may call this server by, in small letters.
        origins: of pages that may ask.
        draining: whether the server ends, and takes no new requests.
    """

    keys: Keys | None = None
    hosts: frozenset[str] = _LOCAL
    origins: tuple[str, ...] = ()
    draining: bool = False


def local_access(host: str, origins: tuple[str, ...] = ()) -> Access:
    """Return who may ask a server without keys that is bound to a local address."""
    return Access(hosts=_LOCAL | {host.lower()}, origins=origins)


class Guard:
    """Middleware that answers instead of the app where a request may not be answered. It puts the key into the scope.

    Args:
        app: what is guarded.
        access: who may ask.
        limits: how often.
    """

    def __init__(self, app: ASGIApp, access: Access, limits: Limits) -> None:
        self._app, self._access, self._limits = app, access, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            try:
                self._check(scope)
            except ApiError as error:
                scope["newllm.entry"].error = error.logged
                await error.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        """Raise ApiError for a request that may not be answered."""
        headers, entry = Headers(scope=scope), scope["newllm.entry"]
        scope["newllm.key"] = None
        if self._access.keys is None:
            self._check_sender(headers)
        elif scope["path"] not in _OPEN:
            scope["newllm.key"] = self._key(self._access.keys, headers, entry)
        if scope["method"] == "POST":
            if self._access.draining:
                raise ending()
            if scope["newllm.key"] is not None:
                self._limits.count_request(scope["newllm.key"])

    def _key(self, keys: Keys, headers: Headers, entry: Entry) -> Key:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        key = keys.find(given.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            wanted = "no key of this server: send Authorization: Bearer KEY (api_key=... in the openai client)"
            raise ApiError(401, wanted, code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})
        entry.key = key.name
        return key

    def _check_sender(self, headers: Headers) -> None:
        """Refuse what a page of another site may have sent."""
        hosts = headers.getlist("host")
        match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if match is None or (match[1] or match[2]).lower() not in self._access.hosts:
            raise ApiError(403, "this server is not known by that host name: use the address that it printed")
        origin = headers.get("origin")
        if origin is None or origin in self._access.origins:
            return
        if origin.lower() not in (f"http://{hosts[0]}".lower(), f"https://{hosts[0]}".lower()):
            raise ApiError(403, "pages of other origins may not ask: start newllm serve with --cors ORIGIN")
