"""Writes the founding study's tables, pages and figures again, from results.json and replay.json; runs nothing.

    python -m studies.founding [DIR]

For whoever made a new replay.json, or changed a word: the study's cells, which `newllm study founding` goes on from,
are not kept with its results.
"""

import sys
from pathlib import Path

from newllm.errors import UserError
from newllm.study import load_results, write_results

from . import STUDY


def main(arguments: list[str]) -> int:
    """Write them into the directory that is named (default studies/founding)."""
    folder = Path(arguments[0] if arguments else "studies/founding")
    try:
        write_results(STUDY, folder, load_results(folder / "results.json") | {"translations": STUDY.translations})
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
