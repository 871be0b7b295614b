"""The stored runs: one compressed file that unpacks into the run directories and bare logs that they were.

A line a run, JSON, zstandard over all of them. A bare log is kept as its text. Of a recorder's run the signals are kept
one after the other, rounded (see `_DIGITS`), and written again by the same `TraceWriter` that the recorder uses. Facts
about data are kept once a data set.
"""

import io
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from newllm.recorder.recorder import DATA, RECORDING, TRACE
from newllm.trace import Trace, TraceWriter

PACKED = Path(__file__).parent / "traces" / "runs.jsonl.zst"
LABELS = Path(__file__).parent / "traces" / "labels.json"
# Significant digits by statistic: as many as tell a value that stands still from one that moves.
_DIGITS = {
    "loss": 7,
    "learning_rate": 7,
    "validation_loss": 7,
    "validation_accuracy": 7,
    "weight_norm": 7,
    "gradient_norm": 5,
    "step_seconds": 2,
}
_OTHER_DIGITS = 4
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def pack_trace(trace: Trace) -> dict[str, Any]:
    """Return a trace's signals as plain data, rounded; steps as differences, which compress well."""
    return {
        name: [np.diff(series.step, prepend=0).tolist(), [_rounded(name, value) for value in series.value.tolist()]]
        for name, series in sorted(trace.signals.items())
    }


def write_packed(runs: Iterable[dict[str, Any]], path: Path = PACKED) -> None:
    """Write all runs into the packed file.

    Args:
        runs: each with "name" and either "file" and "text", or "recording", "signals" and "facts" (a name or None);
            and one object a data set with "facts" and "content".
        path: of the file.
    """
    lines = "".join(json.dumps(run, separators=(",", ":"), allow_nan=False) + "\n" for run in runs)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zstandard.ZstdCompressor(level=19).compress(lines.encode()))


def unpack(out: Path, path: Path = PACKED) -> None:
    """Write every run below `out`, as `out/NAME` (a directory) or `out/NAME.csv`; those that are there stay."""
    facts: dict[str, Any] = {}
    out.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as reader:
        for line in io.TextIOWrapper(reader, encoding="utf-8"):
            run = json.loads(line)
            if "content" in run:
                facts[run["facts"]] = run["content"]
            elif "text" in run:
                (out / run["file"]).write_text(run["text"], encoding="utf-8")
            elif not (out / run["name"]).exists():
                _write_run(out / run["name"], run, facts)


def _write_run(place: Path, run: dict[str, Any], facts: dict[str, Any]) -> None:
    place.mkdir()
    (place / RECORDING).write_text(json.dumps(run["recording"]), encoding="utf-8")
    if run["facts"] is not None:
        (place / DATA).write_text(json.dumps({"facts": facts[run["facts"]]}), encoding="utf-8")
    rows: dict[int, dict[str, float]] = {}
    for name, (differences, values) in run["signals"].items():
        for step, value in zip(np.cumsum(differences).tolist(), values, strict=True):
            rows.setdefault(step, {})[name] = _WORDS[value] if isinstance(value, str) else value
    with TraceWriter(place / TRACE) as writer:
        for step in sorted(rows):
            writer.write(step, **rows[step])


def _rounded(name: str, value: float) -> float | int | str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    rounded = float(f"{value:.{_DIGITS.get(name.split('/')[0], _OTHER_DIGITS)}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded
