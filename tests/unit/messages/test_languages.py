"""Every language says all there is to say, with the same parameters in the same messages."""

import ast
import re
from pathlib import Path

import pytest
from fluent.syntax import FluentParser
from fluent.syntax import ast as fluent
from fluent.syntax.visitor import Visitor

import newllm
from newllm.errors import UserError
from newllm.messages import LANGUAGES, catalogue
from newllm.messages.catalogue import FOLDER
from newllm.words.labels import signal_label, term

SOURCE = Path(newllm.__file__).parent
EN, JA = catalogue("en"), catalogue("ja")
OTHERS = [lang for lang in LANGUAGES if lang != "en"]
# Units, names of the code and signs, which are the same in every language.
NO_WORDS = {"bits/byte", "nats", "beta1", "beta2", "newllm", "id"}


class _Seen(Visitor):
    """Collects the names of what stands in a message, and its own text."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.text: list[str] = []

    def visit_VariableReference(self, node: fluent.VariableReference) -> None:  # noqa: N802 (Fluent's name)
        self.names.add(node.id.name)

    def visit_MessageReference(self, node: fluent.MessageReference) -> None:  # noqa: N802
        self.names |= {"axis"} if node.id.name == "axis-unit" else set()

    def visit_TextElement(self, node: fluent.TextElement) -> None:  # noqa: N802
        self.text.append(node.value)


def entries(lang: str) -> dict[str, _Seen]:
    """Return what every message and attribute holds."""
    found: dict[str, _Seen] = {}
    for file in sorted((FOLDER / lang).glob("*.ftl")):
        for entry in FluentParser().parse(file.read_text("utf-8")).body:
            assert not isinstance(entry, fluent.Junk), f"{lang}/{file.name}: {entry.content}"
            if isinstance(entry, fluent.Message):
                patterns = [("", entry.value), *((f".{part.id.name}", part.value) for part in entry.attributes)]
                found |= {entry.id.name + name: _seen(pattern) for name, pattern in patterns if pattern}
    return found


def _seen(pattern: fluent.Pattern) -> _Seen:
    seen = _Seen()
    seen.visit(pattern)
    return seen


def own_text(lang: str) -> dict[str, str]:
    """Return the text of every message without what is filled in."""
    return {key: "{}".join(seen.text) for key, seen in entries(lang).items()}


def is_japanese(text: str) -> bool:
    return any("\u3040" <= letter <= "\u9fff" for letter in text)


@pytest.mark.parametrize("lang", OTHERS)
def test_every_language_has_the_same_messages_with_the_same_parameters(lang: str) -> None:
    english, other = entries("en"), entries(lang)
    assert list(other) == list(english)
    assert {key: seen.names for key, seen in other.items()} == {key: seen.names for key, seen in english.items()}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_file_is_cut_into_the_messages_that_fluents_parser_sees(lang: str) -> None:
    assert {key.split(".")[0] for key in entries(lang)} == set(catalogue(lang).names)


def test_every_signal_that_docs_list_has_a_japanese_term() -> None:
    listed = documented()
    assert len(listed) > 25
    assert [name for name in sorted(listed) if not is_japanese(signal_label(JA, name))] == []


def test_a_signals_part_stands_beside_it() -> None:
    assert signal_label(EN, "validation_loss/unknown") == "validation loss (unknown)"
    assert signal_label(JA, "validation_loss/unknown") == JA("signal_of", signal="検証損失", part="未知語")


def test_a_name_without_a_term_comes_back_readable() -> None:
    assert term(EN, "label-noise") == "label noise"
    assert term(JA, "something-new") == "something new"
    assert JA.get("finding-something-new.explained") is None


def test_no_japanese_text_was_left_in_english() -> None:
    english, japanese = own_text("en"), own_text("ja")
    same = [key for key, text in japanese.items() if text == english[key] and not is_japanese(text)]
    words = {key: japanese[key].replace("{}", "").strip(" ,→()") for key in same}
    assert {key: text for key, text in words.items() if len(text) > 1 and text not in NO_WORDS} == {}


def test_japanese_writes_no_ascii_punctuation_between_its_own_letters() -> None:
    bad = [
        text
        for text in own_text("ja").values()
        for before, mark, after in zip(text, text[1:], text[2:], strict=False)
        if mark in ",;!?()" and is_japanese(before) and is_japanese(after)
    ]
    assert bad == []


@pytest.mark.parametrize("file", ["ja/findings", "ja/causes", "ja/training_kinds", "ja-without-text"])
def test_a_step_of_a_finding_is_no_english_word_in_japanese(file: str) -> None:
    bare = [line for line in (FOLDER / f"{file}.ftl").read_text("utf-8").splitlines() if "{ $axis }" in line]
    assert bare == []


def test_every_message_that_the_code_asks_for_is_there() -> None:
    asked = {(path.name, key) for path in SOURCE.rglob("*.py") if path.parts[-2] != "founding" for key in _asked(path)}
    assert len(asked) > 100
    known = entries("en")
    absent = [(where, key) for where, key in sorted(asked) if not any(re.fullmatch(key, name) for name in known)]
    assert absent == []


def documented() -> set[str]:
    """Return the names of signals that docs/signals.md lists, without their parts."""
    page = Path(__file__).parents[3] / "docs" / "signals.md"
    rows = [line.split("|")[1] for line in page.read_text().splitlines() if line.startswith("| `")]
    return {name.split("/")[0] for row in rows for name in re.findall(r"`([^`]+)`", row)}


_TAKE_AN_ID = ("words", "message", "note", "left_out")


def _asked(path: Path) -> set[str]:
    """Return the ids of all calls of `words(...)`, `message(...)` and the like of a file, as patterns."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and node.args]
    named = [call for call in calls if ast.unparse(call.func).rpartition(".")[2] in _TAKE_AN_ID]
    named += [call for call in calls if ast.unparse(call.func) in ("files.say", "self.say")]
    return {key for call in named for key in _patterns(call.args[0])}


def _patterns(key: ast.expr) -> set[str]:
    if isinstance(key, ast.IfExp):
        return _patterns(key.body) | _patterns(key.orelse)
    if isinstance(key, ast.JoinedStr):
        return {"".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in key.values)}
    return {re.escape(key.value)} if isinstance(key, ast.Constant) and isinstance(key.value, str) else set()


def test_a_language_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UserError, match=r"language 'jp'.*en, ja"):
        catalogue("jp")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_variant_waits_for_what_is_never_given(lang: str) -> None:
    """A parameter that is None comes as "none", True as "yes", False as "no"."""
    for file in (FOLDER / lang).glob("*.ftl"):
        assert not re.findall(r"\[(None|True|False|true|false)\]", file.read_text(encoding="utf-8")), file.name
