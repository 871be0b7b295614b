from collections import Counter
from string import Formatter
from types import ModuleType

import pytest
from studies.founding import words_en, words_ja
from studies.founding.arms import ARMS
from studies.founding.claims import CLAIMS

LANGUAGES = pytest.mark.parametrize("words", [words_en, words_ja], ids=["en", "ja"])
OF_REPLAYS = ("OUTCOMES", "AGREEMENTS", "CONCLUSIONS", "REASONS", "REPLAYED")
OF_FIGURES = ("MEASURES", "REASONS_NOT_COMPARED", "CANDIDATES", "PRINTED", "REPRODUCED")
NAMES = (
    "VERDICTS",
    "EFFECTS",
    "CLAIM_TEXTS",
    "CLAIM_MEASURES",
    "ARM_CLAIMS",
    "NUMBERS",
    "WORDS",
    *OF_REPLAYS,
    *OF_FIGURES,
)
HEADERS = [
    (name, key)
    for name in ("WORDS", "REPLAYED", "PRINTED")
    for key in getattr(words_en, name)
    if key.endswith("_header")
]


def texts(words: ModuleType) -> list[tuple[str, str, str]]:
    return [(name, key, text) for name in NAMES for key, text in getattr(words, name).items()]


def placeholders(text: str) -> Counter[tuple[str, str | None, str | None]]:
    return Counter(
        (name, spec, conversion) for _, name, spec, conversion in Formatter().parse(text) if name is not None
    )


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_keys(name: str) -> None:
    assert list(getattr(words_ja, name)) == list(getattr(words_en, name))


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_placeholders(name: str) -> None:
    japanese = {key: placeholders(text) for key, text in getattr(words_ja, name).items()}
    assert japanese == {key: placeholders(text) for key, text in getattr(words_en, name).items()}


@pytest.mark.parametrize(("name", "key"), HEADERS)
def test_a_table_has_as_many_columns_in_both_languages(name: str, key: str) -> None:
    assert getattr(words_ja, name)[key].count("|") == getattr(words_en, name)[key].count("|") > 0


@LANGUAGES
def test_every_claim_and_every_arm_has_words(words: ModuleType) -> None:
    claims = [claim.id for claim in CLAIMS]
    assert list(words.CLAIM_TEXTS) == claims
    assert list(words.CLAIM_MEASURES) == claims
    assert list(words.ARM_CLAIMS) == [arm.name for arm in ARMS]


@LANGUAGES
def test_no_text_is_empty_or_ends_in_a_blank(words: ModuleType) -> None:
    assert [(name, key) for name, key, text in texts(words) if not text or text != text.strip()] == []


def test_every_japanese_text_is_written_in_japanese() -> None:
    bare = [(name, key) for name, key, text in texts(words_ja) if not any("\u3040" <= c <= "\u9fff" for c in text)]
    assert bare == []
