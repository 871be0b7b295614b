"""Both languages say all there is to say, with the same places in the same texts."""

import ast
import re
import string
from pathlib import Path

import pytest

import newllm.report
from newllm.errors import UserError
from newllm.report import explained_ja, language_en, language_ja, terms_en, terms_ja
from newllm.report.language import language

ROOMS = [Path(newllm.report.__file__).parent, *Path(newllm.report.__file__).parent.parent.glob("ui")]
EN, JA = language("en"), language("ja")


def places(text: str) -> set[tuple[str, str]]:
    return {(name, form or "") for _, name, form, _ in string.Formatter().parse(text) if name is not None}


def is_japanese(text: str) -> bool:
    return any("\u3040" <= letter <= "\u9fff" for letter in text)


def test_every_signal_that_docs_list_has_a_japanese_term():
    listed = documented()
    assert len(listed) > 25
    assert [name for name in sorted(listed) if not is_japanese(JA.signal(name))] == []


def test_a_signals_part_stands_beside_it():
    assert EN.signal("validation_loss/unknown") == "validation loss, unknown"
    assert JA.signal("validation_loss/unknown") == terms_ja.PART.format(signal="検証損失", part="未知語")
    assert JA.signal("gradient_norm/body.0") == terms_ja.PART.format(signal="勾配ノルム", part="body.0")


def test_a_name_without_a_term_comes_back_readable():
    assert EN.term("label-noise") == "label noise"
    assert JA.term("something-new") == "something new"
    assert JA.explain("something-new") == ""


def test_both_languages_have_the_same_keys_in_the_same_order_with_the_same_places():
    assert list(language_ja.TEXTS) == list(language_en.TEXTS)
    en, ja = ({key: places(text) for key, text in one.TEXTS.items()} for one in (language_en, language_ja))
    assert en == ja


def test_no_japanese_text_was_left_in_english():
    same = [key for key, text in language_ja.TEXTS.items() if not is_japanese(text) and text == language_en.TEXTS[key]]
    assert [key for key in same if any(letter.isalpha() for letter in language_ja.TEXTS[key])] == []


def test_japanese_writes_no_ascii_punctuation_between_its_own_letters():
    texts = [*language_ja.TEXTS.values(), *explained_ja.EXPLAINED.values(), *terms_ja.OWN.values()]
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
    assert [(where, key) for where, key in sorted(asked) if key not in language_en.TEXTS] == []


def documented() -> set[str]:
    """Return the names of signals that docs/signals.md lists, without their parts."""
    page = Path(__file__).parents[3] / "docs" / "signals.md"
    rows = [line.split("|")[1] for line in page.read_text().splitlines() if line.startswith("| `")]
    return {name.split("/")[0] for row in rows for name in re.findall(r"`([^`]+)`", row)}


def _keys(path: Path) -> set[str]:
    """Return the constant keys of all calls of `words(...)` and `self._words(...)` in a file."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and node.args]
    named = [call for call in calls if ast.unparse(call.func).rpartition(".")[2] in ("words", "_words")]
    return {
        part.value
        for call in named
        for part in ast.walk(call.args[0])
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and " " not in part.value
    }


def test_a_language_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(UserError, match=r"language 'jp'.*en, ja"):
        language("jp")
