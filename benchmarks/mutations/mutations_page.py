"""Write docs/tests.md from results of mutations.py.

python benchmarks/mutations/mutations_page.py benchmarks/results/mutations.json
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "shared"))

from markdown_tables import machine_line, table
from mutations import AREAS, HERE, KEY, ROOT, summed

HEAD = """# Do the tests notice a mistake?

A change of one operator, number, condition or argument, drawn at random, is put into the sources; then the tests of its
own area run until one fails. A change that no test notices is a test that is missing, unless it does nothing that
matters. `benchmarks/mutations/` says how it is done, `tests/unit/benchmarks/test_mutations.py` holds it to that.
The aim is nine in ten in every area. Each draw stands as it was, before tests were written for what it had shown; later
draws are of a tree with these tests. Few changes of an area say little of it.
Where the tests of a change outlasted the limit on a busy machine, they were run again with a longer one.

Not changed are words, types, decorators and what is raised. How many calls with two arguments swapped are among the
changes flatters the share: most of them are errors that any test of that line meets.

"""


def page(results: Sequence[dict[str, Any]], harmless: list[dict[str, str]]) -> str:
    """Return the page: each draw as it was, before any test was written for what it showed."""
    known = {_key(one) for one in harmless}  # also what was looked at after it was drawn
    areas = [[area, ", ".join(places), ", ".join(tests)] for area, (places, tests) in AREAS.items()]
    parts = [
        HEAD,
        machine_line(results[0]),
        *(_draw(result, known) for result in results),
        "\n## What does not matter\n\n"
        "Looked at one by one, and kept in benchmarks/mutations/harmless_mutations.json.\n\n",
        _listed([(one, one["why"]) for one in harmless]),
        "\n## The areas\n\nFolders of src/newllm with the tests that are theirs, below tests.\n\n",
        table(["area", "sources", "tests"], areas),
    ]
    return "".join(parts)


def _draw(result: dict[str, Any], known: set[tuple[str, ...]]) -> str:
    """Return one draw as a table, and what was not noticed in it."""
    mutants = [
        {**one, "outcome": "harmless"} if one["outcome"] == "not noticed" and _key(one) in known else one
        for one in result["mutants"]
    ]
    missed = [(one, None) for one in mutants if one["outcome"] == "not noticed"]
    title = f"\n## Seed {result['seed']}, at {result['commit']}\n\n"
    return title + summed(mutants) + (f"\nNot noticed:\n\n{_listed(missed)}" if missed else "")


def _key(one: dict[str, Any]) -> tuple[str, ...]:
    return tuple(one[name] for name in KEY)


def _listed(changes: Sequence[tuple[dict[str, Any], str | None]]) -> str:
    return "".join(
        f"- `{one['file']}`: `{one['code']}`, `{one['change']}`{f': {why}' if why else ''}\n" for one, why in changes
    )


if __name__ == "__main__":
    known = json.loads((HERE / "harmless_mutations.json").read_text())
    (ROOT / "docs" / "tests.md").write_text(page([json.loads(Path(name).read_text()) for name in sys.argv[1:]], known))
