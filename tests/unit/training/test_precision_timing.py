"""The vote on the precision: noise must not decide it."""

import itertools

from newllm.training.precision_timing import NAMES, ROUNDS, vote


def voted(seconds, spent=lambda: 0.0):
    """Vote where an update of a precision takes what `seconds(name, turn)` says."""
    turns, times = itertools.count(), {name: [] for name in NAMES}

    def timed(name: str, _: int) -> float:
        times[name].append(seconds(name, next(turns)))
        return times[name][-1]

    return vote(timed, times, spent)


def test_bf16_is_taken_where_it_is_a_tenth_faster() -> None:
    found = voted(lambda name, _: {"fp32": 1.0, "bf16": 0.85}[name])
    assert (found.chosen, found.agreed, found.rounds) == ("bf16", True, 2 * ROUNDS)
    assert found.seconds == {"fp32": 1.0, "bf16": 0.85}
    assert voted(lambda name, _: {"fp32": 1.0, "bf16": 0.95}[name]).chosen == "fp32"


def test_a_load_that_comes_and_stays_slows_both_and_decides_nothing() -> None:
    found = voted(lambda name, turn: {"fp32": 1.0, "bf16": 1.2}[name] * (1 if turn < 4 else 10))
    assert (found.chosen, found.agreed) == ("fp32", True)


def test_one_slow_update_does_not_decide() -> None:
    found = voted(lambda name, turn: 50.0 if turn == 3 else {"fp32": 1.0, "bf16": 0.6}[name])
    assert (found.chosen, found.agreed) == ("bf16", True)


def test_votes_that_disagree_are_repeated_and_then_fp32_is_taken() -> None:
    found = voted(lambda name, turn: 0.5 if name == "bf16" and turn // (2 * ROUNDS) % 2 else 1.0)
    assert (found.chosen, found.agreed, found.rounds) == ("fp32", False, 5 * ROUNDS)


def test_a_vote_alone_is_not_enough_for_bf16() -> None:
    found = voted(lambda name, _: {"fp32": 1.0, "bf16": 0.8}[name], lambda: 2.0)
    assert (found.chosen, found.agreed, found.rounds) == ("fp32", False, ROUNDS)
    noisy = voted(lambda name, turn: 1.0 if name == "fp32" or turn < 2 else 0.4, lambda: 2.0)
    assert (noisy.chosen, noisy.agreed) == ("fp32", False)


def test_a_clear_vote_alone_is_enough_where_the_time_is_over() -> None:
    found = voted(lambda name, _: {"fp32": 1.0, "bf16": 0.5}[name], lambda: 2.0)
    assert (found.chosen, found.agreed, found.rounds) == ("bf16", True, ROUNDS)


def test_the_turns_alternate() -> None:
    order: list[str] = []
    vote(lambda name, _: order.append(name) or 1.0, {name: [1.0] for name in NAMES}, lambda: 0.0)
    assert order[:4] in (["fp32", "bf16", "bf16", "fp32"], ["bf16", "fp32", "fp32", "bf16"])


def test_a_vote_is_broken_off_where_it_would_take_a_short_budget_whole() -> None:
    found = voted(lambda name, _: {"fp32": 1.0, "bf16": 0.5}[name], lambda: 4.1)
    assert (found.chosen, found.agreed, found.rounds) == ("fp32", False, 1)
    assert found.seconds == {"fp32": 1.0, "bf16": 0.5}


def test_a_second_vote_that_is_broken_off_leaves_the_first_one_alone() -> None:
    for bf16, chosen in ((0.5, "bf16"), (0.8, "fp32")):
        asked = iter([*[0.0] * 3, 4.1])  # twice within the first vote, once after it, then within the second
        found = voted(lambda name, _, bf16=bf16: {"fp32": 1.0, "bf16": bf16}[name], lambda asked=asked: next(asked))
        assert (found.chosen, found.rounds) == (chosen, ROUNDS + 1)
