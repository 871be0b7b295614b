"""Decides the founding study's claims again and writes its tables, pages and figures; runs nothing.

    python -m studies.founding [DIR]

For whoever added or changed a claim, made a new replay.json, or changed a word. Claims are decided from the rows of
results.json, because the cells, which `newllm study founding` goes on from, are not kept with the results.
"""

import sys
from pathlib import Path

from newllm.errors import UserError
from newllm.study import decide, load_results, write_results

from . import STUDY
from .labels import refuse_missing_words
from .page import PAGES


def main(arguments: list[str]) -> int:
    """Write the results, tables and pages into the directory that is named (default studies/founding)."""
    folder = Path(arguments[0] if arguments else "studies/founding")
    try:
        for language in PAGES.values():
            refuse_missing_words(language)
        results = load_results(folder / "results.json")
        before = {claim["id"]: claim["verdict"] for claim in results["claims"]}
        claims = decide(STUDY, results["rows"])
        own = {"title": STUDY.title, "claims": claims, "translations": STUDY.translations}
        write_results(STUDY, folder, {**results, **own})
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(claims)} claims decided from {len(results['rows'])} stored rows: nothing was run")
    for claim in claims:
        if (old := before.pop(claim["id"], None)) != claim["verdict"]:
            print(f"claim {claim['id']}: {claim['verdict']}" + (f", before: {old}" if old else ", new"))
    for gone in before:
        print(f"claim {gone}: no longer a claim of the study")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
