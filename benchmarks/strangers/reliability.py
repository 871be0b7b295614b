"""How often are causes right that the doctor is so sure of? A picture of it: docs/screens/reliability.svg.

    python benchmarks/strangers/reliability.py [--out FILE]

Reads benchmarks/results/strangers-held-out.json, where the held-out runs were scored once.
"""

import argparse
import json
from pathlib import Path

from matplotlib.figure import Figure

REPOSITORY = Path(__file__).parents[2]
RESULTS = REPOSITORY / "benchmarks/results/strangers-held-out.json"
BLUE, GREY = "#0b6e99", "#8a8f98"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs/screens/reliability.svg")
    found = json.loads(RESULTS.read_text(encoding="utf-8"))["log"]["calibration"]
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0.4, 1], [0.4, 1], color=GREY, linewidth=1, linestyle="--")
    axes.text(0.985, 0.93, "as sure as right", color=GREY, ha="right", rotation=38, fontsize=8)
    for one in found["bins"]:
        right, said = one["right"], one["mean_probability"]
        axes.plot([said, said], [right["low"], right["high"]], color=BLUE, linewidth=1.5, solid_capstyle="round")
        axes.plot(said, right["share"], "o", color=BLUE)
        axes.annotate(
            f"{right['hits']} of {right['of']}", (said, right["share"]), (7, -3), textcoords="offset points", fontsize=9
        )
    axes.set(
        xlim=(0.45, 1), ylim=(0.2, 1.04), xlabel="probability that the doctor gives", ylabel="share that was right"
    )
    axes.set_title(f"{found['runs']} named causes, kinds held out whole", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(parser.parse_args().out)


if __name__ == "__main__":
    main()
