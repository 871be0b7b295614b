"""What one replay is before it is built: which batches it reads, and where."""

import pytest

from newllm.replays.replica.setup import EXCHANGED, Setup


def fetched(setup: Setup, count: int) -> list[int]:
    fetch = setup.fetch(lambda index: index, [])
    return [fetch(index) for index in range(count)]


def test_the_originals_batches_stay_where_they_are() -> None:
    assert fetched(Setup(5, 0, 10, 12), 40) == list(range(40))


def test_a_null_replay_exchanges_near_batches_from_its_start_on() -> None:
    order = fetched(Setup(5, 0, 10, 12, exchange=1), 45)
    assert order[:5] == list(range(5))
    assert order != list(range(45))
    for first in range(5, 45, EXCHANGED):
        assert sorted(order[first : first + EXCHANGED]) == list(range(first, first + EXCHANGED))
    assert fetched(Setup(5, 0, 10, 12, exchange=1), 45) == order
    assert fetched(Setup(5, 0, 10, 12, exchange=2), 45) != order


def test_batches_of_one_update_are_counted_together() -> None:
    order = fetched(Setup(5, 0, 10, 12, per_update=3, exchange=1), 39)
    assert order[:15] == list(range(15))
    assert sorted(order[15:23]) == list(range(15, 23))


@pytest.mark.parametrize(
    ("setup", "window"),
    [
        (Setup(0, 0, 40, 42), range(32, 42)),  # the loss of step 42 is that of batch 41
        (Setup(0, 0, 100, 102), range(80, 102)),
        (Setup(8, 0, 10, 12), range(8, 12)),
        (Setup(0, 0, 40, 42, per_update=2), range(64, 84)),
        (Setup(0, 0, 1, 1), range(1)),
    ],
)
def test_the_batches_that_may_have_brought_it_about(setup: Setup, window: range) -> None:
    assert setup.window == window


def test_changes_are_made_in_their_order_and_what_is_read_is_numbered() -> None:
    setup = Setup(0, 0, 10, 12)
    setup.batch_changes += [lambda own: lambda index: own(index) + 100, lambda own: lambda index: 2 * own(index)]
    seen: list[int] = []
    fetch = setup.fetch(lambda index: index, seen)
    assert [fetch(3), fetch(4), fetch(3)] == [206, 208, 206]
    assert seen[0] == seen[2] != seen[1]
