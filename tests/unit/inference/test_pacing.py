"""Before which steps clients are told of what was written."""

from typing import Any

from newllm.inference.pacing import Pacing


def told_at(steps: list[tuple[int, float]], rows: int = 64) -> list[float]:
    """Return the milliseconds at which clients are told, where steps read so many tokens and take so long."""
    now, told = 100.0, list[float]()
    pacing = Pacing(lambda: now)
    for tokens, milliseconds in steps:
        if pacing.begin(rows, tokens - rows):
            told.append(round(1e3 * (now - 100.0), 3))
        now += milliseconds / 1e3
        pacing.end()
    return told


def test_two_steps_are_told_of_together() -> None:
    assert told_at([(64, 5.0)] * 10) == [0.0, 10.0, 20.0, 30.0, 40.0]


def test_nothing_waits_longer_than_a_reader_could_see() -> None:
    assert told_at([(64, 18.0)] * 5) == [0.0, 18.0, 36.0, 54.0, 72.0]


def test_very_short_steps_are_told_of_some_times_a_second_only() -> None:
    assert told_at([(1, 0.6)] * 20, rows=1) == [0.0, 3.6, 7.2, 10.8]


def test_nothing_waits_for_a_step_that_also_reads_a_chunk_of_a_prompt() -> None:
    plain: Any = (64, 5.0)
    assert told_at([plain, plain, plain, (128, 10.0), plain]) == [0.0, 10.0, 15.0, 25.0]
    assert told_at([(128, 10.0)] * 4) == [0.0, 10.0, 20.0, 30.0]


def test_the_first_step_after_a_rest_tells_at_once() -> None:
    assert told_at([(64, 5.0), (64, 500.0), (64, 5.0)]) == [0.0, 505.0]


def test_a_step_that_reads_nothing_is_no_trouble() -> None:
    assert told_at([(0, 1.0), (64, 5.0)], rows=0) == [0.0, 1.0]
