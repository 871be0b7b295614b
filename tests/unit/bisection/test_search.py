"""Delta debugging on made-up programs: a predicate says which sets of changes go wrong."""

import itertools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newllm.bisection.search import smallest


def counted(parts: Callable[[Sequence[int]], bool]) -> tuple[Callable[[Sequence[int]], bool], list[frozenset[int]]]:
    asked: list[frozenset[int]] = []

    def ask(some: Sequence[int]) -> bool:
        asked.append(frozenset(some))
        return parts(some)

    return ask, asked


@pytest.mark.parametrize("cause", range(1, 17))
def test_a_single_cause_is_found_with_few_trials(cause: int) -> None:
    parts, asked = counted(lambda some: cause in some)
    assert smallest(range(1, 17), parts) == [cause]
    assert len(asked) <= 3 + 8
    assert len(asked) == cause or cause > 3  # the first ones are tried one by one


def test_no_set_is_tried_twice_nor_the_empty_one_nor_all() -> None:
    parts, asked = counted(lambda some: {2, 9} <= set(some))
    assert smallest(range(1, 11), parts) == [2, 9]
    assert len(set(asked)) == len(asked)
    assert frozenset() not in asked
    assert frozenset(range(1, 11)) not in asked


def test_what_is_left_is_cut_as_finely_as_before() -> None:
    """After a rest is found, chunks stay as small as they were: few trials where most changes belong together."""
    together = {1, 2, 3, 4, 6, 7, 8}
    parts, asked = counted(lambda some: together <= set(some))
    assert smallest(range(1, 9), parts) == sorted(together)
    assert len(asked) == 29


def test_one_change_needs_no_trial() -> None:
    parts, asked = counted(lambda _: True)
    assert smallest([1], parts) == [1]
    assert asked == []


def test_parts_of_a_renaming_end_in_errors_and_are_found_together() -> None:
    """5 is the mistake, and stands in lines that are renamed: without 2 and 7 the program ends with an error."""
    renaming = {2, 5, 7}

    def parts(some: Sequence[int]) -> bool:
        return renaming <= set(some)

    assert smallest(range(1, 9), parts) == [2, 5, 7]


@given(st.integers(1, 12), st.data())
def test_what_is_left_goes_wrong_and_none_of_it_can_be_left_out(count: int, data: st.DataObject) -> None:
    changes = range(1, count + 1)
    causes = data.draw(
        st.lists(st.frozensets(st.sampled_from(changes), min_size=1, max_size=3), min_size=1, max_size=3)
    )

    def parts(some: Sequence[int]) -> bool:
        return any(cause <= set(some) for cause in causes)

    left = smallest(changes, parts)
    assert parts(left)
    assert not any(parts(rest) for rest in itertools.combinations(left, len(left) - 1))
