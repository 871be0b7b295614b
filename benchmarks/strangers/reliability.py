"""How often is right what the doctor is so sure of? Two pictures: its findings and its causes.

    python benchmarks/strangers/reliability.py [--out FOLDER]

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
    right, said = one["right"], one["mean_probability"]
    counts = {"right": right["hits"], "of": right["of"], "low": right["low"], "high": right["high"]}
    return _row(f"{name}, {source}s, {100 * said:.0f} % said", said, right["share"], counts)


def _row(name: str, said: float, share: float, one: dict[str, Any]) -> IntervalRow:
    return IntervalRow(
        name,
        100 * share,
        100 * one["low"],
        100 * one["high"],
        note=f"{one['right']} of {one['of']}",
        second=(100 * said, None, None),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs/screens")
    out = parser.parse_args().out
    found = json.loads((REPOSITORY / "benchmarks/results/blind-by-kind.json").read_text(encoding="utf-8"))
    _draw(
        [
            _row(f"{name}, {100 * one['said']:.0f} % said", one["said"], one["right"] / one["of"], one)
            for of, name in (
                ("detectors", "by the detector"),
                ("counted", "counted in the other sets"),
                ("forecast", "of the ninth and tenth batch"),
            )
            for one in found["reliability"][of]["bins"]
        ],
        out / "reliability-findings.png",
        "Findings of the doctor in runs that nobody had looked at",
    )
    rows = []
    for name, (file, sources) in SETS.items():
        found = json.loads((REPOSITORY / f"benchmarks/results/{file}.json").read_text(encoding="utf-8"))
        rows += [row(name, source, one) for source in sources for one in found[source]["calibration"]["bins"]]
    _draw(rows, out / "reliability.png", "Causes that the doctor named in runs that nobody had looked at")


def _draw(rows: list[IntervalRow], out: Path, title: str) -> None:
    draw_intervals(
        rows,
        out,
        title=title,
        x_label="per cent",
        x_range=(0, 102),
        names=("right", "said"),
        note_heading="right",
    )


if __name__ == "__main__":
    main()
