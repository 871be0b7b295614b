"""A study's tables as sections: its own, and figures that somebody printed beside them (printed.json).

printed.json holds the words of each language itself; of the study's own tables title and header are translated where
the study has that. A part of a file that is not as expected is left out.
"""

from collections.abc import Mapping
from typing import Any

from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.markup import Html, joined, table, tag
from newllm.report.sections.study_texts import study_text
from newllm.report.source.study import StudySource
from newllm.words.plain import plain
from newllm.words.tables import Table

_TEXT = 4000  # characters


def own_section(study: StudySource, words: Catalogue) -> Section | None:
    """Return the tables that the study itself makes, None where it makes none."""
    parts = []
    for own in study.tables:
        heads = [study_text(study, words, head) for head in own.header]
        parts += [
            tag("h3", study_text(study, words, own.title)) if own.title else Html(),
            *(tag("p", study_text(study, words, text)) for text in own.texts),
            table(heads, own.rows, about=own.title or words("study-tables"), text=own.words) if heads else Html(),
        ]
    return Section("study-tables", words("study-tables"), joined(parts)) if parts else None


def printed_section(study: StudySource, words: Catalogue) -> Section | None:
    """Return the printed figures, None where there is no such file or nothing in it in this language or in English."""
    found = study.printed.get(words.lang) or study.printed.get("en")
    if not isinstance(found, Mapping):
        return None
    title = plain(str(found.get("title") or "printed.json"), 200)
    tables = [Table.from_dict(one) for one in _listed(found.get("tables")) if isinstance(one, Mapping)]
    texts = [tag("p", plain(str(text), _TEXT)) for text in _listed(found.get("texts"))]
    parts = [*texts, *(_html(one, title) for one in tables)]
    return Section("study-printed", title, joined(parts)) if parts else None


def _html(part: Table, about: str) -> Html:
    heading = [tag("h3", part.title)] if part.title else []
    columns = [table(part.header, part.rows, about=part.title or about, text=part.words)] if part.header else []
    return joined([*heading, *(tag("p", text) for text in part.texts), *columns])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
