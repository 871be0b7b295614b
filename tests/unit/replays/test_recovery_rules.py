"""Where a guard goes back to, and when it gives up: by hand."""

import dataclasses
import math
from typing import Any

import pytest

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.onset import Onset
from newllm.replays.guard.recovery import Incident, decide, failures, rollback_step
from newllm.trace import Recovery, Trace


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


def decided(
    policy: str, *history: Recovery, onset: int = 96, known: tuple[int, ...] = (0, 80, 90), **of_onset: Any
) -> Recovery:
    def state(step: int) -> None:
        raise AssertionError(step)  # nothing here needs a replay

    given: dict[str, Any] = {"step": 100, "onset": onset, "before": onset - 1, "base": 3.0, "rise": math.log(1.5)}
    seen = Onset(**{**given, **of_onset})
    subject: Any = None
    return decide(Incident(policy, subject, seen, Trace({}), Facts(), known, state, history))


def test_whoever_wants_to_be_asked_is_told_once_where_the_loss_left_its_trend() -> None:
    asked = decided("ask")
    assert (asked.number, asked.action, asked.back, asked.last) == (1, "asked", None, 100)
    assert (asked.detected, asked.onset, asked.base, asked.in_force, asked.done) == (100, 96, 3.0, False, True)
    said = "at step 100 the loss is 50% above the trend that it left at step 96: nothing was changed"
    assert asked.sentence == said
    endless = decided("ask", rise=math.inf, base=math.nan)
    assert endless.base is None
    assert endless.sentence.startswith("at step 100 the loss is not finite; it left its trend at step 96: ")


def told(detected: int = 100, back: int | None = None, action: Any = "asked", policy: str = "ask") -> Recovery:
    return dataclasses.replace(recovery(detected, back, action), number=7, policy=policy)


@pytest.mark.parametrize(
    ("history", "again"),
    [
        ([told()], True),
        ([told(action="went on")], True),
        ([told(), told(90, 40, "remedy")], False),  # it went back behind it since: another branch
        ([told(), told(90, 100, "remedy")], True),
        ([told(), told(95)], True),
        ([told(101)], False),
        ([told(policy="guard")], False),
        ([told(action="stopped")], False),
    ],
)
def test_what_was_decided_on_an_onset_before_is_decided_again(history: list[Recovery], *, again: bool) -> None:
    found = decided("ask", *history)
    assert (found.number == 7) is again
    assert again or found.number == len(history) + 1


def test_skipping_skips_three_times_the_way_back() -> None:
    found = decided("rollback-and-skip")
    assert (found.action, found.remedy, found.back, found.last) == ("remedy", "rollback-and-skip", 80, 80 + 3 * 20)
    assert (found.in_force, found.done) == (True, False)
    assert found.sentence.endswith(": rolled back to step 80, and the batches up to step 140 are skipped")


def test_after_three_in_a_row_it_is_given_up_from_the_nearest_good_state() -> None:
    failed = [dataclasses.replace(recovery(70 + 10 * at, 50), remedy=f"remedy {at}") for at in range(3)]
    found = decided("rollback-and-skip", *failed)
    assert (found.action, found.back, found.in_force, found.done) == ("stopped", 80, False, False)
    assert "3 recoveries in a row did not hold (remedy 0, remedy 1, remedy 2): given up" in found.sentence
    assert decided("rollback-and-skip", *failed[:2]).back == 0, "each failure doubles the way"
