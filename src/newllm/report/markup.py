"""Pieces of HTML that are safe by their type: what is not `Html` is made printable and escaped before it gets in."""

import html
import re
from collections.abc import Iterable, Sequence

from newllm.messages import Catalogue, Message
from newllm.words.plain import plain

SENTENCE = 2000  # characters
_PERCENT = re.compile(r"(?<=\d) %(?![\w%])")  # a number and its sign stand on one line


class Html(str):
    """Text that is HTML already, escaped where it had to be."""


def safe(text: object, longest: int = SENTENCE) -> Html:
    """Return anything as HTML: `Html` as it is, all else made printable and escaped, also for an attribute.

    A number and its percent sign stay on one line.
    """
    return text if isinstance(text, Html) else Html(_PERCENT.sub("\u00a0%", html.escape(plain(text, longest))))


def joined(parts: Iterable[object], between: str = "") -> Html:
    """Return pieces as one."""
    return Html(between.join(safe(part) for part in parts))


def tag(name: str, *content: object, **attributes: object) -> Html:
    """Return an element. An attribute of None is left out; `kind` stands for `class`, an underscore for a dash."""
    told = {("class" if key == "kind" else key.replace("_", "-")): item for key, item in attributes.items()}
    head = "".join(f' {key}="{safe(item)}"' for key, item in told.items() if item is not None)
    return Html(f"<{name}{head}>{joined(content)}</{name}>")


def said_in(words: Catalogue, message: Message) -> Html:
    """Return a message in the page's language; what was written in English only, named as that."""
    return english(words, message) if message.id == "quoted" else safe(words.text(message))


def english(words: Catalogue, text: object) -> Html:
    """Return a text that there is in English only, named as that on a page of another language."""
    return safe(text) if words.lang == "en" else tag("span", text, lang="en")


def pairs(items: Iterable[tuple[object, object]]) -> Html:
    """Return labels with their values, empty where there are none."""
    made = joined(tag("div", tag("dt", label), tag("dd", value)) for label, value in items)
    return tag("dl", made) if made else Html()


def listed(items: Iterable[object]) -> Html:
    """Return a list, empty where there is nothing in it."""
    made = joined(tag("li", item) for item in items)
    return tag("ul", made) if made else Html()


def block(title: object, content: Html) -> Html:
    """Return content under a small heading; empty where there is none."""
    return Html(tag("h3", title) + content) if content else Html()


def table(
    heads: Sequence[object], rows: Iterable[Sequence[object]], *, about: object, text: Sequence[int] = ()
) -> Html:
    """Return a table that scrolls sideways on its own where it is too wide.

    One with words has the name of its column beside each cell, which a phone shows in the place of the columns.

    Args:
        heads: of the columns.
        rows: cells; the first of each names its row.
        about: what the table shows, for who cannot see it.
        text: columns that hold words, not numbers, beside the first.
    """
    # Where all cells but the names of the rows are numbers, the table says so once: most of a page is such tables.
    kinds = [None if at == 0 or at in text or not text else "number" for at in range(len(heads))]
    head = joined(
        tag("th", name, scope="col", kind=kind) if name else tag("td", name, kind=kind)
        for name, kind in zip(heads, kinds, strict=True)
    )
    named = [str(head) if text and not isinstance(head, Html) else None for head in heads]
    body = joined(tag("tr", *_cells(row, kinds, named)) for row in rows)
    made = tag("table", tag("thead", tag("tr", head)), tag("tbody", body), kind=None if text else "figures")
    return tag("div", made, kind="scroll", role="group", tabindex=0, aria_label=about)


def folded(title: object, content: object, *, kind: str | None = None, open: bool = False) -> Html:
    """Return content that a person unfolds."""
    return tag("details", tag("summary", title), content, kind=kind, open="" if open else None)


def code(text: str, longest: int = 2**17) -> Html:
    """Return lines as they are, without what could move a cursor or turn the direction of writing."""
    lines = text[:longest].splitlines()
    shown = "\n".join(html.escape(_indented(line)) for line in lines)
    return Html(f'<pre tabindex="0"><code>{shown}</code></pre>')


def command(text: str) -> Html:
    """Return a command within a text; the page gives it a button that copies it."""
    return tag("code", text, kind="command")


def _indented(line: str) -> str:
    return plain(line, 4000)


def _cells(row: Sequence[object], kinds: Sequence[str | None], heads: Sequence[str | None]) -> list[Html]:
    first, *rest = row
    return [
        tag("th", first, scope="row"),
        *(
            tag("td", cell, kind=kind, data_head=head or None)
            for cell, kind, head in zip(rest, kinds[1:], heads[1:], strict=True)
        ),
    ]
