"""The words of the local page around a report's sections, in the two languages of a report, and which one is meant."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.requests import Request

from newllm.report.language import language
from newllm.trace.verdict import OUTCOMES
from newllm.ui.texts_en import EN
from newllm.ui.texts_ja import JA

COOKIE = "newllm-lang"


@dataclass(frozen=True)
class Texts:
    """The words of one language.

    Attributes:
        lang: "en" or "ja".
        table: texts by key.
        chosen: whether the address asks for it, so that it is to be remembered.
    """

    lang: str
    table: Mapping[str, str]
    chosen: bool = False

    def __call__(self, key: str) -> str:
        """Return a text."""
        return self.table[key]


def _texts(lang: str, own: Mapping[str, str]) -> Texts:
    """Return the page's own words with those that it shares with a report: what a change did to a spike."""
    words = language(lang)
    return Texts(lang, {**own, **{f"outcome.{one}": words(f"outcome.{one}") for one in OUTCOMES}})


_ALL = {"en": _texts("en", EN), "ja": _texts("ja", JA)}


def texts_for(request: Request) -> Texts:
    """Return the words for who asks: of the address, else of the cookie, else as the browser prefers."""
    asked = request.query_params.get("lang")
    if asked in _ALL:
        return replace(_ALL[asked], chosen=True)
    kept = request.cookies.get(COOKIE, "")
    prefers = "ja" if request.headers.get("accept-language", "").lower().startswith("ja") else "en"
    return _ALL.get(kept) or _ALL[prefers]
