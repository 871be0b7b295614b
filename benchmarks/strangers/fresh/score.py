"""What the doctor says of 118 further runs, by somebody who had read neither it nor the other runs.

    python benchmarks/strangers/fresh/score.py [--only NAME ...] [--out FILE]

They were made while the doctor was worked on, and looked at then: this is no forecast. `found` is any warning or fault,
`right` a first cause that the label accepts.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import newllm

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1] / "shared")]

from benchmarks.strangers.score import unpack  # noqa: E402


def answer(label: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return what is said of one run."""
    warnings = [one for one in newllm.doctor(path).findings if one.severity != "note"]
    named = next((one.causes[0].name for one in warnings if one.causes), None)
    right = named is not None and named in label["accepted"]["causes"]
    verdict = "right" if right else "wrong" if named else "unknown" if warnings else "silent"
    return {"kind": label["kind"], "verdict": verdict, "cause": named, "said": [one.kind for one in warnings]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--out", type=Path, help="write the JSON there too")
    arguments = parser.parse_args()
    import machine
    from answers import give

    labels = json.loads((HERE / "labels.json").read_text(encoding="utf-8"))["runs"]
    with tempfile.TemporaryDirectory() as folder:
        chosen = {name: label for name, label in labels.items() if not arguments.only or name in arguments.only}
        unpack(HERE / "logs.tar.zst", Path(folder), {label["log"].split("/")[0] for label in chosen.values()})
        answers = {name: answer(label, Path(folder) / label["log"]) for name, label in chosen.items()}
    for name, one in answers.items():
        print(
            f"{name} {one['kind']:34} {one['verdict']:8} {one['cause'] or '':24} {', '.join(one['said'])}",
            file=sys.stderr,
        )
    shown = [one for name, one in answers.items() if one["kind"] != "healthy" and chosen[name]["visible"] != "no"]
    healthy = [one for one in answers.values() if one["kind"] == "healthy"]
    summary = {
        "faults in the log": len(shown),
        "found": sum(bool(one["said"]) for one in shown),
        **{verdict: sum(one["verdict"] == verdict for one in shown) for verdict in ("right", "wrong", "unknown")},
        "healthy": len(healthy),
        "alarmed": sum(bool(one["said"]) for one in healthy),
    }
    print(summary, file=sys.stderr)
    give(
        {"question": "fresh strangers' runs", "machine": machine.describe(), **summary, "runs": answers}, arguments.out
    )


if __name__ == "__main__":
    main()
