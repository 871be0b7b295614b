"""The words of the local page around a report's sections, and which language is meant."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from newllm.messages import LANGUAGES, Catalogue, catalogue
from newllm.trace.verdict import EFFECT_CLASSES

COOKIE = "newllm-lang"
_OWN, _PLAYGROUND = "ui-", "ui-play_"


@dataclass(frozen=True)
class Texts:
    """The words of one language.

    Attributes:
        words: all messages of the language.
        chosen: whether the address asks for it, so that it is to be remembered.
    """

    words: Catalogue
    chosen: bool = False

    @property
    def lang(self) -> str:
        """The language's code."""
        return self.words.lang

    def __call__(self, key: str) -> str:
        """Return a text of the page."""
        return self.words(_OWN + key)

    def for_scripts(self, *, playground: bool = False) -> Mapping[str, str]:
        """Return by key the texts that the page's scripts show, with "{name}" for what they fill in."""
        return _templates(self.words, playground)


@functools.cache
def _templates(words: Catalogue, playground: bool) -> Mapping[str, str]:
    own = [name for name in words.names if name.startswith(_OWN)]
    told = [name for name in own if playground or not name.startswith(_PLAYGROUND)]
    outcomes = {f"outcome-{one}".replace(" ", "-"): words(f"outcome-{one}") for one in EFFECT_CLASSES}
    return {**{name.removeprefix(_OWN): words.template(name) for name in told}, **outcomes}


def texts_for(request: Request) -> Texts:
    """Return the words for who asks: of the address, else of the cookie, else as the browser prefers."""
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        return Texts(catalogue(asked), chosen=True)
    remembered = request.cookies.get(COOKIE)
    return Texts(catalogue(remembered if remembered in LANGUAGES else _preferred(request)))


def _preferred(request: Request) -> str:
    """Return the first language of the browser's list that there is, English where there is none."""
    listed = re.findall(r"[a-z]+", re.sub(r"[-;][^,]*", "", request.headers.get("accept-language", "").lower()))
    return listed[0] if listed and listed[0] in LANGUAGES else "en"
