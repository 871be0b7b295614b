"""docs/causes.md lists every cause and all evidence. Run as a program, this file writes these tables anew.

Which evidence carries over to another author's runs stands in docs/doctor-measured.md.
"""

import inspect
import re
from pathlib import Path

import pytest

from newllm.diagnosis.causes.evidence import EVIDENCE, Evidence, counts
from newllm.diagnosis.causes.known import CAUSES
from newllm.diagnosis.causes.look import Itself
from newllm.messages import catalogue

DOCS = Path(__file__).parents[3] / "docs"
PAGES = {"causes.md": ["causes", "evidence"], "doctor-measured.md": ["left-out"]}
BLOCK = re.compile(r"(<!-- (causes|evidence|left-out): .*? -->\n)(.*?)(<!-- end -->)", re.DOTALL)
EN, JA = catalogue("en"), catalogue("ja")
VERDICTS = ("right", "wrong", "unknown", "silent")


def causes() -> str:
    """Return a row for each cause: what it is, and what would show it."""
    rows = [
        f"| `{name}` | {known.what} | {', '.join(f'`{probe}`' for probe in known.probes)} | "
        f"{', '.join(filter(None, [known.column and f'`{known.column}`', 'a recording' if known.recorded else '']))} |"
        for name, known in CAUSES.items()
    ]
    return (
        "\n".join(["| cause | what it is | `newllm.check` asks | may be seen in |", "|---|---|---|---|", *rows]) + "\n"
    )


def evidence() -> str:
    """Return a row for each piece of evidence, and in how many kinds of run of which author it was right or wrong."""
    rows = [f"| `{one.cause}` | {_what(one)} | {one.argument} | {_kinds(one)} |" for one in EVIDENCE]
    return "\n".join(["| cause | what must be seen | argument | right / wrong |", "|---|---|---|---|", *rows]) + "\n"


def _what(one: Evidence) -> str:
    return (
        f"finding `{one.look.kind}`" if isinstance(one.look, Itself) else str(inspect.getdoc(one.look)).splitlines()[0]
    )


def _kinds(one: Evidence) -> str:
    row = counts()["rows"][one.id]
    return f"{sum(row['right'].values())} / {sum(row['wrong'].values())}"


def left_out() -> str:
    """Return what is named first in the runs of each author, or kind, by the counts of the others."""
    rows = [
        f"| {by} | {author} | " + " | ".join(str(row[one]) for one in VERDICTS) + f" | {row['healthy named']} |"
        for by, authors in counts()["left_out"].items()
        for author, row in authors.items()
    ]
    head = "| left out | author | right | wrong | unknown | not found | healthy runs with a cause |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows]) + "\n"


TABLES = {"causes": causes, "evidence": evidence, "left-out": left_out}


def written(page: str) -> str:
    """Return the page with its tables as the code has them."""
    return BLOCK.sub(lambda found: found[1] + TABLES[found[2]]() + found[4], page)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_tables_that_the_code_has(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert [found[2] for found in BLOCK.finditer(page)] == PAGES[name]
    assert page == written(page)


def test_every_cause_has_a_name_in_both_languages() -> None:
    missing = [name for name in CAUSES if f"term-{name}" not in EN or f"term-{name}" not in JA]
    assert missing == []


if __name__ == "__main__":
    for page in map(DOCS.joinpath, PAGES):
        page.write_text(written(page.read_text(encoding="utf-8")), "utf-8")
