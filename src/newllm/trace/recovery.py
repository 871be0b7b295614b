"""What a guard did when a loss left its trend while a run trained: plain data, in RUN/recoveries.json.

The file decides bits: whoever trains on, or replays the run, puts in force again what stands there. It is complete or
absent, and written before anything of the run is taken back, so that a kill in the middle is mended by the next start.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from newllm.checksum import read_checked, write_checked
from newllm.errors import UserError
from newllm.files import plain_data
from newllm.messages import Message, quoted, read_message
from newllm.trace.verdict import Tried

SCHEMA = 1
Action = Literal["remedy", "went on", "asked", "stopped"]
ACTIONS: tuple[Action, ...] = get_args(Action)


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What was done about one onset.

    Attributes:
        number: from 1, in the order in which they came.
        policy: "ask", "guard" or "rollback-and-skip".
        action: "remedy" (rolled back, and one thing is changed from there on), "went on" (nothing was changed),
            "asked" (stopped for a person to decide), "stopped" (given up, and rolled back).
        sentence: what was seen and done, in English.
        detected: step at which it was clear that the loss had left its trend.
        onset: first step off the trend.
        base: usual loss before, nats; None where it was not finite.
        last: last step whose batch may have brought it about, as far as that is known.
        back: step that the run was taken back to; None where it was not.
        remedy: name of what is changed from `back` on; "" where nothing is.
        setting: the number that goes with it, where one does.
        in_force: whether it still is; not after a later one went back as far or farther.
        done: whether the run has been taken back; what a kill left undone is done by the next start.
        nulls: unmodified replays: n, spiked, identical (to the bit, None where that was not compared).
        tried: what was replayed.
        updates: of all replays together.
        seconds: that the decision took.
        message: the sentence as data; what an earlier newllm wrote, quoted.
    """

    number: int
    policy: str
    action: Action
    sentence: str
    detected: int
    onset: int
    base: float | None
    last: int
    back: int | None = None
    remedy: str = ""
    setting: float | None = None
    in_force: bool = False
    done: bool = True
    nulls: dict[str, Any] = field(default_factory=dict)
    tried: tuple[Tried, ...] = ()
    updates: int = 0
    seconds: float = 0.0
    message: Message | None = None

    def __post_init__(self) -> None:
        if self.message is None:
            object.__setattr__(self, "message", quoted(self.sentence))

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        data = {one.name: getattr(self, one.name) for one in fields(self)}
        said = None if self.message is None else self.message.as_dict()
        return plain_data({**data, "tried": [one.as_dict() for one in self.tried], "message": said})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Recovery":
        """Return what `as_dict` gave."""
        kept: dict[str, Any] = {**data, "tried": tuple(Tried.from_dict(one) for one in data["tried"])}
        kept["message"] = read_message(data.get("message"), data["sentence"])
        made = cls(**kept)
        if made.action not in ACTIONS or (made.back is None and made.remedy):
            raise ValueError("no action that there is")
        return made


def followed_by(before: Sequence[Recovery], new: Recovery) -> tuple[Recovery, ...]:
    """Return the recoveries with a new one; those that it goes back behind are not in force any more."""
    if new.back is None:
        return (*before, new)
    back = new.back
    return (*(replace(one, in_force=one.in_force and (one.back or 0) < back) for one in before), new)


def marks(recoveries: Sequence[Recovery]) -> dict[int, int]:
    """Return the signal "recovery" of a run: by the step that was gone back to, the number of the recovery."""
    found: dict[int, int] = {}
    for one in recoveries:
        if one.back is not None:
            back = one.back
            found = {**{step: number for step, number in found.items() if step < back}, back: one.number}
    return found


def save_recoveries(path: Path, recoveries: Iterable[Recovery]) -> None:
    """Write RUN/recoveries.json whole or not at all.

    Raises:
        UserError: there is no room, or the place may not be written.
    """
    write_checked(path, {"schema": SCHEMA, "recoveries": [one.as_dict() for one in recoveries]})


def load_recoveries(path: Path) -> tuple[Recovery, ...]:
    """Read RUN/recoveries.json; none where there is no such file.

    Raises:
        UserError: it is damaged.
    """
    if not path.is_file():
        return ()
    try:
        content = read_checked(path)
        if content["schema"] != SCHEMA:
            raise ValueError("another schema")
        return tuple(Recovery.from_dict(one) for one in content["recoveries"])
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise UserError(
            f"'{path}' is damaged: without it the run cannot be gone on with or replayed; put back what newllm wrote"
        ) from error
