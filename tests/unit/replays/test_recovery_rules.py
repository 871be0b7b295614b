"""Where a guard goes back to, and when it gives up: by hand."""

from typing import Any

import pytest

from newllm.replays.recovery import failures, rollback_step
from newllm.trace import Recovery


@pytest.mark.parametrize(
    ("known", "onset", "failed", "step"),
    [
        ((0, 89, 90, 91, 100), 100, 0, 90),  # a tenth of the way
        ((0, 40, 42, 43), 50, 0, 42),  # eight steps at least
        ((0, 1899, 1900, 1901), 2000, 0, 1900),  # and at most a hundred
        ((0, 70, 91), 100, 0, 70),  # three times as far is not too far
        ((0, 69, 91, 92, 93), 100, 0, 92),  # farther is: then eight steps will do
        ((0, 69, 91, 92, 93), 100, 1, 69),  # but not after a failure, which doubles the way
        ((0, 80, 81, 90), 100, 1, 80),
        ((0, 60, 61, 80), 100, 2, 60),
        ((10, 20), 12, 0, 10),
    ],
)
def test_the_step_that_is_gone_back_to(known: tuple[int, ...], onset: int, failed: int, step: int) -> None:
    assert rollback_step(known, onset, failed) == step


def recovery(detected: int, back: int | None, action: Any = "remedy") -> Recovery:
    return Recovery(
        number=1, policy="guard", action=action, sentence="", detected=detected, onset=detected - 2, base=3.0,
        in_force=True, done=True, last=detected, back=back,
    )  # fmt: skip


def test_a_remedy_has_failed_where_the_loss_leaves_its_trend_again_within_four_times_the_way_back() -> None:
    first, second, third = recovery(100, 90), recovery(140, 120), recovery(220, 200)
    assert failures([first], 140) == [first]
    assert failures([first], 141) == []
    assert failures([first, second, third], 300) == [third, second, first]  # each within the way of the one before
    assert failures([recovery(100, 91), second, third], 300) == [third, second]
    assert failures([first, second, third], 301) == []


def test_what_changed_nothing_is_no_failure_and_a_stop_begins_anew() -> None:
    first, last = recovery(100, 90), recovery(120, 100)
    between = [recovery(110, None, "went on"), recovery(112, None, "asked"), recovery(113, None, "remedy")]
    assert failures([first, *between, last], 125) == [last, first]
    assert failures([first, recovery(105, 90, "stopped"), last], 125) == [last]
