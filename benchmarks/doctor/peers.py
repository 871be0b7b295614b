"""Four other tools on the same numbers: each in an environment of its own, by its own command.

Each gets every run as a CSV under the names that all four know: step (or the number of the epoch), loss, val_loss,
lr and grad_norm, as far as the run has them. Of a bare log these are the log's own numbers, of a recorder's run the
trace's. Step times are left out: they tell of the machine that made the runs.
"""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import numpy as np

from newllm.trace import Trace
from newllm.trace.readers import read_log
from ours import looks, until

# Pinned: a later version is another tool.
VERSIONS = {"trainspotter": "0.2.6", "losslint": "0.4.1", "runmedic": "0.1.1", "trainproof": "0.22.0"}
_COLUMNS = {
    "loss": "loss",
    "validation_loss": "val_loss",
    "learning_rate": "lr",
    "gradient_norm": "grad_norm",
}
_WARNINGS = {"error", "critical", "warning", "WARN", "FAIL"}
# Their names for what the kinds of finding in fault_kinds.py name: the widest reading of each.
MEANINGS = {
    "trainspotter": {
        "spikes": ("spike",),
        "divergence": ("diverged", "slow-divergence", "not-finite", "worse-than-untrained"),
        "overfitting": ("over-fitting",),
        "plateau": ("plateau",),
        "grad_norm": ("gradient-explosion",),
        "lr_schedule": ("learning-rate-jump",),
        "loss_floor": ("loss-drop", "leak", "repeated-windows"),
        "eval_noise": ("small-validation", "evaluation-in-training-mode", "changed-evaluation"),
    },
    "losslint": {
        "nan_inf": ("not-finite",),
        "divergence": ("diverged", "slow-divergence", "worse-than-untrained"),
        "loss_spike": ("spike",),
        "overfit_onset": ("over-fitting",),
        "stagnation": ("plateau",),
    },
    "runmedic": {
        "non_finite": ("not-finite",),
        "divergence": ("diverged", "slow-divergence", "worse-than-untrained"),
        "loss_spikes": ("spike",),
        "grad_spikes": ("gradient-explosion",),
        "overfitting": ("over-fitting",),
        "no_learning": ("plateau", "worse-than-uniform"),
        "constant_lr_plateau": ("plateau",),
        "val_below_train": ("leak",),
    },
    "trainproof": {
        "TP-NAN": ("not-finite",),
        "TP-NAN-GRAD": ("not-finite",),
        "TP-DIVERGE": ("diverged", "slow-divergence", "worse-than-untrained"),
        "TP-GRAD-SPIKE": ("gradient-explosion", "spike"),
        "TP-OVERFIT": ("over-fitting",),
        "TP-FLAT": ("plateau", "repeated-loss", "worse-than-uniform"),
        "TP-DEAD-RUN": ("plateau", "worse-than-uniform"),
        "TP-ZERO-GRAD": ("no-gradient", "vanishing-gradient"),
        "TP-ZERO-LR": ("learning-rate-zero",),
        "TP-ZERO-LR-PARTIAL": ("learning-rate-zero",),
        "TP-ZERO-LOSS": ("repeated-loss", "too-good", "leak"),
        "TP-ZERO-LOSS-ONSET": ("repeated-loss", "loss-drop"),
    },
}
Said = tuple[str, bool, float | None]  # the tool's own name of it, whether it is a warning or worse, first step


def ask_peer(tool: str, runs: list[Path], place: Path) -> dict[str, list[Said] | str]:
    """Return what a tool says of each run by the run's name, or why it says nothing.

    Args:
        tool: one of VERSIONS.
        runs: run directories and bare logs.
        place: a directory for environments and converted logs, kept between calls.

    Raises:
        subprocess.CalledProcessError: the tool cannot be installed, or its driver fails.
    """
    files = [_converted(run.stem, read_log(run), place / "csv") for run in runs]
    return dict(zip([run.stem for run in runs], _asked(tool, files, place), strict=True))


def ask_while_they_go_on(tool: str, runs: list[Path], place: Path) -> dict[str, dict[int, list[Said] | str]]:
    """Return what a tool says of each run as it was after some of its steps, by the run's name and the step."""
    cuts, files = [], []
    for run in runs:
        trace = read_log(run)
        for step in looks(trace):
            cut = until(trace, step)
            if cut.signals.keys() & _COLUMNS.keys():
                cuts.append((run.stem, step))
                files.append(_converted(f"{run.stem}@{step}", cut, place / "csv"))
    said: dict[str, dict[int, list[Said] | str]] = {run.stem: {} for run in runs}
    for (name, step), answer in zip(cuts, _asked(tool, files, place), strict=True):
        said[name][step] = answer
    return said


def _asked(tool: str, files: list[Path], place: Path) -> list[list[Said] | str]:
    driver = Path(__file__).with_name("peer_driver.py")
    command = [_environment(tool, place), driver, tool, *files]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [answer["failed"] if "failed" in answer else _findings(tool, answer["said"]) for answer in answers]


def _environment(tool: str, place: Path) -> Path:
    """Return the Python of a tool's own environment, which is made if it is absent."""
    home = place / f"{tool}-{VERSIONS[tool]}"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = home / "ready"
    if not ready.exists():
        venv.create(home, with_pip=True, clear=True)
        print(f"installing {tool} {VERSIONS[tool]}", file=sys.stderr)
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"{tool}=={VERSIONS[tool]}"], check=True)
        ready.touch()
    return python


def _converted(name: str, trace: Trace, place: Path) -> Path:
    """Write a run as the CSV that the tools read, and return it."""
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{name}.csv"
    file.write_text(as_table(trace), encoding="utf-8")
    return file


def as_table(trace: Trace) -> str:
    """Return the signals that the tools know as CSV."""
    known = {column: trace.series(name) for name, column in _COLUMNS.items() if len(trace.series(name).step)}
    steps = np.unique(np.concatenate([series.step for series in known.values()]))
    cells = {
        column: dict(zip(series.step.tolist(), series.value.tolist(), strict=True)) for column, series in known.items()
    }
    rows = [",".join(["step", *known])]
    for step in steps.tolist():
        row = [f"{cells[column][step]:.7g}" if step in cells[column] else "" for column in known]
        rows.append(",".join([str(step), *row]))
    return "\n".join(rows) + "\n"


def _findings(tool: str, said: Any) -> list[Said]:
    if tool == "runmedic":
        found = [finding for run in said for finding in run["findings"]]
        return [(finding["check"], finding["severity"] in _WARNINGS, finding.get("step")) for finding in found]
    if tool == "trainproof":
        found = [finding for report in said["reports"] for finding in report["findings"]]
        return [(finding["id"], finding["level"] in _WARNINGS, None) for finding in found]
    if tool == "losslint":
        return [(finding["check"], finding["severity"] in _WARNINGS, None) for finding in said["findings"]]
    return [
        (finding["detector"], finding["severity"] in _WARNINGS, finding["step_start"]) for finding in said["findings"]
    ]
