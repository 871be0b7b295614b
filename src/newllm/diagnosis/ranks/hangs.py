"""Ranks of a training that did not come to where all others waited for them: RUN/ranks/hangs.jsonl, a line a hang.

`newllm.training.whereabouts` writes it, before the training ends for it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from newllm.diagnosis.ranks.files import FOLDER, a_count, a_time
from newllm.files import read_bytes
from newllm.messages import Message, message
from newllm.trace.remark import Remark, unread_file

FILE = "hangs.jsonl"
EXCHANGES = (
    *("order", "begin", "weights", "parts", "losses", "gradients", "level", "carried", "snapshot", "evaluation", "end"),
    "contexts",
)
"""What the processes of a training send each other, each of them a moment at which all must come."""
BETWEEN_TWO = ("contexts",)
"""Those of them that a process sends another: who waits for one of them waits for that process alone."""
_LARGEST = 2**20  # bytes
_LONGEST = 200  # characters of a place in code


@dataclass(frozen=True)
class Hang:
    """A wait that had no end.

    Attributes:
        ranks: that did not come; empty where that is not known.
        what: that they did not come to, one of `EXCHANGES`.
        step: of it.
        seconds: that the others waited.
        last: the exchange that the first of `ranks` was last seen at, and its step.
        last_step: of that.
        waits: whether it was in that exchange still; else it had left it, and computed.
        place: in its code, empty where nobody knows.
        answers: whether the process still ran; else it was stopped, or stuck outside Python.
    """

    ranks: tuple[int, ...]
    what: str
    step: int
    seconds: float
    last: str = "begin"
    last_step: int = 0
    waits: bool = False
    place: str = ""
    answers: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    def numbers(self) -> dict[str, Any]:
        """Return what messages about it are filled with."""
        return {
            "rank": self.ranks[0] if self.ranks else "none",
            "more": max(0, len(self.ranks) - 1),
            "what": exchange(self.what, self.step),
            "seconds": self.seconds,
            "last": exchange(self.last, self.last_step),
            "waits": self.waits,
            "place": "none" if self.waits or not self.place else self.place,
            "answers": self.answers,
        }


def exchange(what: str, step: int) -> Message:
    """Return what the processes of a training send each other at a step, in words."""
    return message(f"exchange-{what}", step=step)


def read_hangs(run: Path) -> tuple[tuple[Hang, ...], tuple[Remark, ...]]:
    """Return the hangs of a run, the first first, and why they could not be read."""
    path = run / FOLDER / FILE
    if not path.is_file():
        return (), ()
    try:
        lines = read_bytes(path, _LARGEST).decode().split("\n")[:-1]  # what was cut off by a kill is no line
        return tuple(_hang(json.loads(line)) for line in lines), ()
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return (), (unread_file(f"{FOLDER}/{FILE}", error),)


def _hang(row: Mapping[str, Any]) -> Hang:
    names, place = (row["what"], row["last"]), row["place"]
    if not set(names) <= set(EXCHANGES):
        raise ValueError("it names what no training sends")
    if not isinstance(place, str) or not all(isinstance(row[name], bool) for name in ("waits", "answers")):
        raise ValueError("it says something else than how a rank hangs")
    return Hang(
        tuple(map(a_count, row["ranks"])), names[0], a_count(row["step"]), a_time(row["seconds"]), names[1],
        a_count(row["last_step"]), row["waits"], place[:_LONGEST], row["answers"],
    )  # fmt: skip
