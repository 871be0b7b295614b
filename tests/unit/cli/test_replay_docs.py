"""docs/interventions.md names every intervention as it is. Run as a program, this file writes the table anew."""

import re
from pathlib import Path

from newllm.cli.replay_list import table

PAGE = Path(__file__).parents[3] / "docs/interventions.md"
TABLE = re.compile(r"(<!-- interventions: .*? -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def test_the_page_has_the_table_of_the_registry() -> None:
    found = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[2] == table(), "python tests/unit/cli/test_replay_docs.py writes it anew"


if __name__ == "__main__":
    PAGE.write_text(
        TABLE.sub(lambda found: found[1] + table() + found[3], PAGE.read_text(encoding="utf-8")), encoding="utf-8"
    )
