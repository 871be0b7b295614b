"""What a check of a training found before it ran, as plain data: RUN/check.json. Readable without torch.

{"schema": 1, "outcomes": [{"probe", "status", "sentence", "message", "evidence"}, ...], "seconds": 4.8,
 "when": "2026-11-28T07:40:00+00:00", "version": "0.1.0", "model": "Transformer", "parameters": 182656,
 "optimizer": "Adam", "device": "cpu", "sha256": ...}
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from newllm.checksum import write_checked
from newllm.files import plain_data
from newllm.messages import Message, read_message
from newllm.trace.blocks import blocks_path

CHECK = "check.json"
LARGEST_CHECK = 4 << 20
"""Bytes of the file."""

SCHEMA = 1
Status = Literal["sound", "wrong", "unchecked"]
# What a caller can give so that more is checked, by the reason that a probe has without it.
_ARGUMENTS = {"no-loader": "loader", "no-step": "step", "no-evaluate": "evaluate", "no-schedule": "scheduler",
              "no-steps": "steps", "no-time": "seconds", "other-optimizer": "step"}  # fmt: skip
_MOST = 500  # outcomes of a file
_PROBE = re.compile(r"[a-z]+(-[a-z]+)*")
_LONG = 80  # characters of a name
_NAMES = ("version", "model", "optimizer", "device")
_LARGEST_NUMBER = 2**53
_BEGUN = ("recording.json", "config.toml", "summary.json", "trace.jsonl")


@dataclass(frozen=True)
class Outcome:
    """What one probe found, as data.

    Attributes:
        probe: its id, "causality".
        status: "sound", "wrong", or "unchecked" where it could not be checked here.
        sentence: what was seen, or why it could not be checked.
        evidence: the numbers behind it.
    """

    probe: str
    status: Status
    sentence: Message
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Unchecked:
    """What could not be checked for one reason.

    Attributes:
        argument: of `newllm.check` that would allow it ("loader"); None where nothing would.
        reason: that the first of the probes gives.
        probes: their ids.
    """

    argument: str | None
    reason: Message
    probes: list[str]


@dataclass(frozen=True)
class Check:
    """The outcomes of all probes.

    Attributes:
        outcomes: in the order of the probes.
        seconds: that it took.
    """

    outcomes: tuple[Outcome, ...]
    seconds: float

    def of(self, status: Status) -> list[Outcome]:
        """Return the outcomes of one status."""
        return [outcome for outcome in self.outcomes if outcome.status == status]

    @property
    def wrong(self) -> list[Outcome]:
        """What is wrong."""
        return self.of("wrong")

    def unchecked(self) -> list[Unchecked]:
        """Return what could not be checked by its reason: first what a caller could give, then what is not so here."""
        groups: dict[str, Unchecked] = {}
        for outcome in self.of("unchecked"):
            argument = _ARGUMENTS.get(outcome.sentence.id.rpartition(".")[2])
            empty = Unchecked(argument, outcome.sentence, [])
            groups.setdefault(argument or repr(outcome.sentence), empty).probes.append(outcome.probe)
        return sorted(groups.values(), key=lambda group: group.argument is None)  # stable

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, with English sentences beside their ids; a number that is not finite is None."""
        listed = [
            {
                "probe": outcome.probe,
                "status": outcome.status,
                "sentence": str(outcome.sentence),
                "message": outcome.sentence.as_dict(),
                "evidence": outcome.evidence,
            }
            for outcome in self.outcomes
        ]
        return plain_data({"schema": SCHEMA, "outcomes": listed, "seconds": self.seconds})


@dataclass(frozen=True)
class CheckedTraining:
    """What was checked, when, and by which newllm; what a file does not say is empty.

    Attributes:
        when: the end of the check, in UTC.
        version: of newllm.
        model: its class.
        parameters: how many it has.
        optimizer: its class.
        device: that the model was on.
    """

    when: datetime | None = None
    version: str = ""
    model: str = ""
    parameters: int | None = None
    optimizer: str = ""
    device: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        return told | {"when": None if self.when is None else self.when.isoformat(timespec="seconds")}


@dataclass(frozen=True)
class KeptCheck(Check):
    """A check that was kept with its run.

    Attributes:
        about: what was checked, and when.
    """

    about: CheckedTraining = field(default_factory=CheckedTraining)


def keep_check(run: Path, check: Check, about: CheckedTraining) -> None:
    """Write a check into the directory of its run, which must exist, in the place of one that stands there.

    Raises:
        UserError: there is no room, or the place may not be written.
    """
    write_checked(run / CHECK, check.as_dict() | about.as_dict())


def has_begun(run: Path) -> bool:
    """Whether a training in this directory has begun, so that what is checked now was not checked before it."""
    return any((run / name).exists() for name in _BEGUN) or blocks_path(run / "trace.jsonl").exists()


def read_check(content: Mapping[str, Any]) -> KeptCheck:
    """Return what `keep_check` wrote, from the content of the file. Nothing in it is trusted.

    Raises:
        ValueError: it is no check.
    """
    listed = content.get("outcomes")
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST:
        raise ValueError("no check")
    return KeptCheck(tuple(_outcomes(listed)), _seconds(content.get("seconds")), _about(content))


def _outcomes(listed: list[Any]) -> Iterable[Outcome]:
    """Yield outcomes. One that is no such thing ends it: it might be one that says that something is wrong."""
    for one in listed:
        probe, status = (one.get("probe"), one.get("status")) if isinstance(one, Mapping) else (None, None)
        if not isinstance(probe, str) or len(probe) > _LONG or not _PROBE.fullmatch(probe):
            raise ValueError("no check")
        if status not in ("sound", "wrong", "unchecked"):
            raise ValueError("no check")
        evidence = one.get("evidence")
        sentence = read_message(one.get("message"), one.get("sentence"))
        yield Outcome(probe, status, sentence, evidence if isinstance(evidence, dict) else {})


def _about(content: Mapping[str, Any]) -> CheckedTraining:
    names = {name: text[:_LONG] for name in _NAMES if isinstance(text := content.get(name), str)}
    count = content.get("parameters")
    is_count = isinstance(count, int) and not isinstance(count, bool) and 0 < count <= _LARGEST_NUMBER
    return CheckedTraining(_moment(content.get("when")), parameters=count if is_count else None, **names)


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < _LARGEST_NUMBER else 0.0


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
