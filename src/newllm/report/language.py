"""The language of a page: its texts by key, and what each kind of finding is.

A text is a template with named places: `words("points", count=3)`. What comes out is plain text, not HTML: whoever puts
it on a page escapes it. A key that is not there is a defect of ours and raises KeyError.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from newllm.errors import unknown_name
from newllm.report import language_en

LANGUAGES = ("en",)


@dataclass(frozen=True)
class Words:
    """The texts of one language.

    Attributes:
        lang: its code, as HTML's `lang` has it.
        texts: templates by key.
        explained: what a kind of finding is, by kind.
    """

    lang: str
    texts: Mapping[str, str]
    explained: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """Return a text.

        Args:
            key: its name.
            **values: what stands in its places; put in as they are.
        """
        return self.texts[key].format(**values)

    def explain(self, kind: str) -> str:
        """Return what a kind of finding is, in a sentence or two; empty where there is nothing to say of it."""
        return self.explained.get(kind, "")


_TABLES = {"en": language_en}


def language(lang: str) -> Words:
    """Return the texts of a language.

    Raises:
        UserError: there is no such language.
    """
    if lang not in _TABLES:
        raise unknown_name("language", lang, LANGUAGES)
    return Words(lang, _TABLES[lang].TEXTS, _TABLES[lang].EXPLAINED)
