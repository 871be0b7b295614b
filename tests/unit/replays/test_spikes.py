"""From findings made by hand to spikes: where each lies in the training loss, and which belong together."""

import math
from typing import Any

import numpy as np
import pytest

from newllm.messages import quoted
from newllm.replays.subjects.spikes import LocatedSpike, most_serious, spikes_of
from newllm.trace import Finding, Series, Trace


def finding(kind: str = "spike", signal: str = "loss", first: int = 30, last: int = 35, **evidence: Any) -> Finding:
    told = {"peak_step": first + 2, "recovered_step": last + 1, "base": 3.0, "height": 2.0}
    severity: Any = evidence.pop("severity", "warning")
    return Finding(
        kind=kind, severity=severity, sentence=quoted(""), first_step=first, last_step=last, signal=signal,
        evidence={**(told if kind in ("spike", "diverged") else {}), **evidence},
    )  # fmt: skip


def trace(every: int = 1, count: int = 60, signal: str = "loss", **at: float) -> Trace:
    """A signal of 3.0 at steps `every`, 2 `every` ..., but for some points: `p25=6.0` is the 25th."""
    values = np.full(count, 3.0)
    for point, value in at.items():
        values[int(point[1:]) - 1] = value
    return Trace({signal: Series(every * np.arange(1, count + 1), values)})


def placed(*findings: Finding, of: Trace) -> list[tuple[int, int, int | None, float, float, str]]:
    found = spikes_of(findings, of)
    return [(one.onset, one.peak, one.end, one.base, one.height, one.signal) for one in found]


@pytest.mark.parametrize(
    ("first", "end", "of", "expected"),
    [
        (30, 40, trace(p25=6.0), (25, 25, 26, 3.0, 3.0)),  # five points before what was told
        (31, 40, trace(p25=6.0), (31, 33, 40, 3.0, 2.0)),  # farther away: as it was told
        (30, 41, trace(p40=6.0), (40, 40, 41, 3.0, 3.0)),
        (30, 40, trace(p40=6.0), (30, 32, 40, 3.0, 2.0)),  # after its end
        (30, None, trace(p60=6.0), (60, 60, None, 3.0, 3.0)),
        (28, 50, trace(p25=6.0, p35=9.0), (25, 35, 36, 3.0, 6.0)),
        (28, 50, trace(p25=9.0, p35=6.0), (25, 25, 36, 3.0, 6.0)),
        (28, 50, trace(p24=2.75, p25=6.0), (25, 25, 26, 2.75, 3.25)),
        (28, 50, trace(p25=6.0, p60=9.0, count=60), (25, 25, 26, 3.0, 3.0)),
        (60, 80, trace(2, p25=6.0), (50, 50, 52, 3.0, 3.0)),  # five points are ten steps
        (61, 80, trace(2, p25=6.0), (61, 63, 80, 3.0, 2.0)),
    ],
)
def test_the_place_of_a_jump_is_looked_up_in_the_training_loss(
    first: int, end: int | None, of: Trace, expected: tuple[int, int, int | None, float, float]
) -> None:
    assert placed(finding(first=first, recovered_step=end), of=of) == [(*expected, "loss")]


def test_a_jump_that_never_heals_in_the_training_loss_ends_where_it_was_told_to() -> None:
    points: dict[str, Any] = {f"p{at}": 9.0 for at in range(55, 61)}
    rising = trace(**points)
    assert placed(finding(first=54, recovered_step=58), of=rising) == [(55, 55, 58, 3.0, 6.0, "loss")]


@pytest.mark.parametrize(
    ("signal", "first", "onset", "name"),
    [
        ("validation_loss", 20, 11, "validation"),
        ("validation_loss", 21, 21, "validation"),
        ("validation_loss", 10, 10, "validation"),
        ("validation_loss", 0, 1, "validation"),
        ("validation_loss/unknown", 7, 7, "validation"),
        ("gradient_norm", 7, 7, "gradient_norm"),
    ],
)
def test_what_the_training_loss_does_not_show_began_after_the_last_evaluation_that_was_well(
    signal: str, first: int, onset: int, name: str
) -> None:
    of = Trace({**trace(10, 6, "validation_loss").signals, **trace().signals})
    assert placed(finding(signal=signal, first=first), of=of) == [(onset, first + 2, 36, 3.0, 2.0, name)]


@pytest.mark.parametrize(
    ("told", "of", "expected"),
    [
        (finding("not-finite", first=30, before=2.5), trace(), (30, 30, 31, 2.5, math.inf, "loss")),
        (finding("not-finite", first=58), trace(p59=math.nan), (58, 58, 60, math.inf, math.inf, "loss")),
        (finding("not-finite", first=60), trace(p60=math.nan), (60, 60, None, math.inf, math.inf, "loss")),
        (finding("not-finite", "gradient_norm", 9), trace(count=9), (9, 9, None, math.inf, math.inf, "gradient_norm")),
        (finding("slow-divergence", first=30, last=40), trace(p30=4.0, p35=7.0), (30, 35, 41, 4.0, 3.0, "loss")),
        (finding("slow-divergence", first=30, last=60, base=2.0), trace(p60=7.0), (30, 60, None, 2.0, 5.0, "loss")),
        (
            finding("gradient-explosion", "gradient_norm", 5, 8),
            trace(2, 9, "gradient_norm", p3=1.0, p4=9.0),
            (5, 8, 10, 1.0, 8.0, "gradient_norm"),
        ),
    ],
)
def test_what_is_no_jump_by_hand(
    told: Finding, of: Trace, expected: tuple[int, int, int | None, float, float, str]
) -> None:
    assert placed(told, of=of) == [expected]


def test_what_can_be_replayed() -> None:
    of = Trace({**trace(p40=math.nan).signals, **trace(signal="gradient_norm", p20=9.0).signals})
    gradient, note = finding("gradient-explosion", "gradient_norm", 19, 22), finding("not-finite", severity="note")
    assert spikes_of([note, finding("over-fitting")], of) == ()
    assert [one.signal for one in spikes_of([note, gradient], of)] == ["gradient_norm"]
    assert [one.signal for one in spikes_of([gradient, finding("spike", severity="note")], of)] == ["loss"]


JUMP, VALIDATION = finding(first=30, last=35), "validation_loss"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (JUMP, finding("not-finite", first=36), [(30, 36, 37, math.inf)]),  # the numbers end where it healed
        (JUMP, finding("not-finite", first=37), [(30, 32, 36, 2.0), (37, 37, 38, math.inf)]),
        (JUMP, finding("not-finite", first=30), [(30, 30, 31, math.inf)]),
        (JUMP, finding("not-finite", first=29), [(29, 29, 30, math.inf), (30, 32, 36, 2.0)]),
        (finding(recovered_step=None), finding("not-finite", first=60), [(30, 60, None, math.inf)]),
        (finding("slow-divergence"), finding("not-finite", first=33), [(30, 30, 36, 0.0), (33, 33, 34, math.inf)]),
        (JUMP, finding(signal=VALIDATION, first=36), [(30, 32, 36, 2.0)]),
        (JUMP, finding(signal=VALIDATION, first=37), [(30, 32, 36, 2.0), (37, 39, 36, 2.0)]),
        (finding(recovered_step=None), finding(signal=VALIDATION, first=32), [(30, 32, None, 2.0)]),
        (finding(recovered_step=None), finding(signal=VALIDATION, first=33), [(30, 32, None, 2.0), (33, 35, 36, 2.0)]),
        (JUMP, finding(first=33), [(30, 32, 36, 2.0), (33, 35, 36, 2.0)]),
    ],
)
def test_what_a_jump_led_to_is_told_with_it(
    one: Finding, other: Finding, expected: list[tuple[int, int, int | None, float]]
) -> None:
    for findings in ([one, other], [other, one]):
        found = spikes_of(findings, trace())
        assert [(each.onset, each.peak, each.end, each.height) for each in found] == expected


@pytest.mark.parametrize(
    ("spikes", "chosen"),
    [
        ([(3.0, 3.1), (3.0, 9.0)], 0),  # half as high, as a ratio
        ([(3.0, 2.9), (3.0, 9.0)], 1),
        ([(3.0, 15.0), (3.0, math.inf)], 0),  # what is not finite counts as 100 nats
        ([(3.0, 13.5), (3.0, math.inf)], 1),
        ([(3.0, 1.3), (80.0, math.inf)], 0),  # or as twice the level before
        ([(3.0, 1.2), (80.0, math.inf)], 1),
        ([(3.0, 95.0), (0.0, 1.0)], 0),  # no level lies below a thousandth
        ([(3.0, 90.0), (0.0, 1.0)], 1),
        ([(3.0, -1.0), (3.0, 0.1)], 1),
    ],
)
def test_the_first_that_is_half_as_high_as_the_highest_is_the_serious_one(
    spikes: list[tuple[float, float]], chosen: int
) -> None:
    made = [LocatedSpike(9 * at, 9 * at, None, base, height, "loss", JUMP) for at, (base, height) in enumerate(spikes)]
    assert most_serious(made) == chosen
