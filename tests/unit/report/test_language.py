"""Both languages say all there is to say, with the same places in the same texts."""

import ast
import re
import string
from pathlib import Path

import pytest

import newllm.report
from newllm.errors import UserError
from newllm.report.language import (
    explained_ja,
    language,
    language_en,
    language_ja,
    several_en,
    several_ja,
    terms_en,
    terms_ja,
)
from newllm.report.language.labels import signal_label

ROOMS = [Path(newllm.report.__file__).parent, *Path(newllm.report.__file__).parent.parent.glob("ui")]
Texts = dict[str, str]
EN, JA = language("en"), language("ja")


@pytest.fixture(params=[(language_en, language_ja), (several_en, several_ja)], ids=["a run", "several"])
def texts(request: pytest.FixtureRequest) -> tuple[Texts, Texts]:
    """One table in English and in Japanese."""
    return tuple(table.TEXTS for table in request.param)


def places(text: str) -> set[tuple[str, str]]:
    return {(name, form or "") for _, name, form, _ in string.Formatter().parse(text) if name is not None}


def is_japanese(text: str) -> bool:
    return any("\u3040" <= letter <= "\u9fff" for letter in text)


def test_every_signal_that_docs_list_has_a_japanese_term():
    listed = documented()
    assert len(listed) > 25
    assert [name for name in sorted(listed) if not is_japanese(signal_label(JA, name))] == []


def test_a_signals_part_stands_beside_it():
    assert signal_label(EN, "validation_loss/unknown") == "validation loss (unknown)"
    assert signal_label(JA, "validation_loss/unknown") == JA("signal_of", signal="検証損失", part="未知語")


def test_a_name_without_a_term_comes_back_readable():
    assert EN.term("label-noise") == "label noise"
    assert JA.term("something-new") == "something new"
    assert JA.explain("something-new") == ""


def test_both_languages_have_the_same_keys_in_the_same_order_with_the_same_places(texts: tuple[Texts, Texts]):
    english, japanese = texts
    assert list(japanese) == list(english)
    assert {key: places(text) for key, text in japanese.items()} == {key: places(text) for key, text in english.items()}


def test_no_japanese_text_was_left_in_english(texts: tuple[Texts, Texts]):
    english, japanese = texts
    same = [key for key, text in japanese.items() if text == english[key] and not is_japanese(text)]
    assert [key for key in same if len(re.sub(r"\{.*?\}", "", japanese[key]).strip(" ,→()")) > 1] == []


def test_japanese_writes_no_ascii_punctuation_between_its_own_letters():
    texts = [
        *language_ja.TEXTS.values(),
        *several_ja.TEXTS.values(),
        *explained_ja.EXPLAINED.values(),
        *terms_ja.OWN.values(),
    ]
    bad = [
        text
        for text in texts
        for before, mark, after in zip(text, text[1:], text[2:], strict=False)
        if mark in ",;!?()" and is_japanese(before) and is_japanese(after)
    ]
    assert bad == []


def test_terms_of_signals_are_in_both_languages_where_english_has_its_own():
    assert set(terms_en.SIGNALS) <= set(terms_ja.SIGNALS)
    assert set(terms_en.OWN) <= set(terms_ja.OWN)


def test_every_key_that_the_code_asks_for_is_there():
    asked = {(path.name, key) for room in ROOMS for path in room.rglob("*.py") for key in _keys(path)}
    assert len(asked) > 100
    absent = [(where, key) for where, key in sorted(asked) if not any(re.fullmatch(key, known) for known in EN.texts)]
    assert absent == []


def documented() -> set[str]:
    """Return the names of signals that docs/signals.md lists, without their parts."""
    page = Path(__file__).parents[3] / "docs" / "signals.md"
    rows = [line.split("|")[1] for line in page.read_text().splitlines() if line.startswith("| `")]
    return {name.split("/")[0] for row in rows for name in re.findall(r"`([^`]+)`", row)}


def _keys(path: Path) -> set[str]:
    """Return the keys of all calls of `words(...)` in a file as patterns; what is filled in may be anything."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and node.args]
    named = [call for call in calls if ast.unparse(call.func).rpartition(".")[2] in ("words", "_words")]
    return {key for call in named for key in _patterns(call.args[0])}


def _patterns(key: ast.expr) -> set[str]:
    if isinstance(key, ast.IfExp):
        return _patterns(key.body) | _patterns(key.orelse)
    if isinstance(key, ast.JoinedStr):
        return {"".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in key.values)}
    return {re.escape(key.value)} if isinstance(key, ast.Constant) and isinstance(key.value, str) else set()


def test_a_language_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(UserError, match=r"language 'jp'.*en, ja"):
        language("jp")
