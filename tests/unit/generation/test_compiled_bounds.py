"""Which way of a compiled step is quicker, and where the parts of its state stand."""

import itertools

import pytest
import torch

pytest.importorskip("numba", reason="numba is an extra")

from newllm.generation.compiled_step.state import Layout, Part
from newllm.generation.compiled_step.team import Pace


def ways(together: int, alone: int, count: int, pace: Pace) -> list[bool]:
    """Which of so many tokens were run alone, where they take so long together and alone."""
    found = []
    for _ in range(count):
        found.append(pace.single)
        pace.took(alone if pace.single else together)
    return found


def test_four_tokens_are_tried_each_way_and_again_after_five_hundred() -> None:
    pace = Pace()
    trial = [False] * 4 + [True] * 4
    assert ways(9, 5, 512, pace) == [*trial, *[True] * 504]
    assert ways(9, 5, 512, pace) == [*[True] * 4, *[False] * 4, *[True] * 504]
    assert ways(5, 9, 512, pace) == [*[True] * 4, *[False] * 4, *[False] * 504]
    assert ways(5, 5, 512, pace) == [*trial, *[False] * 504]  # no quicker: as it was meant to be


def test_the_quickest_of_four_counts() -> None:
    pace = Pace()
    for nanoseconds in (9, 3, 9, 9, 8, 8, 8, 8):
        pace.took(nanoseconds)
    assert not pace.single


@pytest.mark.parametrize("rows", [1, 8, 9, 64])
def test_where_the_parts_of_a_packed_state_stand(rows: int) -> None:
    parts = [(Part(f"{layer}.context", (12,), 16), Part(f"{layer}.tail", (3, 20), 32)) for layer in range(2)]
    layout = Layout(("position", "previous"), [*itertools.chain(*parts), Part("2.context", (2, 16, 16), 16)])
    assert layout.floats == 16 + 2 * (16 + 3 * 32) + 2 * 16 * 16
    assert layout.address("1.tail") == 4 * (16 + 16 + 96 + 16)
    state = {"position": torch.arange(rows) + 7, "previous": torch.arange(2 * rows).view(rows, 2) + 2**40}
    for layer in range(2):
        state[f"{layer}.context"] = torch.randn(rows, 12)
        state[f"{layer}.tail"] = torch.randn(rows, 3, 20)
    state["2.context"] = torch.randn(rows, 2, 16, 16)
    packed = layout.packed(state)
    assert list(packed) == list(layout.names) == list(state)
    assert len(packed) == 7
    for name, value in state.items():
        assert torch.equal(packed[name], value)
    assert layout.packed(packed) is packed
    assert packed.memory.count_nonzero() <= 6 * rows + rows * (2 * (12 + 60) + 512), "what lies between is zero"
