"""A finding in a run of 400 steps, with what is known around it: for tests of causes."""

from typing import Any

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.evidence import EVIDENCE
from newllm.diagnosis.facts import Facts, Singular
from newllm.messages import quoted
from newllm.trace import Finding, Series, Trace

STEPS = np.arange(1, 401)


def at(first: int, last: int, value: float) -> np.ndarray:
    return np.where((first <= STEPS) & (last >= STEPS), value, 1.0)


def until(last: int, value: float, then: float = 1.0) -> np.ndarray:
    return np.where(last >= STEPS, value, then)


def other(
    kind: str, first: float | None = 240, severity: Any = "warning", signal: str = "loss", **more: Any
) -> Finding:
    return Finding(kind=kind, severity=severity, sentence=quoted(""), first_step=first, signal=signal, **more)


def known(
    kind: str = "spike",
    first: float = 240,
    last: float = 240,
    signal: str = "loss",
    others: tuple[Finding, ...] = (),
    axis: str = "step",
    evidence: dict[str, Any] | None = None,
    causes: tuple[str, ...] = (),
    epochs: np.ndarray | None = None,
    decimals: dict[str, int] | None = None,
    optimizer: str = "",
    dropout: float = 0.0,
    half: bool | None = None,
    singular: tuple[Singular, ...] = (),
    **signals: np.ndarray,
) -> Case:
    """Return what is known of a finding in a run of 400 steps."""
    series = {
        name.replace("__", "/").removesuffix("_signal"): value
        for name, value in ({signal: np.full(400, 2.0)} | signals).items()
    }
    place = None if epochs is None else Series(STEPS, epochs)
    trace = Trace({name: Series(STEPS[: len(value)], value) for name, value in series.items()}, axis, epochs=place)
    trace.decimals.update(decimals or {})
    own = Finding(
        kind=kind, severity="warning", sentence=quoted(""), first_step=first, last_step=last, signal=signal,
        evidence=evidence or {}, candidate_causes=causes,
    )  # fmt: skip
    return Case(own, trace, Facts(optimizer=optimizer, dropout=dropout, half=half, singular=singular), others, 400.0)


# Training and validation that both began at two, and a validation that was better at some time.
HELPED = {"loss": np.linspace(2.0, 1.0, 400), "validation_loss": np.linspace(1.8, 1.93, 400)}
NO_HELP = {"loss": np.linspace(2.0, 1.0, 400), "validation_loss": np.linspace(1.95, 2.5, 400)}


def seen_of(cause: str, case: Case) -> str:
    """Return the first evidence for a cause that is seen; empty where none is."""
    return next((one.id for one in EVIDENCE if one.cause == cause and one.look(case) is not None), "")
