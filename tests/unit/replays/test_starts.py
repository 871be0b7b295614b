"""Where replays begin and how long they run, by hand."""

import math

import pytest

from newllm.messages import quoted
from newllm.replays.replica.trajectory import Until
from newllm.replays.session.starts import Start, healthy_segment, starts
from newllm.replays.subjects.spikes import LocatedSpike
from newllm.trace import Finding


def spike(onset: int, peak: int, end: int | None) -> LocatedSpike:
    return LocatedSpike(
        onset, peak, end, 3.0, 1.0, "loss", Finding(kind="spike", severity="warning", sentence=quoted(""))
    )


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        # A fifth of the way before the onset; the late one is followed past the spike, the early one as far again.
        (spike(100, 110, 120), [Start(80, 100, 119, 123), Start(0, 100, 119, 200)]),
        # A long spike is followed for twice the way to it, and its batches are suspected up to there.
        (spike(100, 200, None), [Start(80, 100, 140, 140), Start(0, 100, 200, 203)]),
        # Where it ended, all that came before is suspected, and not only what replays follow.
        (spike(100, 110, 190), [Start(80, 100, 189, 140), Start(0, 100, 189, 200)]),
        (spike(100, 104, 108), [Start(80, 100, 107, 120), Start(0, 100, 107, 200)]),
        (spike(100, 122, 123), [Start(80, 100, 122, 126), Start(0, 100, 122, 200)]),
        (spike(16, 20, 22), [Start(8, 16, 21, 25), Start(0, 16, 21, 32)]),
        (spike(15, 16, 17), [Start(0, 15, 16, 30)]),
        (spike(3, 30, None), [Start(0, 3, 19, 19)]),
    ],
)
def test_where_replays_begin_and_end(told: LocatedSpike, expected: list[Start]) -> None:
    late, *early = expected
    found = starts(told)
    assert found[0] == late
    assert [(one.step, one.onset, one.last_suspect, one.end) for one in found[1:]] == [
        (one.step, one.onset, late.last_suspect, one.end) for one in early
    ]


@pytest.mark.parametrize(("lead", "every"), [(1, 1), (3, 1), (7, 1), (8, 2), (35, 2), (36, 3), (240, 20)])
def test_about_a_dozen_probes_come_before_the_onset(lead: int, every: int) -> None:
    start = Start(80, 80 + lead, 80 + lead, 400)
    assert (start.lead, start.every) == (lead, every)
    assert start.null() == Until(None, 320, 320, every, math.ceil(1.5 * lead))


@pytest.mark.parametrize(("lead", "most"), [(1, 43), (3, 43), (4, 48), (10, 120)])
def test_a_change_may_take_twelve_times_as_long_as_its_null(lead: int, most: int) -> None:
    assert Start(80, 100, 119, 123).until(0.5, lead) == Until(0.5, 43, most, 2, 30)


@pytest.mark.parametrize(
    ("late", "healthy"),
    [
        (Start(80, 100, 119, 123), Start(37, 57, 76, 80)),
        (Start(43, 63, 70, 86), Start(0, 20, 27, 43)),
        (Start(40, 65, 100, 140), Start(0, 20, 40, 40)),  # no room: its onset is in the middle, all in it is suspect
        (Start(16, 24, 28, 40), Start(0, 8, 12, 16)),
        (Start(15, 23, 28, 40), None),
        (Start(100, 108, 109, 115), None),
        (Start(0, 20, 25, 40), None),
    ],
)
def test_a_healthy_stretch_is_as_long_as_a_late_replay_and_ends_where_it_begins(
    late: Start, healthy: Start | None
) -> None:
    assert healthy_segment(late) == healthy
