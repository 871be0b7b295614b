"""docs/check.md lists every probe in the catalogue's words. Run as a program, this file writes the table anew."""

import re
from pathlib import Path

import pytest

import newllm
from newllm.checks import PROBES
from newllm.messages import LANGUAGES, catalogue

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/check.md"
TABLE = re.compile(r"(<!-- probes: .*? -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def table() -> str:
    """Return the table of all probes."""
    words = catalogue("en")
    lines = ["| probe | question | why it matters | what to do first |", "| --- | --- | --- | --- |"]
    for probe in PROBES:
        question, why, first = (words(f"check-{probe}{part}") for part in ("", ".why", ".first"))
        lines.append(f"| `{probe}` | {question} | {why} | {first} |")
    return "\n".join(lines) + "\n"


def test_the_page_has_the_table_of_the_registry() -> None:
    found = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[2] == table(), "python tests/unit/checks/test_check_docs.py writes it anew"


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("probe", PROBES)
def test_every_probe_is_explained_in_every_language(probe: str, lang: str) -> None:
    words = catalogue(lang)
    assert {"why", "first", "sound"} <= set(words.attributes(f"check-{probe}"))
    assert words(f"check-{probe}")
    english = set(catalogue("en").attributes(f"check-{probe}"))
    assert set(words.attributes(f"check-{probe}")) == english


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_reason_and_case_that_the_code_names_is_in_the_catalogue(lang: str) -> None:
    words = catalogue(lang)
    source = "\n".join(file.read_text() for file in (Path(newllm.__file__).parent / "checks").rglob("*.py"))
    reasons = set(re.findall(r'CannotCheck\("([\w-]+)"', source))
    assert reasons
    assert reasons == set(words.attributes("check-reason"))
    for probe, case in re.findall(r'wrong\("([\w-]+)", "([\w-]+)"', source):
        assert f"check-{probe}.{case}" in words
        assert case not in ("short", "why", "first"), "what is said of each probe"


if __name__ == "__main__":
    PAGE.write_text(
        TABLE.sub(lambda found: found[1] + table() + found[3], PAGE.read_text(encoding="utf-8")), encoding="utf-8"
    )
