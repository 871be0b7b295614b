"""Ranks that wait for each other: the collectives that they came to, and where they are in the code.

A pause less than twice as long as an earlier one, or in which no rank waits for another, is a note: a job may be ended
in the middle of an evaluation.
"""

from typing import Any

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.ranks.stalls import Collective, Flight, Stall
from newllm.messages import Message, message
from newllm.trace import Finding, Trace

_UNUSUAL = 2  # times the longest pause before
_SHOWN = 4  # ranks whose place is named


def detect_stall(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the rank that has not come to a collective, or that came to another one than the others."""
    stall = facts.stall
    if stall is None or facts.hangs:
        return []
    named = ("branch", "uneven", "groups") if stall.apart else ("stopped", "disk", "device", "code", "long")
    return [
        Finding(
            kind="hang",
            severity="warning" if stall.waits and stall.seconds >= _UNUSUAL * stall.longest else "note",
            sentence=stall_sentence(stall, trace.axis),
            first_step=float(stall.step),
            last_step=float(stall.step),
            confidence=0.9 if stall.apart or stall.missing or stall.collective else 0.6,
            signal=None,
            evidence={"seconds": stall.seconds},
            alternatives=tuple(message(f"finding-hang.{name}") for name in named),
            test=message("finding-hang.apart-test" if stall.apart else "finding-hang.test"),
        )
    ]


def stall_sentence(stall: Stall, axis: str = "step") -> Message:
    """Return who waits for whom, or where all were seen."""
    when = {"axis": axis, "step": stall.step, "seconds": round(stall.seconds)}
    if stall.apart:
        (one, held), (other, others) = stall.apart
        return message(
            "finding-hang.apart", rank=one.rank, collective=_named(held), place=one.place or "none",
            other=other.rank, others=_named(others), at=other.place or "none", **when,
        )  # fmt: skip
    if stall.missing:
        first = stall.missing[0]
        return message(
            "finding-hang.missing", rank=first.rank, more=len(stall.missing) - 1, waiting=len(stall.waiting),
            collective="none" if stall.collective is None else _named(stall.collective),
            state=first.state, place=first.place or "none", error=first.error or "none", last=first.step,
            recorded=stall.recorded, **when,
        )  # fmt: skip
    if stall.collective is not None:
        return message("finding-hang.together", collective=_named(stall.collective), **when)
    return message("finding-hang.places", places=_places(stall.waiting), recorded=stall.recorded, **when)


def _named(one: Collective) -> Message:
    sizes: dict[str, Any] = {"tensors": ", ".join(one.tensors) or "none"}
    about = one.about if one.about not in ("", "undefined") else one.group
    group = "all" if one.about == "default_pg" else about
    return message("collective", operation=one.operation, number=one.number, group=group, **sizes)


def _places(flights: tuple[Flight, ...]) -> str:
    shown = [f"{one.rank} ({one.place or '?'})" for one in flights[:_SHOWN]]
    return ", ".join([*shown, *(["..."] if len(flights) > _SHOWN else [])])
