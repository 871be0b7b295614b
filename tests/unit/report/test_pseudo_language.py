"""A further language is one more folder of messages: in one that is made up, no page holds an English sentence.

The made-up language has the English messages with each letter at full width. What is left in plain letters on a page is
either a name (of a signal, a setting, a file) or English that does not come from the catalogue.
"""

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fluent.syntax import FluentParser, FluentSerializer
from fluent.syntax import ast as fluent
from fluent.syntax.visitor import Transformer

from newllm.messages import Catalogue, catalogue
from newllm.messages.catalogue import FOLDER
from newllm.report.page import report_page
from newllm.report.source import read_source

_WIDE = {ord(letter): ord(letter) - 0x20 + 0xFF00 for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"}
# What an earlier version wrote of a recovery, in the run that the tests show: it stays as it was written.
_WRITTEN = ["It was rolled back."]
# Two words in a row, of three letters or more: a sentence.
_ENGLISH = re.compile(r"\b[A-Za-z][a-z]{2,} [a-z]{3,}\b")


class _Widened(Transformer):
    """Writes the texts of messages, and those in quotes that are put in as they are, in wide letters."""

    def visit_TextElement(self, node: fluent.TextElement) -> fluent.TextElement:  # noqa: N802 (Fluent's name)
        return fluent.TextElement(node.value.translate(_WIDE))

    def visit_StringLiteral(self, node: fluent.StringLiteral) -> fluent.StringLiteral:  # noqa: N802
        return node

    def visit_CallArguments(self, node: fluent.CallArguments) -> fluent.CallArguments:  # noqa: N802
        return node


@pytest.fixture(scope="session")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The made-up language."""
    folder = tmp_path_factory.mktemp("xx")
    for file in (FOLDER / "en").glob("*.ftl"):
        resource = _Widened().visit(FluentParser().parse(file.read_text("utf-8")))
        (folder / file.name).write_text(FluentSerializer().serialize(resource), encoding="utf-8")
    return Catalogue("xx", folder)


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


def english(page: str) -> Iterator[str]:
    """Yield what looks like English on a page."""
    for text in _Visible(page).texts:
        if _ENGLISH.search(text):
            yield " ".join(text.split())


def test_a_report_of_a_run(whole: Path, wide: Catalogue) -> None:
    assert list(english(report_page([read_source(whole)], wide))) == _WRITTEN


def test_a_report_of_a_log(log: Callable[..., Path], wide: Catalogue) -> None:
    rows = [f"{step},{2 + (5 if step == 60 else 1 / (1 + step))}" for step in range(100)]
    found = report_page([read_source(log("step,loss\n" + "\n".join(rows)))], wide)
    assert list(english(found)) == []


def test_a_comparison(whole: Path, wide: Catalogue) -> None:
    source = read_source(whole)
    assert list(english(report_page([source, source], wide))) == 2 * _WRITTEN


def test_english_would_be_seen(whole: Path) -> None:
    assert len(list(english(report_page([read_source(whole)], catalogue("en"))))) > 50
