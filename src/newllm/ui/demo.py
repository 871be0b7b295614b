"""The packaged demo on the local page: what there is to look at, and that nothing of it can be changed."""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from newllm.report.markup import safe
from newllm.ui.guard import READS
from newllm.ui.index import id_of
from newllm.ui.responses import Data
from newllm.ui.texts import Texts

MODEL = "moby-dick"
"""The run whose model is loaded as soon as the server runs, so that it writes when somebody comes to it."""

EXAMPLE = "The captain stood on the deck and looked at the sea"
"""What stands in its field at first: it has read an English novel, whatever language the page has."""

REFUSAL = "the demo is read-only: newllm ui opens runs of your own"
_PLAY = "/play"  # the end of the one address that is sent something and changes nothing
_FOUNDING, _DOUBLED, _PLANNED, _STUDY, _NOVEL = map(
    id_of, ("founding-baseline", "learning-rate-doubled", "learning-rate-as-planned", "spike-remedies", MODEL)
)
_TOUR = {
    "demo_spike": f"/run/{_FOUNDING}",
    "demo_doubled": f"/run/{_DOUBLED}",
    "demo_healthy": f"/compare?runs={_PLANNED},{_DOUBLED}",
    "demo_study": f"/study/{_STUDY}",
    "demo_model": f"/run/{_NOVEL}/play",
}


class ReadOnly:
    """Middleware that refuses every request that would change something. What `playground` is asked it checks itself.

    Args:
        app: what answers the others.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["method"] not in READS and not scope["path"].endswith(_PLAY):
            await Data({"error": REFUSAL}, 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def tour(texts: Texts) -> str:
    """Return as HTML what there is in the demo, and what to look at in it."""
    items = "".join(
        f'<li><a href="{address}">{safe(texts(key))}</a> <span class="muted">{safe(texts(f"{key}_about"))}</span></li>'
        for key, address in _TOUR.items()
    )
    return f'<ul class="tour">{items}</ul>'


def is_refused(request: Request, verb: object) -> bool:
    """Whether a request to a playground would write in the demo."""
    return request.app.state.demo and verb == "save"
