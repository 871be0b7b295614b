"""The states that a training in memory can go back to."""

import itertools

import torch

from newllm.replays.guard.recent import Recent
from newllm.replays.replica.replica import State


def state(step: int) -> State:
    return State(model={"weight": torch.full((25,), float(step))}, optimizer={}, carried={})  # 100 bytes


def offered(steps: int, largest: int = 10**6) -> Recent:
    recent = Recent(largest)
    for step in range(steps + 1):
        recent.offer(step, lambda step=step: state(step))
    return recent


def test_states_lie_four_steps_apart_then_a_twentieth_of_the_way_and_at_most_twenty_five() -> None:
    assert offered(3).steps == (0,)
    assert offered(19).steps == (0, 4, 8, 12, 16)
    taken: list[int] = []
    recent = Recent()
    for step in range(701):
        recent.offer(step, lambda step=step: taken.append(step) or state(step))
    assert taken[:26] == [*range(4, 97, 4), 101, 106]
    apart = {step: step - before for before, step in itertools.pairwise(taken)}
    assert [gap for step, gap in apart.items() if step > 100] == [
        max(4, min(25, step // 20)) for step in apart if step > 100
    ]
    assert taken[-1] - taken[-2] == 25


def test_old_ones_lie_ever_farther_apart() -> None:
    """Numbers are 1, 2, 3 ... at steps 4, 8, 12 ...: eight stay, then every second, then fourth."""
    numbers = [step // 4 for step in offered(80).steps[1:]]
    assert numbers == [4, 6, 8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20]


def test_the_oldest_go_where_there_is_no_room() -> None:
    assert offered(20, largest=300).steps == (0, 12, 16, 20)
    assert offered(20, largest=299).steps == (0, 16, 20)


def test_what_is_gone_back_to_stays_and_what_lies_behind_it_goes() -> None:
    recent = offered(20)
    copied = recent.copied()
    recent.forget_after(12)
    assert (recent.steps, copied.steps) == ((0, 4, 8, 12), (0, 4, 8, 12, 16, 20))
    kept = recent.state(12)
    assert kept is not None
    assert kept.model["weight"][0] == 12
    assert recent.state(0) is None
