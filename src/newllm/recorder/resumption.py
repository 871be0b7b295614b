"""A recording that goes on from a checkpoint: what was recorded after the checkpoint's step is set aside.

A training that is killed has recorded steps that no checkpoint holds. A resumed one takes them again, so their rows
must not count; they are not lost either, as they may tell why the training ended.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newllm.checksum import read_checked
from newllm.errors import UserError
from newllm.files import make_directory, write_bytes, writing
from newllm.recorder.arguments import be_fresh
from newllm.trace import cut_damaged_end, read_signal, rows_after, truncate_after
from newllm.trace.blocks import blocks_path
from newllm.trace.program import SET_ASIDE
from newllm.trace.samples import SAMPLES, truncate_samples_after

TRACE, RECORDING = "trace.jsonl", "recording.json"


@dataclass(frozen=True)
class Resumption:
    """What was found of a recording.

    Attributes:
        step: that it goes on from.
        earlier: content of its recording.json, empty where there is none that can be read.
        set_aside: file that holds the rows after that step, within the directory; None without any.
        recorded: the last step up to there that was recorded, 0 without any.
    """

    step: int
    earlier: Mapping[str, Any]
    set_aside: str | None
    recorded: int


def checked_step(step: Any) -> int | None:
    """Return the step that a training is resumed at, None for one that begins.

    Raises:
        UserError: it is no whole number from 0 up.
    """
    if step is not None and (isinstance(step, bool) or not isinstance(step, int) or step < 0):
        raise UserError(f"resumed_at is {step!r}: give the checkpoint's step, or None where the training begins")
    return step


def open_directory(out: Path, resumed_at: int | None) -> Resumption | None:
    """Make the directory of a recording ready.

    Args:
        out: the directory, which may be absent.
        resumed_at: step of the checkpoint that the training goes on from; None where it begins.

    Returns:
        What was found of a recording that goes on, None of one that begins.

    Raises:
        UserError: it is a file; it holds a recording that is not resumed, or a run of newllm; what was recorded up to
            the step is damaged; there is no room.
    """
    if resumed_at is None:
        be_fresh(out)
    found = None if resumed_at is None else _go_on(out, resumed_at)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    return found


def _go_on(out: Path, step: int) -> Resumption:
    """Set aside what a directory holds of later steps; one without a recording is left as it is."""
    if out.exists() and not out.is_dir():
        raise UserError(f"'{out}' is a file: give a directory")
    if (out / "config.toml").exists():
        raise UserError(f"'{out}' holds a run of newllm train, which --resume continues: choose another directory")
    trace, earlier = out / TRACE, {}
    truncate_samples_after(out / SAMPLES, step)
    with contextlib.suppress(OSError, ValueError):  # without it the rows are still good
        earlier = read_checked(out / RECORDING)
    if not trace.exists() and not blocks_path(trace).exists():
        return Resumption(step, earlier, None, 0)
    cut_damaged_end(trace, step)
    rows, name = rows_after(trace, step), None
    if rows:
        make_directory(out / SET_ASIDE)
        name = _free_name(out, step)
        write_bytes(out / name, b"".join(rows))
        truncate_after(trace, step)
    return Resumption(step, earlier, name, int(read_signal(trace, "loss").step.max(initial=0)))


def _free_name(out: Path, step: int) -> str:
    stem, number = f"{SET_ASIDE}/after-step-{step}", 1
    while (out / (name := f"{stem}{f'-{number}' if number > 1 else ''}.jsonl")).exists():
        number += 1
    return name
