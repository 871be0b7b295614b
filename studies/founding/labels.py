"""The words of the founding study's page and data beside its templates: labels.en.toml, labels.ja.toml."""

import functools
import tomllib
from pathlib import Path
from types import SimpleNamespace

from newllm.errors import UserError

from .arms import ARMS
from .claims import CLAIMS

_OF_THE_STUDY = ("claim_texts", "claim_measures", "arm_purposes")  # in English they stand in claims.py and arms.py


class Labels(SimpleNamespace):
    """The tables and values of one file by name; a table is a dictionary."""


@functools.cache
def labels(language: str) -> Labels:
    """Return the labels of a language. What the study says itself, it says in English."""
    own = {
        "claim_texts": {claim.id: claim.text for claim in CLAIMS},
        "claim_measures": {claim.id: claim.measure for claim in CLAIMS},
        "arm_purposes": {arm.name: arm.purpose for arm in ARMS},
    }
    return Labels(**own | tomllib.loads((Path(__file__).parent / f"labels.{language}.toml").read_text("utf-8")))


def refuse_missing_words(language: str) -> None:
    """Say which claim or arm has no words in a language.

    Raises:
        UserError: there is one.
    """
    words, english = labels(language), labels("en")
    for table in _OF_THE_STUDY:
        if missing := [key for key in getattr(english, table) if key not in getattr(words, table)]:
            file = f"studies/founding/labels.{language}.toml"
            raise UserError(f"{file}: [{table}] has no '{missing[0]}': write it there")


def translations() -> dict[str, dict[str, str]]:
    """Return by language what the study says in English: its title, claims, arms, numbers and tables."""
    return {"ja": _from_english(labels("ja"), labels("en"))}


def _from_english(words: Labels, english: Labels) -> dict[str, str]:
    said = {english.study_title: words.study_title, english.figures_title: words.figures_title, **words.numbers}
    for name, text in english.tables.items():
        said |= dict(zip(text.split("|"), words.tables[name].split("|"), strict=True))
    for name in _OF_THE_STUDY:
        theirs = getattr(words, name)
        said |= {text: theirs[key] for key, text in getattr(english, name).items() if key in theirs}
    return said
