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

_LONGEST, _MOST = 4000, 500


def printed_section(study: StudySource, words: Catalogue) -> Section | None:
    """Return the section, None where there is no such file or nothing in it in this language or in English."""
    found = study.printed.get(words.lang) or study.printed.get("en")
    if not isinstance(found, Mapping):
        return None
    title = plain(str(found.get("title") or "printed.json"), 200)
    tables = [_table(one, title) for one in _listed(found.get("tables")) if isinstance(one, Mapping)]
    parts = [*_paragraphs(found.get("texts")), *tables]
    return Section("study-printed", title, joined(parts)) if parts else None


def _table(one: Mapping[str, Any], about: str) -> Html:
    header = [plain(str(cell), 200) for cell in _listed(one.get("header"))]
    rows = [[plain(str(cell), 400) for cell in row] for row in _listed(one.get("rows"))[:_MOST] if _fits(row, header)]
    name = plain(str(one.get("title") or ""), 200)
    parts = [tag("h3", name)] if name else []
    parts += _paragraphs(one.get("texts"))
    if header:
        parts.append(table(header, rows, about=name or about, text=_words(one, len(header))))
    return joined(parts)


def _words(one: Mapping[str, Any], columns: int) -> Sequence[int]:
    """Return the columns that hold words, not numbers: all of them where the file does not say."""
    told = one.get("words")
    return [at for at in told if isinstance(at, int)] if isinstance(told, list) else range(columns)


def _paragraphs(texts: Any) -> list[Html]:
    return [tag("p", plain(str(text), _LONGEST)) for text in _listed(texts)]


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _fits(row: Any, header: Sequence[str]) -> bool:
    return isinstance(row, list) and len(row) == len(header)
