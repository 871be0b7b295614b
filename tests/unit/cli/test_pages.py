"""Whole pages of the terminal against what somebody looked at, on findings and verdicts that are made by hand."""

import dataclasses
import io
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console, Group, RenderableType
from rich.segment import Segment
from rich.text import Text

from newllm.api import Diagnosis
from newllm.cli.doctor_page import brief_page, full_page
from newllm.cli.drawn_signal import DrawnSignal
from newllm.cli.live_curve import LiveCurve
from newllm.cli.paper import Paper
from newllm.cli.replay_list import Listed, list_page
from newllm.cli.replay_page import verdict_page
from newllm.cli.replay_table import Column, Row, lay_out
from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.onset import Onset
from newllm.messages import catalogue, quoted
from newllm.plotting import colours
from newllm.trace import Finding, Series, Trace, Tried, Verdict
from newllm.trace.remark import note
from newllm.trace.verdict import EFFECT_CLASSES

EN = catalogue("en")
STEPS = np.arange(1, 121)
LOSS = Series(STEPS, np.where((STEPS >= 60) & (STEPS < 64), 9.0, 5.0 - STEPS / 60))
SPIKE = Finding(
    kind="spike", severity="warning", sentence=quoted("The loss spikes."), first_step=60, last_step=63, confidence=0.9,
    signal="loss", evidence={"peak": 9.0, "before": 4.0, "rise": 0.81, "batches": 4},
    alternatives=(quoted("A batch is bad."), quoted("The rate is too high.")),
    test=quoted("Replay it."), candidate_causes=("rate", "data"),
)  # fmt: skip
FAULT = Finding(
    kind="dead-units", severity="fault", sentence=quoted("Half of the units are dead."), evidence={"share": 0.5}
)
LONG = Finding(kind="drift", severity="warning", sentence=quoted("It drifts."), evidence={"name": "x" * 60, "other": 1})
NOTE = Finding(kind="gap", severity="note", sentence=quoted("A gap."), first_step=7, last_step=7, signal="loss")


def _diagnosis(*findings: Finding, notes: int = 0) -> Diagnosis:
    remarks = tuple(note("quoted", text=f"line {at} left out") for at in range(notes))
    trace = Trace({"loss": LOSS, "validation_loss": Series(STEPS[::40], LOSS.value[::40])}, remarks=remarks)
    facts = Facts(vocabulary=257, parameters=1000, layers=(Layer("head"),))
    return Diagnosis(Path("runs/one"), trace, facts, list(findings))


def _spikes(number: int) -> list[Finding]:
    """Findings of one kind, one after another."""
    return [dataclasses.replace(SPIKE, first_step=at, last_step=at + 3, alternatives=()) for at in range(1, number + 1)]


def _gaps(number: int) -> list[Finding]:
    return [dataclasses.replace(NOTE, kind=f"gap-{at}") for at in range(number)]


MANY = _diagnosis(FAULT, *_spikes(12), *_gaps(18), notes=9)
JUST = _diagnosis(*[NOTE] * 11, *_gaps(19), notes=8)
WIDE, NARROW, ASCII = Paper(100, True, EN), Paper(72, True, EN), Paper(71, False, EN)


def _tried(name: str, outcome: str, **changed) -> Tried:
    made: dict = {
        "name": name, "kind": "optimizer", "change": "the rate halved", "hypothesis": "", "price": "It takes longer.",
        "start": 31, "n": 3, "stage": "screened", "effect_class": outcome, "spiked": 3, "effect": 0.25,
        "interval": (0.1, 0.4), "p": None, "severity": 1.0, "null_severity": 1.0, "later": 1.5, "cost": 0.01,
    }  # fmt: skip
    return Tried(**(made | changed))


SCREENED = [_tried(f"change-{at}", outcome) for at, outcome in enumerate(EFFECT_CLASSES)]
CONFIRMED = [
    _tried("the-best", "removes", stage="confirmed", n=8, spiked=0, p=0.01, start=0,
           moved={"signal": "activation_rms", "ratio": 0.07, "moved": True}),
    _tried("another", "no effect", stage="confirmed", n=8, spiked=8, p=0.5),
]  # fmt: skip
SUSPECTS = tuple({"name": f"cause-{at}", "intervention": "sgd", "class": "removes", "moved": at} for at in range(6))


def _verdict(*tried: Tried, **changed) -> Verdict:
    made = Verdict(
        run="runs/one", spike={"onset": 60, "peak": 61, "end": 63, "signal": "loss"},
        reproduction={"identical": True, "compared": 100, "weights": True}, interventions=tried, cause=None,
        nulls={"n": 6, "spiked": 6, "depends_on_seed": False, "starts": [0, 31]}, seconds=287.0,
        not_tried={"sgd": "no time", "beta2": "no time"}, suspects=SUSPECTS, missing=("Plant it.", "Said already."),
        sentences=("It spikes.", "This helps.", "No cause is shown. Said already."),
    )  # fmt: skip
    return dataclasses.replace(made, **changed)


CAUSE = {"name": "no-residuals", "intervention": "residual-fnn", "rivals": ["sgd"]}
SEED = {"n": 6, "spiked": 2, "depends_on_seed": True, "starts": [31]}
DIFFERS = {"identical": False}


def _listed(name: str, kind: str, *said: str, start: bool = False, why: str = "") -> Listed:
    what, hypothesis, price = map(quoted, said)
    return Listed(name, kind, what, hypothesis, price, start, not why, quoted(why) if why else None)


LISTED = [
    _listed("half", "optimizer", "half the rate", "The updates were too large.", "It takes longer."),
    _listed("late", "optimizer", "a warm-up", "It began too fast.", "Nothing.", start=True),
    _listed("qk-norm", "model", "norms", "The logits grow.", "Nothing.", why="no attention"),
]  # fmt: skip


def _page(verdict: Verdict, paper: Paper, series: Series | None = LOSS) -> Group:
    return verdict_page(verdict, "loss", series, paper)


def _drawn(width: int, **changed) -> Group:
    signal = DrawnSignal("loss", "step", (60.0, 63.0), 4, WIDE)
    return Group(*dataclasses.replace(signal, **changed).draw_closer(LOSS, width, alone=6))


def _table(width: int) -> Group:
    columns = [Column("class"), Column("effect", right=True)]
    rows = [
        Row("a-name-of-some-length", (Text("removes"), Text("5 %")), ("What it did.",)),
        Row("short", (Text("no effect"), Text("100 %"))),
    ]
    return Group(*lay_out(columns, rows, width))


def _live(steps: int, *, unicode: bool = True, validated: bool = True) -> Group:
    """A run that leaves its trend at step 40, comes halfway back at 44, and leaves it again at 70 for good."""
    curve = LiveCurve(catalogue("en"), unicode=unicode)
    for step in range(1, steps + 1):
        curve.stepped(step, 9.0 if 40 <= step < 44 or step >= 70 else 4.0)
        if step in (41, 71):
            curve.left_trend(Onset(step, step - 1, step - 2, 4.0, math.log(9 / 4)))
        if validated and step % 20 == 0:
            curve.evaluated(step, 5.0)
    return Group(*curve.rows(60, 4))


PAGES: dict[str, Callable[[], tuple[RenderableType, int]]] = {
    "doctor-many": lambda: (full_page(MANY, WIDE), 100),
    "doctor-just": lambda: (full_page(JUST, NARROW), 72),
    "doctor-three": lambda: (full_page(_diagnosis(FAULT, LONG, NOTE), ASCII), 71),
    "doctor-healthy": lambda: (full_page(_diagnosis(), WIDE), 100),
    "doctor-note": lambda: (full_page(_diagnosis(NOTE), NARROW), 72),
    "doctor-unjudged": lambda: (full_page(Diagnosis(Path("log"), Trace(), Facts(), []), WIDE), 100),
    "brief-in-full": lambda: (brief_page(_diagnosis(SPIKE, FAULT, NOTE), NARROW, 27), 72),
    "brief-in-lines": lambda: (brief_page(_diagnosis(SPIKE, FAULT, NOTE), NARROW, 26), 72),
    "brief-room": lambda: (brief_page(_diagnosis(*_spikes(4)), NARROW, 22), 72),
    "brief-no-room": lambda: (brief_page(_diagnosis(*_spikes(5)), NARROW, 22), 72),
    "brief-low": lambda: (brief_page(_diagnosis(*_spikes(2)), NARROW, 10), 72),
    "brief-healthy": lambda: (brief_page(_diagnosis(), NARROW, 40), 72),
    "replay": lambda: (_page(_verdict(*CONFIRMED, *SCREENED), Paper(96, True, EN)), 96),
    "replay-narrow": lambda: (_page(_verdict(*CONFIRMED[1:], *SCREENED), Paper(95, False, EN)), 95),
    "replay-cause": lambda: (_page(_verdict(CONFIRMED[0], cause=CAUSE, nulls=SEED), Paper(80, True, EN)), 80),
    "replay-screened": lambda: (_page(_verdict(SCREENED[0], spike={"onset": 60, "peak": 62}), NARROW), 72),
    "replay-differs": lambda: (_page(_verdict(reproduction=DIFFERS, missing=(), suspects=()), NARROW, None), 72),
    "list": lambda: (list_page(LISTED, EN), 72),
    "list-fits": lambda: (list_page(LISTED[:2], EN), 72),
    "drawn-closer": lambda: (_drawn(70), 70),
    "drawn-alone": lambda: (_drawn(69), 69),
    "drawn-unmarked": lambda: (_drawn(70, region=None, signal="validation_loss_of_some_class_with_a_long_name"), 70),
    "table-wide": lambda: (_table(41), 41),
    "table-close": lambda: (_table(38), 41),
    "table-narrow": lambda: (_table(30), 41),
    "live": lambda: (_live(100), 60),
    "live-ascii": lambda: (_live(30, unicode=False, validated=False), 60),
    "live-two": lambda: (_live(2), 60),
    "live-one": lambda: (_live(1), 60),
}  # fmt: skip


_COLOURS = {
    value.lower(): name.lower() for name, value in vars(colours).items() if name.isupper() and isinstance(value, str)
}


def _styled(page: RenderableType, width: int) -> str:
    """Return a page as text, with what it is coloured: <bold spike>text<>.

    Not from what a terminal gets: rich remembers the codes of a style that another test has shown in fewer colours.
    """
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system="truecolor")
    text = "".join(map(_tagged, console.render(page)))
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def _tagged(segment: Segment) -> str:
    look = segment.style
    bold = "bold" if look and look.bold else ""
    colour = _COLOURS[look.color.name] if look and look.color else ""
    tag = f"{bold} {colour}".strip()
    return f"<{tag}>{segment.text}<>" if tag and segment.text else segment.text


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_it_was_when_it_was_looked_at(name: str, as_kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    as_kept(name, _styled(*PAGES[name]()))
