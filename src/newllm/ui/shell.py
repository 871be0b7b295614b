"""The frame of every page: one template. What comes from a run stands in it escaped, or in a block of data."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from newllm.messages import LANGUAGES, catalogue
from newllm.report.markup import safe
from newllm.report.web_files import words_block
from newllm.ui.static_files import address, beginning, bundle, styles
from newllm.ui.texts import COOKIE, Texts, texts_for

_PLACES = (("runs", "/"), ("compare", "/compare"), ("studies", "/studies"), ("play", "/play"))


def page(
    request: Request,
    title: str,
    body: str,
    *,
    active: str = "",
    more_styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    data: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HTMLResponse:
    """Return a page.

    Args:
        request: that it answers.
        title: of the window; any text.
        body: HTML of the content, escaped.
        active: which place of the navigation it belongs to.
        more_styles: names of static files, beside those of every page.
        scripts: names of static files, run in this order after `base.js` once the page was painted.
        data: what the scripts find as `newllm.page`.
        status: of the answer.
    """
    texts, demo = texts_for(request), request.app.state.demo
    scripts_address = bundle("base.js", *scripts)
    said = {"lang": texts.lang, "texts": texts.for_scripts(), "demo": demo, **(data or {})}
    head = [
        f'<!doctype html>\n<html lang="{texts.lang}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{safe(title)} · newllm</title>",
        f'<link rel="icon" href="{address("icon.svg")}">',
        f"<style>{styles()}</style>",
        *(f'<link rel="stylesheet" href="{address(name)}">' for name in more_styles),
        f'<script type="application/json" id="page">{data_block(said)}</script>',
        words_block(texts.words),
        "</head>",
    ]
    begins = f'<script data-src="{scripts_address}">{beginning()}</script></html>'
    answer = HTMLResponse("".join([*head, _frame(body, active, texts, demo), begins]), status)
    if texts.chosen:
        answer.set_cookie(COOKIE, texts.lang, httponly=True, samesite="strict", path="/")
    return answer


def prepare() -> None:
    """Read what every page holds, before the first is asked for: that one would take 60 milliseconds longer."""
    styles(), beginning()
    for lang in LANGUAGES:
        texts = Texts(catalogue(lang))
        texts.for_scripts()
        words_block(texts.words)


def frame_of_sections(head: str, parts: str, texts: Texts) -> str:
    """Return a page's content: its sections, which a script fills in, beside their list.

    Args:
        head: HTML above the sections.
        parts: HTML that stands there until the sections come.
        texts: of the page's language.
    """
    label = safe(texts("sections"))
    return (
        f'<div class="layout"><nav class="sections" aria-label="{label}"><ul id="contents"></ul></nav>'
        f'<div class="main"><header class="head">{head}</header>{parts}'
        f'<div id="parts"><p class="muted" role="status">{safe(texts("loading"))}</p></div></div></div>'
        f"<noscript><p>{safe(texts('needs_script'))}</p></noscript>"
    )


def data_block(content: Any) -> str:
    """Return JSON that may stand in a script element."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _frame(body: str, active: str, texts: Texts, demo: bool) -> str:
    links = "".join(
        f'<a href="{place}"{" aria-current=page" if name == active else ""}>{safe(texts(name))}</a>'
        for name, place in _PLACES
    )
    others = "".join(
        f'<a class="language" href="?lang={other}" hreflang="{other}" lang="{other}">'
        f"{safe(catalogue(other)('language'))}</a>"
        for other in LANGUAGES
        if other != texts.lang
    )
    return (
        f'<body class="ui"><a class="skip" href="#content">{safe(texts("skip"))}</a>'
        f'<nav class="bar" aria-label="{safe(texts("navigation"))}"><a class="brand" href="/">newllm</a>{links}'
        f"{others}</nav>{_of_the_demo(texts) if demo else ''}"
        f'<main id="content" tabindex="-1">{body}</main></body>'
    )


def _of_the_demo(texts: Texts) -> str:
    return f'<p class="demo">{safe(texts("demo"))} <code class="command">newllm train --seconds 120</code></p>'
