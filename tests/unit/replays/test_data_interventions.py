"""Interventions on data: which batches are read, and that nothing else is changed."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from newllm.data import IGNORED
from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.replica.own_replica import OwnReplica
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.own_run import OwnRun

FOUNDING = ("known-evaluation", "word-dropout")
ANYONE = ("skip-batches", "replace-batches", "reorder-batches", "other-order")


def why_not(name: str, subject: Subject) -> str:
    """Return why an intervention cannot be tried on a subject, "" where it can."""
    found = INTERVENTIONS[name].misfit(subject)
    return "" if found is None else str(found)


def order(
    name: str, count: int, *, inject: bool = False, per_update: int = 1, start: int = 0, seed: int = 3
) -> list[int]:
    """Return which batches anyone's training reads: the window is that of updates 4 to 11."""
    setup = Setup(
        start, seed, onset=12, last_suspect=12, per_update=per_update, suspect=range(100, 103), suspect_onset=101
    )
    change = INTERVENTIONS[name].inject if inject else INTERVENTIONS[name].apply
    assert change is not None
    change(setup)
    fetch = setup.fetch(lambda index: index, [])
    return [fetch(index) for index in range(start * per_update, start * per_update + count)]


def test_the_window_is_skipped_and_the_rest_moves_up() -> None:
    assert order("skip-batches", 8) == [0, 1, 2, 3, 12, 13, 14, 15]
    assert order("skip-batches", 12, per_update=2) == [*range(8), 24, 25, 26, 27]


def test_the_window_is_replaced_by_what_comes_much_later() -> None:
    assert order("replace-batches", 13) == [*range(4), *range(10_004, 10_012), 12]


@pytest.mark.parametrize("again_after", [7, 16, 50, 100, 10_003])
def test_data_that_come_again_are_no_replacement_for_themselves(again_after: int) -> None:
    """Of data that are read again and again in one order, batch 10,004 may be batch 4."""
    setup = Setup(0, 3, onset=12, last_suspect=12)
    INTERVENTIONS["replace-batches"].apply(setup)
    fetch = setup.fetch(lambda index: torch.tensor([index % again_after]), [])
    assert [int(fetch(index)) for index in range(4)] == [0, 1, 2, 3]
    window = {index % again_after for index in range(4, 12)}
    replaced = {int(fetch(index)) for index in range(4, 12)}
    assert not window & replaced or len(window) == again_after  # of seven batches all are in the window


def test_the_window_and_what_follows_change_places() -> None:
    found = order("reorder-batches", 60)
    assert found[:4] == [0, 1, 2, 3]
    assert sorted(found) == list(range(60))
    moved = [index for index, batch in enumerate(found) if index != batch]
    assert len(moved) > 25
    assert max(abs(index - found[index]) for index in moved) > 8  # farther than null replays exchange batches
    assert moved[-1] < 4 + 32
    assert order("reorder-batches", 60, seed=4) != found


def test_anyones_batches_come_in_another_order_from_the_start_on() -> None:
    found = order("other-order", 1024, start=5)
    assert sorted(found) == list(range(5, 5 + 1024))
    assert np.mean(np.array(found) == np.arange(5, 5 + 1024)) < 0.01
    assert order("other-order", 2048, start=5)[1024:] != [one + 1024 for one in found]


@pytest.mark.parametrize("name", ["reorder-batches", "other-order"])
def test_the_suspect_batches_are_injected_into_a_healthy_window_as_they_came(name: str) -> None:
    assert order(name, 13, inject=True) == [0, 1, 2, 3, 101, 102, 100, 101, 102, 100, 101, 102, 12]


@pytest.mark.parametrize("name", ["skip-batches", "replace-batches"])
def test_what_may_be_wrong_in_itself_is_injected_among_healthy_batches(name: str) -> None:
    assert order(name, 13, inject=True) == [0, 1, 2, 3, 4, 100, 6, 101, 8, 102, 10, 100, 12]
    halves = order(name, 24, inject=True, per_update=2)  # micro-batches: every second update
    assert halves == [*range(10), 100, 101, 12, 13, 102, 100, 16, 17, 101, 102, 20, 21, 100, 101]


def test_nothing_can_be_injected_without_suspects() -> None:
    inject = INTERVENTIONS["skip-batches"].inject
    assert inject is not None
    with pytest.raises(ValueError, match="no suspect batches"):
        inject(Setup(0, 0, 7, 10))


@pytest.mark.parametrize("name", [*ANYONE, *FOUNDING])
@pytest.mark.parametrize("start", [0, 4])
def test_a_run_of_ours_changes_its_batches_and_nothing_else(
    name: str, start: int, tiny_cell: Path, replica_with: Callable[..., Replica]
) -> None:
    subject = OwnRun(tiny_cell)
    assert INTERVENTIONS[name].misfit(subject) is None
    null, changed = (replica_with(subject, one, start=start, onset=11, last_suspect=12) for one in ("", name))
    assert all(torch.equal(a, b) for a, b in zip(weights(null), weights(changed), strict=True))
    assert null.probe() == changed.probe()
    for step in range(start, start + 6):
        null.update(step)
        changed.update(step)
    assert (null.seen == changed.seen) is (name == "known-evaluation")
    if name not in ("other-order", "word-dropout"):
        before = max(0, 3 - start)
        assert changed.seen[:before] == null.seen[:before]  # the window begins there


def test_a_batch_that_is_skipped_is_the_next_ones(tiny_cell: Path, replica_with: Callable[..., Replica]) -> None:
    subject = OwnRun(tiny_cell)
    null, changed = (replica_with(subject, one, onset=9, last_suspect=9) for one in ("", "skip-batches"))
    for step in range(12):
        null.update(step)
        changed.update(step)
    assert changed.seen[0] == null.seen[0]
    assert changed.seen[1:4] == null.seen[9:12]  # batches 1 to 8 are the window


@pytest.mark.parametrize("name", ANYONE)
def test_anyones_training_reads_other_batches(name: str, loop: Loop, replica_with: Callable[..., Replica]) -> None:
    assert INTERVENTIONS[name].misfit(loop) is None
    null, changed = (replica_with(loop, one, start=0) for one in ("", name))
    for step in range(8):
        null.update(step)
        changed.update(step)
    assert null.seen != changed.seen
    assert null.probe() != changed.probe()


def test_word_dropout_puts_in_unknown_words_in_training_only(
    tiny_cell: Path, replica_with: Callable[..., Replica]
) -> None:
    subject = OwnRun(tiny_cell)
    unknown = subject.corpus.tokenizer.unknown
    shares = {}
    for name in ("", "word-dropout"):
        replica = replica_with(subject, name)
        assert isinstance(replica, OwnReplica)
        targets = np.concatenate([replica.stepper.batches.batch(step).targets.ravel() for step in range(20)])
        shares[name] = float(np.mean(targets[targets != IGNORED] == unknown))
        assert replica.evaluate().keys() == {"validation", *(f"validation/{x}" for x in ("unknown", "end", "seen"))}
    assert shares[""] == 0.0
    assert 0.05 < shares["word-dropout"] < 0.12
    null, changed = (replica_with(subject, name).evaluate() for name in ("", "word-dropout"))
    assert null == changed


def test_the_known_evaluation_leaves_out_unknown_words_and_trains_alike(
    tiny_cell: Path, replica_with: Callable[..., Replica]
) -> None:
    subject = OwnRun(tiny_cell)
    null, changed = (replica_with(subject, name) for name in ("", "known-evaluation"))
    for step in range(3):
        assert null.update(step) == changed.update(step)
    before, after = null.evaluate(), changed.evaluate()
    assert after["validation"] != before["validation"]
    assert {k: v for k, v in after.items() if k != "validation"} == {
        k: v for k, v in before.items() if k != "validation"
    }
    low, high = sorted((after["validation/end"], after["validation/seen"]))
    assert low < after["validation"] < high


def test_what_does_not_fit_says_why(loop: Loop, tiny_run: Path, tiny_cell: Path) -> None:
    stack = OwnRun(tiny_run)
    assert "newllm train" in why_not("known-evaluation", loop)
    assert "newllm train" in why_not("word-dropout", loop)
    assert why_not("known-evaluation", stack) == "tokenizer 'bytes' has no unknown token"
    assert "needs sentences" in why_not("word-dropout", stack)
    cell = with_data(tiny_cell, word_dropout=0.2)
    assert why_not("word-dropout", cell) == "data.word_dropout is 0.2 already"
    assert why_not("known-evaluation", cell) == "training shows unknown words too"
    carried = with_data(tiny_run, carry=True)
    for name in ("reorder-batches", "other-order"):
        assert "their order cannot change" in why_not(name, carried)
        assert INTERVENTIONS[name].misfit(stack) is None


def test_a_carried_context_lets_batches_be_skipped(tiny_run: Path, replica_with: Callable[..., Replica]) -> None:
    subject = with_data(tiny_run, carry=True)
    null, changed = (replica_with(subject, name, onset=9, last_suspect=9) for name in ("", "skip-batches"))
    for step in range(10):
        null.update(step)
        assert changed.update(step).finite
    assert changed.seen[0] == null.seen[0]
    assert changed.seen[1] == null.seen[9]


def with_data(path: Path, **changes: Any) -> OwnRun:
    subject = OwnRun(path)
    subject.config = dataclasses.replace(subject.config, data=dataclasses.replace(subject.config.data, **changes))
    return subject


def weights(replica: Replica) -> list[Tensor]:
    return list(replica.model.parameters())
