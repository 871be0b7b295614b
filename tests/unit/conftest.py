"""Texts that somebody looked at and kept, and a language that is made up, in which no English may be seen.

The made-up language has the English messages with each letter at full width. What is left in plain letters on a page is
either a name (of a signal, a setting, a file) or English that does not come from the catalogue.
"""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fluent.syntax import FluentParser, FluentSerializer
from fluent.syntax import ast as fluent
from fluent.syntax.visitor import Transformer

from newllm.messages import Catalogue
from newllm.messages.catalogue import FOLDER

# Two words in a row, of three letters or more: a sentence.
_ENGLISH = re.compile(r"\b[A-Za-z][a-z]{2,} [a-z]{3,}\b")
_WIDE = {ord(letter): ord(letter) - 0x20 + 0xFF00 for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"}


@pytest.fixture
def as_kept(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, str], None]:
    """Hold a text to the one that is kept by this name beside the test."""

    def check(name: str, text: str) -> None:
        now, kept = tmp_path / f"{name}.txt", request.path.parent / "kept" / f"{name}.txt"
        now.write_text(text, encoding="utf-8")
        assert text == kept.read_text(encoding="utf-8"), f"look at it; if it is as it should be: cp {now} {kept}"

    return check


class _Widened(Transformer):
    """Writes the texts of messages, and those in quotes that are put in as they are, in wide letters."""

    def visit_TextElement(self, node: fluent.TextElement) -> fluent.TextElement:  # noqa: N802 (Fluent's name)
        return fluent.TextElement(node.value.translate(_WIDE))

    def visit_StringLiteral(self, node: fluent.StringLiteral) -> fluent.StringLiteral:  # noqa: N802
        return node

    def visit_CallArguments(self, node: fluent.CallArguments) -> fluent.CallArguments:  # noqa: N802
        return node


@pytest.fixture(scope="session")
def languages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of languages: English, and the made-up one as "xx"."""
    place = tmp_path_factory.mktemp("languages")
    (place / "en").symlink_to(FOLDER / "en")
    (folder := place / "xx").mkdir()
    for file in (FOLDER / "en").glob("*.ftl"):
        resource = _Widened().visit(FluentParser().parse(file.read_text("utf-8")))
        (folder / file.name).write_text(FluentSerializer().serialize(resource), encoding="utf-8")
    return place


@pytest.fixture(scope="session")
def wide(languages: Path) -> Catalogue:
    """The made-up language."""
    return Catalogue("xx", languages / "xx")


class _Visible(HTMLParser):
    """Collects what a reader sees, without code and names, and what he is told of pictures."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._hidden: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [value or "" for name, value in attrs if name in ("aria-label", "title", "placeholder")]
        if tag in ("script", "style", "code", "pre"):
            self._hidden.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and self._hidden[-1] == tag:
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.texts.append(data)


@pytest.fixture(scope="session")
def english() -> Callable[[str], list[str]]:
    """What looks like English in the lines of a terminal, or on a page of HTML."""

    def found(shown: str) -> list[str]:
        texts = _Visible(shown).texts if "<html" in shown else shown.splitlines()
        return [" ".join(text.split()) for text in texts if _ENGLISH.search(text)]

    return found
