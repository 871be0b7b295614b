"""The language of a page: its texts by key, what each kind of finding is, and short terms for names of the code.

A text is a template with named places: `words("points", count=3)`. What comes out is plain text, not HTML: whoever puts
it on a page escapes it. A key that is not there is a defect of ours and raises KeyError.

Names of the code (signals, kinds, causes) stay as they are on a page; a term stands beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

from newllm.errors import unknown_name
from newllm.report.language import (
    explained_en,
    explained_ja,
    language_en,
    language_ja,
    several_en,
    several_ja,
    terms_en,
    terms_ja,
)

LANGUAGES = ("en", "ja")


@dataclass(frozen=True)
class Words:
    """The texts of one language.

    Attributes:
        lang: its code, as HTML's `lang` has it.
        texts: templates by key.
        explained: what a kind of finding is, by kind.
        terms: short terms by name of the code; not every name has one.
    """

    lang: str
    texts: Mapping[str, str]
    explained: Mapping[str, str]
    terms: Mapping[str, str]

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

    def term(self, name: str) -> str:
        """Return a short term for a name of the code: a kind, a cause, an outcome, a status, a severity.

        A name without one comes back with spaces for its dashes, in English a term like any other.
        """
        return self.terms.get(name, name.replace("-", " ").replace("_", " "))


def language(lang: str) -> Words:
    """Return the texts of a language.

    Raises:
        UserError: there is no such language.
    """
    if lang not in LANGUAGES:
        raise unknown_name("language", lang, LANGUAGES)
    return _words(lang, *_TABLES[lang])


def _words(lang: str, texts: ModuleType, several: ModuleType, explained: ModuleType, terms: ModuleType) -> Words:
    named = {f"signal.{name}": term for name, term in terms.SIGNALS.items()}
    named |= {f"evidence.{name}": term for name, term in terms.EVIDENCE.items()}
    named |= {f"kind.{name}": terms.OWN[name] for name in explained.EXPLAINED if name in terms.OWN}
    return Words(lang, named | texts.TEXTS | several.TEXTS, explained.EXPLAINED, terms.OWN)


_TABLES = {
    "en": (language_en, several_en, explained_en, terms_en),
    "ja": (language_ja, several_ja, explained_ja, terms_ja),
}
