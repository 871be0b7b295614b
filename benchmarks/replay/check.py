"""Does every injected run spike, and no healthy twin? Of two causes together, does neither alone?

    python benchmarks/replay/check.py [--out FILE] [--only NAME ...] [--markdown]

Trains each run as `newllm.replay` would record it, its twin, and each of two causes alone, and prints one JSON object,
or a table. No verdict takes part. Runs that FILE holds already are not trained again.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from labelled import AnyTraining, Labelled, original_of
from newllm.files import write_json
from newllm.replays.subjects.original import Original, choose_spike
from newllm.replays.subjects.severity import healthy_limit, severity
from subjects import every_run

RESULTS = Path(__file__).resolve().parent.parent / "results" / "replay-runs.json"


def measured(training: AnyTraining) -> dict[str, Any] | None:
    """Return the spike of one training and how severe it is, None where the doctor finds none."""
    original = original_of(training)
    return None if original is None else spike_of(original)


def spike_of(original: Original) -> dict[str, Any]:
    """Return the spike that a replay would take: its place, its height, and its peak by the healthy limit."""
    spike = choose_spike(original, None)
    found: dict[str, Any] = {"signal": spike.signal, "onset": spike.onset, "peak": spike.peak, "height": spike.height}
    before = [loss for step, loss in zip(original.steps, original.loss, strict=True) if step < spike.onset]
    if spike.signal == "loss" and before:
        limit = healthy_limit(before)
        worst = severity(original.steps, original.loss, limit)
        found |= {"severity": worst.peak, "healthy_limit": limit}
    return found


def check(run: Labelled) -> dict[str, Any]:
    """Return what one run, its twin, and each cause alone do."""
    start = time.perf_counter()
    row: dict[str, Any] = {"kind": run.kind, "split": run.split, "model": run.training.model, "causes": run.causes}
    row["spike"] = measured(run.training)
    if run.twin is not None:
        row["twin"] = measured(run.twin)
    if run.alone:
        row["alone"] = [measured(one) for one in run.alone]
    return {**row, "good": is_good(run, row), "seconds": round(time.perf_counter() - start, 1)}


def is_good(run: Labelled, row: dict[str, Any]) -> bool:
    """Return whether the run is what its label says: a spike of the loss where one is injected, and else none."""
    if run.healthy:
        return _is_calm(row["spike"])
    return _spikes(row["spike"]) and all(_is_calm(one) for one in (row["twin"], *row.get("alone", [])))


def _spikes(spike: dict[str, Any] | None) -> bool:
    """Return whether the training loss does, above the limit that `newllm.replay` holds replays against."""
    return spike is not None and spike.get("severity", 0.0) > spike.get("healthy_limit", 0.0)


def _is_calm(spike: dict[str, Any] | None) -> bool:
    """Return whether no loss spikes: gradients that are injected as large are large alone, too."""
    return spike is None or spike["signal"] == "gradient_norm"


def markdown(rows: dict[str, Any]) -> str:
    """Return the table of all runs."""
    lines = ["| run | model | split | spike | twin | each alone | good |", "|---|---|---|---|---|---|---|"]
    for name, row in rows.items():
        alone = "; ".join(_words(one) for one in row.get("alone", [])) or "-"
        twin = _words(row["twin"]) if "twin" in row else "-"
        cells = [name, row["model"], row["split"], _words(row["spike"]), twin, alone, "yes" if row["good"] else "NO"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _words(spike: dict[str, Any] | None) -> str:
    if spike is None:
        return "none"
    ratio = f", {spike['severity'] / spike['healthy_limit']:.1f} x limit" if "severity" in spike else ""
    return f"{spike['signal']} {spike['onset']}-{spike['peak']}{ratio}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS, help="rows that are there are kept, new ones added")
    parser.add_argument("--only", nargs="*", default=[], help="names of runs, which are trained again")
    parser.add_argument("--markdown", action="store_true", help="print a table instead of JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs = every_run()
    rows = json.loads(arguments.out.read_text(encoding="utf-8"))["runs"] if arguments.out.exists() else {}
    for run in runs:
        if run.name not in arguments.only and (arguments.only or run.name in rows):
            continue
        rows[run.name] = check(run)
        write_json(arguments.out, {"runs": {one.name: rows[one.name] for one in runs if one.name in rows}})
    print(markdown(rows) if arguments.markdown else json.dumps({"runs": rows}, indent=2))


if __name__ == "__main__":
    main()
