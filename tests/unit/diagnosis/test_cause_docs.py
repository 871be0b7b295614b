"""docs/doctor.md lists every cause that the doctor may name. Run as a program, this file writes the table anew."""

import inspect
import re
from pathlib import Path

from newllm.diagnosis.causes import CAUSES
from newllm.diagnosis.checkable import PROBES_OF
from newllm.messages import catalogue

PAGE = Path(__file__).parents[3] / "docs/doctor.md"
TABLE = re.compile(r"(<!-- causes: .*? -->\n)(.*?)(<!-- end -->)", re.DOTALL)
EN, JA = catalogue("en"), catalogue("ja")


def table() -> str:
    """Return a row for each cause: what it is, as its function says."""
    rows = [
        f"| `{name}` | {str(inspect.getdoc(score)).splitlines()[0]} | {_probes(name)} |"
        for name, score in CAUSES.items()
    ]
    return "\n".join(["| cause | what it is | `newllm.check` asks |", "|---|---|---|", *rows]) + "\n"


def _probes(cause: str) -> str:
    return ", ".join(f"`{probe}`" for probe in PROBES_OF.get(cause, ()))


def test_the_page_lists_the_causes_that_the_code_knows() -> None:
    found = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[2] == table()


def test_every_cause_has_a_name_in_both_languages() -> None:
    missing = [name for name in CAUSES if f"term-{name}" not in EN or f"term-{name}" not in JA]
    assert missing == []


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(lambda found: found[1] + table() + found[3], PAGE.read_text(encoding="utf-8")), "utf-8")
