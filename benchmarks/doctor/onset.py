"""Does the watch over a running loss (`diagnosis/onset.py`) see what `find_excursions` finds afterwards, and how soon?

    python benchmarks/doctor/onset.py [--fit] [--founding SEEDS] [--out FILE]

The stored runs of the doctor's benchmark, every loss of each: the half of the table, or with --fit the half that
thresholds may be fitted on. *Truth* is what `find_excursions` finds in the whole series, and its first point that is
not finite; found is a truth within which the watch said an onset (three points early count). *Extra* are onsets in runs
with a fault that no truth goes with. Delay and distance are in points of the series. A false alarm is any onset in a
healthy run. --founding trains the founding presets again with so many seeds and says which spikes of `find_spikes` the
watch sees in training or validation loss, first spikes counted apart.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import newllm
from newllm.diagnosis.excursion import find_excursions
from newllm.diagnosis.losses import loss_names
from newllm.diagnosis.onset import Onset, OnsetWatch
from newllm.diagnosis.spike import find_spikes
from newllm.trace import Series, read_trace
from score import share
from stored import LABELS, unpack

EARLY = 3  # points
SPIKING = ("seed-baseline", "seed-experiment1", "seed-experiment2")
CALM = ("seed-transformer",)


def onsets_of(series: Series) -> list[Onset]:
    """Return what the watch says, point by point."""
    watch = OnsetWatch()
    seen = (watch.see(step, loss) for step, loss in zip(series.step.tolist(), series.value.tolist(), strict=True))
    return [onset for onset in seen if onset is not None]


def truths_of(series: Series) -> list[tuple[int, int]]:
    """Return first and last step of every time that the loss is off its trend, as it is seen afterwards."""
    is_finite = np.isfinite(series.value)
    step = series.step[is_finite]
    found = [
        (int(step[one.onset]), int(step[min(one.end, len(step) - 1)]))
        for one in find_excursions(series.value[is_finite])
    ]
    if is_finite.all():
        return found
    bad = int(series.step[~is_finite][0])
    return [*(one for one in found if one[0] < bad), (bad, int(series.step[-1]))]


def stored(half: str) -> dict[str, Any]:
    """Return detection, delay and false alarms over the stored runs of one half."""
    labels = [one for one in json.loads(LABELS.read_text()) if one["half"] == half and not one.get("ill")]
    healthy: list[bool] = []
    hits: list[tuple[float, float]] = []
    truths = extra = points = 0
    seconds = 0.0
    with tempfile.TemporaryDirectory() as directory:
        unpack(Path(directory))
        for label in labels:
            suffix = {"recorder": "", "jsonl": ".jsonl"}.get(label["log"], ".csv")
            trace = newllm.doctor(Path(directory) / (label["name"] + suffix)).trace
            said = {}
            for name in loss_names(trace):
                start = time.perf_counter()
                said[name] = onsets_of(trace.series(name))
                seconds += time.perf_counter() - start
                points += len(trace.series(name).step)
            if label["kind"] == "healthy":
                healthy.append(any(said.values()))
                continue
            for name, onsets in said.items():
                found, others = _matched(trace.series(name), onsets)
                truths += len(truths_of(trace.series(name)))
                extra += others
                hits += found
    return {
        "half": half,
        "healthy_runs_with_an_alarm": share(sum(healthy), len(healthy)),
        "found": share(len(hits), truths),
        "extra_onsets_in_runs_with_a_fault": extra,
        "delay_points": _quantiles([delay for delay, _ in hits]),
        "onset_minus_truth_points": _quantiles([off for _, off in hits]),
        "microseconds_a_point": round(1e6 * seconds / points, 1),
    }


def _matched(series: Series, onsets: list[Onset]) -> tuple[list[tuple[float, float]], int]:
    """Return delay and distance of each truth that was found, and how many onsets go with none."""
    spacing = float(np.median(np.diff(series.step))) if len(series.step) > 1 else 1.0
    found, used = [], set()
    for first, last in truths_of(series):
        mine = [one for one in onsets if first - EARLY * spacing <= one.onset <= last]
        used |= set(mine)
        if mine:
            found.append(((mine[0].step - first) / spacing, (mine[0].onset - first) / spacing))
    return found, len(set(onsets) - used)


def _quantiles(values: list[float]) -> dict[str, float]:
    names = {"least": 0.0, "median": 0.5, "nine in ten": 0.9, "most": 1.0}
    return {name: float(np.quantile(values, at)) for name, at in names.items()} if values else {}


def founding(seeds: int) -> dict[str, Any]:
    """Return what the watch sees in the founding runs."""
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        for preset in (*SPIKING, *CALM):
            for seed in range(seeds):
                run = newllm.train(out=Path(directory) / f"{preset}-{seed}", preset=preset, seed=seed)
                rows.append(_founding_run(preset, seed, run.path / "trace.jsonl"))
    spiking = [row for row in rows if row["preset"] in SPIKING]
    first = [row["validation_loss"] for row in spiking if row["validation_loss"]["spikes"]]
    calm = [row for row in rows if row["preset"] in CALM]
    return {
        "first_validation_spike_found": share(sum(bool(_near(one)) for one in first), len(first)),
        "alarms_in_calm_runs": share(
            sum(bool(x["loss"]["seen"] or x["validation_loss"]["seen"]) for x in calm), len(calm)
        ),
        "runs": rows,
    }


def _near(one: dict[str, Any]) -> list[list[int]]:
    """Return the onsets within two evaluations of the first spike."""
    return [seen for seen in one["seen"] if abs(seen[0] - one["spikes"][0]) <= 4]


def _founding_run(preset: str, seed: int, path: Path) -> dict[str, Any]:
    trace = read_trace(path)
    row: dict[str, Any] = {"preset": preset, "seed": seed}
    for name in ("loss", "validation_loss"):
        series = trace.series(name)
        row[name] = {
            "spikes": [int(spike.onset) for spike in find_spikes(series.step, series.value)],
            "seen": [[one.onset, one.step] for one in onsets_of(series)],
        }
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="the half that thresholds may be fitted on")
    parser.add_argument("--founding", type=int, default=0, metavar="SEEDS", help="train the founding presets again")
    parser.add_argument("--out", type=Path, help="write the JSON there too")
    arguments = parser.parse_args()
    result: dict[str, Any] = {"question": "what the watch over a running loss sees, how soon, and its false alarms"}
    result["stored"] = stored("fit" if arguments.fit else "table")
    if arguments.founding:
        result["founding"] = founding(arguments.founding)
    text = json.dumps(result, indent=2)
    if arguments.out is not None:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
