"""Writes the founding study's pages and figures again, from results.json and replay.json; runs nothing.

    python -m studies.founding [DIR]

For whoever made a new replay.json, or changed a word: the study's cells, which `newllm study founding` goes on from,
are not kept with its results.
"""

import sys
from pathlib import Path

from newllm.errors import UserError
from newllm.study import load_results

from .page import write


def main(arguments: list[str]) -> int:
    """Write the pages into the directory that is named (default studies/founding)."""
    folder = Path(arguments[0] if arguments else "studies/founding")
    try:
        write(folder, load_results(folder / "results.json"))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
