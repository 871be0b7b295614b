"""Japanese in the site's search: pairs of letters, split alike when the pages are read and when somebody types.

Sphinx splits the pages into words and not what is typed, so that 損失スパイク is found nowhere though both words are.
"""

import re

from sphinx.search import SearchLanguage

_PARTS = re.compile(r"[A-Za-z0-9_]+|[々\u3041-\u30ff\u3400-\u9fff]+")


class PairsOfLetters(SearchLanguage):
    """Splits Japanese into all pairs of neighbouring letters, other words as they stand."""

    lang = "ja"
    language_name = "Japanese"
    js_splitter_code = r"""
    var splitQuery = (query) => (query.match(/[A-Za-z0-9_]+|[々\u3041-\u30ff\u3400-\u9fff]+/g) || []).flatMap(
      (part) => /^[A-Za-z0-9_]/.test(part) || part.length < 2 ? [part]
        : [...part].slice(1).map((letter, at) => part[at] + letter));
    """

    def split(self, input: str) -> list[str]:
        """Return the parts of a text, in their order."""
        return [
            pair
            for part in _PARTS.findall(input)
            for pair in (
                [part] if part.isascii() or len(part) < 2 else [part[at : at + 2] for at in range(len(part) - 1)]
            )
        ]

    def word_filter(self, word: str) -> bool:
        """Keep every part: a pair that was left out could not be found."""
        return bool(word)
