"""What is said of runs that read no text: the same messages, without words of language models."""

import re

import pytest

from newllm.messages.catalogue import FOLDER, LANGUAGES, catalogue

WORDS = re.compile(r"\btokens?\b|\bnats?\b|vocabular|\btexts?\b|document|トークン|文章|語彙|文書|nat\b", re.IGNORECASE)
PARAMETER = re.compile(r"\$([a-z_]+)")


def _changed(lang: str) -> list[str]:
    words, other = catalogue(lang), catalogue(lang).about(text=False)
    return [name for name in words.names if words._source[name] != other._source[name]]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_sentence_takes_what_the_other_takes(lang: str) -> None:
    words, other = catalogue(lang), catalogue(lang).about(text=False)
    assert words.about(text=True) is words
    assert words.names == other.names
    for name in _changed(lang):
        assert words.attributes(name) == other.attributes(name)
        assert set(PARAMETER.findall(other._source[name])) <= set(PARAMETER.findall(words._source[name])), name


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_word_of_a_language_model_is_left(lang: str) -> None:
    file = (FOLDER / f"{lang}-without-text.ftl").read_text("utf-8")
    said = "\n".join(line for line in file.splitlines() if "unseen-vocabulary" not in line and not line.startswith("#"))
    assert not [
        found[0]
        for found in WORDS.finditer(re.sub(r"\.[a-z-]+ =|finding-[a-z-]+|term-[a-z-]+|\$\w+|known-\w+", "", said))
    ]


def test_both_languages_change_the_same_findings() -> None:
    english, japanese = ({name for name in _changed(lang) if name.startswith("finding-")} for lang in ("en", "ja"))
    assert english == japanese
