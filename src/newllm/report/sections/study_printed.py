"""Figures that somebody printed beside a study's own, as tables: the content of a study's printed.json.

The file holds the words of each language itself; a part that is not as expected is left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.markup import Html, joined, table, tag
from newllm.report.source.study import StudySource
from newllm.words.plain import plain
from newllm.words.tables import Table

_LONGEST, _MOST = 4000, 500


def printed_section(study: StudySource, words: Catalogue) -> Section | None:
    """Return the section, None where there is no such file or nothing in it in this language or in English."""
    found = study.printed.get(words.lang) or study.printed.get("en")
    if not isinstance(found, Mapping):
        return None
    title = plain(str(found.get("title") or "printed.json"), 200)
    tables = [_html(_table(content), title) for content in _listed(found.get("tables")) if isinstance(content, Mapping)]
    parts = [*_paragraphs(_texts(found.get("texts"))), *tables]
    return Section("study-printed", title, joined(parts)) if parts else None


def _html(part: Table, about: str) -> Html:
    heading = [tag("h3", part.title)] if part.title else []
    columns = [table(part.header, part.rows, about=part.title or about, text=part.words)] if part.header else []
    return joined([*heading, *_paragraphs(part.texts), *columns])


def _table(content: Mapping[str, Any]) -> Table:
    header = [plain(str(cell), 200) for cell in _listed(content.get("header"))]
    fitting = [row for row in _listed(content.get("rows"))[:_MOST] if isinstance(row, list) and len(row) == len(header)]
    rows = [[plain(str(cell), 400) for cell in row] for row in fitting]
    columns = content.get("words")  # all of them hold words where the file does not say
    words = [at for at in columns if isinstance(at, int)] if isinstance(columns, list) else range(len(header))
    return Table("", plain(str(content.get("title") or ""), 200), header, rows, _texts(content.get("texts")), words)


def _paragraphs(texts: Sequence[str]) -> list[Html]:
    return [tag("p", text) for text in texts]


def _texts(value: Any) -> list[str]:
    return [plain(str(text), _LONGEST) for text in _listed(value)]


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []
