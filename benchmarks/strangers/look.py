"""Show what the logs hold, a few lines a run, to see whether a run is what its label says.

`python benchmarks/strangers/look.py DIR [NAME ...]`: DIR is what generate.py wrote, or the unpacked archive.
"""

import sys
from pathlib import Path

import numpy as np

from newllm.trace import Trace
from newllm.trace.readers import read_log

_SHOWN = ("loss", "validation_loss", "validation_accuracy", "learning_rate", "gradient_norm")
_COLUMNS = 14


def thinned(values: np.ndarray) -> str:
    """Return a few values from beginning to end; where a part of the run differs much, its extremes tell more."""
    parts = np.array_split(values, min(_COLUMNS, len(values)))
    return " ".join(f"{part[-1]:.3g}" for part in parts)


def lines(name: str, trace: Trace) -> list[str]:
    """Describe a log."""
    found = [f"{name}  ({trace.axis})"]
    extra = [signal for signal in trace.signals if signal not in _SHOWN][:6]
    for signal in [*_SHOWN, *extra]:
        series = trace.series(signal)
        if not len(series.value):
            continue
        with np.errstate(all="ignore"):
            worst = np.nanmax(series.value) if np.any(np.isfinite(series.value)) else np.nan
        place = int(series.step[int(np.nanargmax(series.value))]) if np.isfinite(worst) else -1
        unfit = int(np.sum(~np.isfinite(series.value)))
        found.append(f"  {signal[:22]:22s} {len(series.value):4d}  {thinned(series.value)}  max {worst:.4g} at {place}"
                     + (f"  not finite {unfit}" if unfit else ""))  # fmt: skip
    return found + [f"  ! {remark}" for remark in trace.left_out]


def main() -> None:
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    for run in sorted(path for path in folder.iterdir() if path.is_dir()):
        logs = [path for path in run.iterdir() if path.is_file()]
        if logs and (not names or any(part in run.name for part in names)):
            print("\n".join(lines(run.name, read_log(logs[0]))))


if __name__ == "__main__":
    main()
