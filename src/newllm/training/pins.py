"""Which snapshots are kept for a replay of a spike: pin.json inside a snapshot names the onsets that it is kept for.

    {"schema": 1, "onsets": [{"signal": "loss", "step": 40, "onset": 39, "before": 38, "base": 3.1, "rise": 0.5}]}

The file is written with the snapshot, or put into one that stands already; it is whole or absent. At most the first
`FIRST` and the last `LAST` onsets keep their snapshots, so that a run that spikes all the time does not fill the disk.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from newllm.checksum import read_checked, write_checked
from newllm.diagnosis.onset import Onset
from newllm.training.snapshots import PIN, list_snapshots

SCHEMA = 1
FIRST, LAST = 2, 2
STEPS_BEFORE = 2  # a kept state is at least so many steps before the onset


@dataclasses.dataclass(frozen=True)
class Pin:
    """An onset that snapshots are kept for.

    Attributes:
        signal: "loss" or "validation_loss".
        onset: of this signal.
    """

    signal: str
    onset: Onset

    @property
    def latest(self) -> int:
        """The latest step of a state that is surely from before the spike."""
        return min(self.onset.before, self.onset.onset - STEPS_BEFORE)

    def is_of(self, other: "Pin") -> bool:
        """Whether both tell of one event: between trend and certainty they overlap."""
        return self.onset.before <= other.onset.step and other.onset.before <= self.onset.step

    def as_dict(self) -> dict[str, Any]:
        """Return it as it stands in pin.json."""
        return {"signal": self.signal, **dataclasses.asdict(self.onset)}


def lasting(pins: Iterable[Pin]) -> list[Pin]:
    """Return the first and the last of them, in order: those whose snapshots stay."""
    ordered = sorted(pins, key=lambda pin: pin.onset.step)
    return ordered if len(ordered) <= FIRST + LAST else ordered[:FIRST] + ordered[-LAST:]


def content_of(pins: Sequence[Pin]) -> dict[str, Any]:
    """Return the content of a pin.json."""
    return {"schema": SCHEMA, "onsets": [pin.as_dict() for pin in pins]}


def read_pins(snapshot: Path) -> list[Pin]:
    """Return the onsets that a snapshot is kept for; none without a pin.json that can be read."""
    try:
        content = read_checked(snapshot / PIN)
        return [_pin(one) for one in content["onsets"]] if content["schema"] == SCHEMA else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _pin(onset: dict[str, Any]) -> Pin:
    steps = [int(onset[name]) for name in ("step", "onset", "before")]
    base = math.nan if onset["base"] is None else float(onset["base"])
    rise = math.inf if onset["rise"] is None else float(onset["rise"])
    return Pin(str(onset["signal"]), Onset(*steps, base=base, rise=rise))


def add_pin(snapshot: Path, pin: Pin) -> None:
    """Keep a snapshot that stands already for this onset too.

    Raises:
        UserError: there is no room, or the place may not be written.
    """
    write_checked(snapshot / PIN, content_of([*(one for one in read_pins(snapshot) if one != pin), pin]))


def drop_pins(directory: Path, lasting_pins: Sequence[Pin]) -> None:
    """Keep snapshots for these onsets only; those of no other reason go with the next pruning.

    Raises:
        UserError: there is no room, or the place may not be written.
    """
    for snapshot in list_snapshots(directory).values():
        pins = read_pins(snapshot)
        left = [pin for pin in pins if pin in lasting_pins]
        if pins and not left:
            (snapshot / PIN).unlink()
        elif left != pins:
            write_checked(snapshot / PIN, content_of(left))
