"""In a language that is made up, no page of the local server holds an English sentence, nor do its scripts."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import newllm.ui
from newllm.messages import LANGUAGES, Catalogue, catalogue
from newllm.ui import texts
from newllm.ui.texts import Texts

STATIC = Path(newllm.ui.__file__).parent / "static"
_English = Callable[[str], list[str]]
# A text that a script would show by itself: two words of three letters or more between quotes, not what is thrown.
_SENTENCE = re.compile(r"""["'`][A-Z][a-z]{2,} [a-z]{3,}[^"'`]*["'`]""")


@pytest.fixture
def served(
    tmp_path: Path, make_run: Any, serving: Any, wide: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A server whose pages can be asked for in the made-up language."""
    monkeypatch.setattr(texts, "LANGUAGES", (*LANGUAGES, "xx"))
    monkeypatch.setattr(texts, "catalogue", lambda lang: wide if lang == "xx" else catalogue(lang))
    for name in ("one", "two"):
        make_run(tmp_path / "runs" / name, seed=len(name))
    (make_run(tmp_path / "runs" / "half") / "config.toml").unlink()
    with serving(tmp_path / "runs") as found:
        yield found


@pytest.mark.parametrize("path", ["/", "/run/{}", "/run/{}/play", "/compare?runs={}", "/nowhere"])
def test_no_page_holds_english(served: Any, english: _English, path: str) -> None:
    path = path.format(served.id_of("half"))
    page = served.ask(f"{path}{'&' if '?' in path else '?'}lang=xx").body.decode()
    assert '<html lang="xx">' in page
    assert english(page) == []


def _html(content: Any) -> str:
    """Return all texts of an answer, of which some are HTML, as one page."""

    def texts_of(part: Any) -> Iterator[str]:
        if isinstance(part, str):
            yield part
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from texts_of(inner)

    return "<html>" + "<br>".join(texts_of(content))


def test_nor_does_what_scripts_fetch(served: Any, english: _English) -> None:
    one, two = served.id_of("one"), served.id_of("two")
    for path in (
        f"/api/run/{one}/sections?",
        f"/api/compare?runs={one},{two}&",
        f"/api/compare/differences?runs={one},{two}&",
        "/api/runs?",
    ):
        assert english(_html(served.ask(f"{path}lang=xx").json())) == [], path
    assert len(english(_html(served.ask(f"/api/run/{one}/sections?lang=en").json()))) > 10
    half = next(run for run in served.ask("/api/runs?lang=xx").json()["runs"] if run["name"] == "half")
    assert half["problems"]


def test_nor_what_scripts_say(wide: Catalogue, english: _English) -> None:
    said = Texts(wide).for_scripts(playground=True)
    assert len(said) > 150
    assert english("\n".join(said.values())) == []


def test_no_script_has_a_sentence_of_its_own() -> None:
    own = {path.name: path.read_text("utf-8") for path in STATIC.glob("*.js")}
    assert len(own) > 20
    assert {name: found for name, text in own.items() if (found := _SENTENCE.findall(text))} == {}
