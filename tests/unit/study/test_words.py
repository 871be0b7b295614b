"""The founding study's page in two languages: the same labels, and templates that are filled alike."""

import re
from collections import Counter
from pathlib import Path
from string import Formatter

import pytest
from studies.founding.arms import ARMS
from studies.founding.claims import CLAIMS
from studies.founding.labels import Labels, labels
from studies.founding.page import PAGES

FOLDER = Path(__file__).parents[3] / "studies/founding"
EN, JA = labels("en"), labels("ja")
LANGUAGES = pytest.mark.parametrize("words", [EN, JA], ids=["en", "ja"])
NAMES = tuple(name for name, table in vars(EN).items() if isinstance(table, dict))
HEADERS = [key for key in EN.printed if key.endswith("header")]


def texts(words: Labels) -> list[tuple[str, str, str]]:
    return [(name, key, text) for name in NAMES for key, text in getattr(words, name).items()]


def placeholders(text: str) -> Counter[tuple[str, str | None, str | None]]:
    return Counter(
        (name, spec, conversion) for _, name, spec, conversion in Formatter().parse(text) if name is not None
    )


def filled(name: str) -> Counter[str]:
    """Return what a template is filled with: its expressions, without the text within them, and its statements."""
    text = (FOLDER / f"{name}.j2").read_text("utf-8")
    return Counter(re.sub(r'table\("[^"]*"', "table(", part) for part in re.findall(r"{[{%].*?[%}]}", text))


def test_both_languages_have_the_same_tables() -> None:
    assert len(NAMES) == 16
    assert vars(JA).keys() == vars(EN).keys()


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_keys(name: str) -> None:
    assert list(getattr(JA, name)) == list(getattr(EN, name))


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_placeholders(name: str) -> None:
    japanese = {key: placeholders(text) for key, text in getattr(JA, name).items()}
    assert japanese == {key: placeholders(text) for key, text in getattr(EN, name).items()}


def test_both_templates_are_filled_with_the_same() -> None:
    english, japanese = map(filled, PAGES)
    assert english == japanese
    assert english.total() > 100


def test_a_table_of_a_template_has_as_many_columns_in_both_languages() -> None:
    english, japanese = (
        [header.count("|") for header in re.findall(r'table\("([^"]*)"', (FOLDER / f"{name}.j2").read_text("utf-8"))]
        for name in PAGES
    )
    assert english == japanese
    assert len(english) == 6
    assert min(english) > 0


@pytest.mark.parametrize("key", HEADERS)
def test_a_table_has_as_many_columns_in_both_languages(key: str) -> None:
    assert JA.printed[key].count("|") == EN.printed[key].count("|") > 0


@pytest.mark.parametrize("key", ["spikes_header", "arms_header"])
def test_a_table_of_the_study_has_as_many_columns_in_both_languages(key: str) -> None:
    assert JA.tables[key].count("|") == EN.tables[key].count("|") > 0


@LANGUAGES
def test_every_claim_and_every_arm_has_words(words: Labels) -> None:
    claims = [claim.id for claim in CLAIMS]
    assert list(words.claim_texts) == claims
    assert list(words.claim_measures) == claims
    assert list(words.arm_purposes) == [arm.name for arm in ARMS]


@LANGUAGES
def test_no_text_is_empty_or_ends_in_a_blank(words: Labels) -> None:
    assert [(name, key) for name, key, text in texts(words) if not text or text != text.strip()] == []


def test_every_japanese_text_is_written_in_japanese() -> None:
    bare = [(name, key) for name, key, text in texts(JA) if not any("\u3040" <= c <= "\u9fff" for c in text)]
    assert bare == []
    lines = [
        re.sub(r"{[{%#].*?[%}#]}|`[^`]*`|\W", "", line)
        for line in (FOLDER / "README.ja.md.j2").read_text("utf-8").splitlines()
    ]
    assert [line for line in lines if line and not any("\u3040" <= c <= "\u9fff" for c in line)] == []
