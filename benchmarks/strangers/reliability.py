"""How often are causes right that the doctor is so sure of? A picture of it: docs/screens/reliability.png.

    python benchmarks/strangers/reliability.py [--out FILE]

Reads the results of the runs that were scored once, before anybody who works on the doctor had looked at them.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from newllm.plotting.intervals import IntervalRow, draw_intervals

REPOSITORY = Path(__file__).parents[2]
SETS = {
    "held out": ("strangers-held-out", ("log",)),
    "third set": ("strangers-third", ("log", "recording")),
    "fourth set": ("strangers-fourth", ("log", "recording")),
    "fifth set": ("strangers-fifth", ("log", "recording")),
    "sixth set": ("strangers-sixth", ("log", "recording")),
}


def row(name: str, source: str, one: dict[str, Any]) -> IntervalRow:
    """Return a row of the picture: of a set, the causes of which so much was said."""
    right, said = one["right"], 100 * one["mean_probability"]
    return IntervalRow(
        f"{name}, {source}s, {said:.0f} % said",
        100 * right["share"],
        100 * right["low"],
        100 * right["high"],
        note=f"{right['hits']} of {right['of']}",
        second=(said, None, None),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs/screens/reliability.png")
    rows = []
    for name, (file, sources) in SETS.items():
        found = json.loads((REPOSITORY / f"benchmarks/results/{file}.json").read_text(encoding="utf-8"))
        rows += [row(name, source, one) for source in sources for one in found[source]["calibration"]["bins"]]
    draw_intervals(
        rows,
        parser.parse_args().out,
        title="Causes that the doctor named in runs that nobody had looked at",
        x_label="per cent",
        x_range=(20, 102),
        names=("right", "said"),
        note_heading="right",
    )


if __name__ == "__main__":
    main()
