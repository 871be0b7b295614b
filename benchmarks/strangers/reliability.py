"""How often are causes right that the doctor is so sure of? A picture of it: docs/screens/reliability.png.

    python benchmarks/strangers/reliability.py [--out FILE]

Reads benchmarks/results/strangers-held-out.json, where the held-out runs were scored once.
"""

import argparse
import json
from pathlib import Path

from newllm.plotting.intervals import IntervalRow, draw_intervals

REPOSITORY = Path(__file__).parents[2]
RESULTS = REPOSITORY / "benchmarks/results/strangers-held-out.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs/screens/reliability.png")
    found = json.loads(RESULTS.read_text(encoding="utf-8"))["log"]["calibration"]
    rows = [
        IntervalRow(
            f"about {100 * one['mean_probability']:.0f} % sure",
            100 * one["right"]["share"],
            100 * one["right"]["low"],
            100 * one["right"]["high"],
            note=f"{one['right']['hits']} of {one['right']['of']}",
            second=(100 * one["mean_probability"], None, None),
        )
        for one in found["bins"]
    ]
    draw_intervals(
        rows,
        parser.parse_args().out,
        title=f"{found['runs']} causes that the doctor named, of kinds of fault held out whole",
        x_label="per cent",
        x_range=(20, 102),
        names=("right", "said"),
        note_heading="right",
    )


if __name__ == "__main__":
    main()
