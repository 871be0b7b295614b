"""One replay as plain data, and what it does: the change, its cause injected, or nothing."""

import dataclasses
import re
from typing import Any

import pytest
import torch

from newllm.replays.guard.ranks import averaged_over_ranks, ranks
from newllm.replays.interventions.optimizer.learning_rate import WARM_UP
from newllm.replays.interventions.optimizer.optimization import optimization_of
from newllm.replays.interventions.remedies import CLIP, LASTING, PASSING, SKIP, RemedyCandidate, remedies, usual_norm
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.trajectory import Trajectory, Until
from newllm.replays.replica.update_signals import UpdateSignals
from newllm.replays.session.task import Replayer, Task, parts
from newllm.replays.subjects.loop import Loop

TASK = Task("", 0, 0, Until(None, 6, 6, 1), 4, 5, (2, 3, 5))


def ran(loop: Loop, name: str, variant: Any = "applied", **more: Any) -> Trajectory:
    task = dataclasses.replace(TASK, name=name, variant=variant, **more)
    return Trajectory.from_dict(Replayer(lambda: loop, lambda _: None)(task))


def test_a_change_is_applied_injected_or_left_out(loop: Loop) -> None:
    measured = Until(None, 6, 6, 1, measured=6)
    null = ran(loop, "", until=measured)
    moved = {
        variant: ran(loop, "half-learning-rate", variant, until=measured).updates["update_ratio"][0]
        for variant in ("applied", "injected", "stable")
    }
    own = null.updates["update_ratio"][0]
    assert own is not None
    expected = {"applied": 0.5 * own, "injected": 2 * own, "stable": own}
    assert moved == {variant: pytest.approx(value, rel=1e-3) for variant, value in expected.items()}
    assert ran(loop, "adamw", "injected").loss == null.loss, "it has nothing to inject"


def test_two_changes_are_made_together(loop: Loop) -> None:
    both = ran(loop, "half-learning-rate + skip-batches")
    skipped, halved = ran(loop, "skip-batches"), ran(loop, "half-learning-rate")
    assert both.batches == skipped.batches != halved.batches
    assert both.loss not in (skipped.loss, halved.loss)
    assert [parts(name) for name in ("", "a", "a + b")] == [[], ["a"], ["a", "b"]]


def test_the_suspect_batches_are_those_of_the_task(loop: Loop) -> None:
    injected = ran(loop, "skip-batches", "injected")
    null = ran(loop, "")
    assert len(set(injected.batches) & set(null.batches[2:5])) >= 1
    assert injected.batches != null.batches


def test_the_same_task_has_the_same_name() -> None:
    one = dataclasses.replace(TASK, name="beta2 + sgd", start=3, replay=7)
    assert re.fullmatch(r"beta2\+sgd-from-3-replay-7-[0-9a-f]{12}", one.key)
    assert re.fullmatch(r"null-from-0-replay-0-[0-9a-f]{12}", TASK.key)
    assert TASK.key == dataclasses.replace(TASK).key != dataclasses.replace(TASK, last_suspect=6).key


@pytest.mark.parametrize(
    ("task", "key"),
    [
        (
            Task("sgd + adagc", 31, 2, Until(4.5, 12, 90, 2), 39, 43, (31, 38, 46)),
            "sgd+adagc-from-31-replay-2-b37357e990a0",
        ),
        (Task("", 0, 0, Until(None, 60, 60, 3), 39, 43, (31, 38, 46), "injected"), "null-from-0-replay-0-450079735adc"),
    ],
)
def test_replays_of_earlier_versions_are_found_again(task: Task, key: str) -> None:
    """Of those since 2026-11-28: before, a few updates were measured only, which is too little to compare."""
    assert task.key == key


def test_a_replay_leaves_torch_as_it_was(loop: Loop) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    ran(loop, "deterministic-kernels")
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()


# --- what a guard may take


def test_what_may_be_tried_in_a_running_training(loop: Loop) -> None:
    jumping = dataclasses.replace(loop, rate=lambda step: 0.01 if step < 9 else 0.1)
    names = [one.name for one in remedies(jumping, 2.0, [])]
    assert names == [*PASSING, *LASTING]
    assert [one.setting for one in remedies(jumping, 2.0, []) if one.name == CLIP] == [2.0]
    assert {one.setting for one in remedies(jumping, 2.0, []) if one.name != CLIP} == {None}
    assert [one.name for one in remedies(jumping, 0.0, [])] == [name for name in names if name != CLIP]
    assert [one.name for one in remedies(jumping, 2.0, ["beta2", SKIP])] == [
        n for n in names if n not in ("beta2", SKIP)
    ]
    assert "hold-learning-rate" not in [one.name for one in remedies(loop, 2.0, [])], "a rate that never rises"


def test_the_usual_norm_is_half_as_much_again_as_the_median() -> None:
    assert [usual_norm(norms) for norms in ([2.0], [9.0, 1.0, 2.0], [1.0, 2.0, 4.0, 8.0])] == [3.0, 3.0, 6.0]


@pytest.mark.parametrize(
    ("name", "last", "passes"), [(SKIP, 140, True), ("skip-batches", 103, True), ("beta2", 103, False)]
)
def test_skipping_goes_on_for_three_times_the_way_back(name: str, last: int, *, passes: bool) -> None:
    assert RemedyCandidate(name).last(80, 100, 103) == last
    assert RemedyCandidate(name).passes is passes
    assert RemedyCandidate(SKIP).last(80, 100, 150) == 150


def test_skipped_batches_are_those_from_the_rollback_on() -> None:
    setup = Setup(80, 0, 96, 140, per_update=2)
    changed = RemedyCandidate(SKIP).changed(setup, 80, 96, 140)
    fetch = changed.fetch(lambda index: index, [])
    assert [fetch(index) for index in (0, 159, 160, 161)] == [0, 159, 280, 281]


# --- what is measured, planned and agreed on


def test_the_second_moment_is_held_against_those_that_have_one(loop: Loop) -> None:
    replica = loop.start(loop.setup(0, 0, 4, 5), None)
    signals = UpdateSignals(replica)
    signals.measuring = True
    replica.update(0)
    first = next(iter(replica.optimizer.param_groups[0]["params"]))
    replica.optimizer.state.pop(first)
    signals.take()
    replica.update(1)  # the others still have theirs
    assert signals.take()["second_moment_mismatch"] > 0
    signals.measuring = False
    replica.update(2)
    assert signals.take() == {}


def test_weights_decay_where_a_group_says_so(loop: Loop) -> None:
    def plan(decay: float | None) -> bool:
        def build(seed: int) -> Any:
            model, _ = loop.build(seed)
            optimizer = torch.optim.Adam(model.parameters(), weight_decay=decay or 0.0)
            if decay is None:
                optimizer.param_groups[0].pop("weight_decay", None)
            return model, optimizer

        plain = optimization_of(loop)
        groups = build(0)[1].param_groups
        return dataclasses.replace(plain, groups=tuple(groups)).has_decay

    assert [plan(decay) for decay in (None, 0.0, 0.01)] == [False, False, True]


@pytest.mark.parametrize(
    ("start", "onset", "updates"), [(0, 9, 10), (0, 10, 10), (0, 60, 60), (20, 60, 40), (0, 300, 100)]
)
def test_a_ramp_is_as_long_as_the_way_to_the_onset(loop: Loop, start: int, onset: int, updates: int) -> None:
    flat = dataclasses.replace(loop, rate=lambda _: 1.0)
    setup = flat.setup(start, 0, onset, onset)
    WARM_UP.apply(setup)
    rate = flat.start(setup, None).rate
    assert rate is not None
    assert [rate(start + step) < 1.0 for step in (0, updates - 2, updates)] == [True, True, False]


def test_one_process_keeps_its_losses_and_several_take_their_mean(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ranks() == 1
    assert averaged_over_ranks(loop) is loop
    # As if a second process had three times the value: what is summed up over both is four times as much.
    monkeypatch.setattr("newllm.replays.guard.ranks.ranks", lambda: 2)
    monkeypatch.setattr("newllm.replays.guard.ranks.dist.all_reduce", lambda value: value.mul_(4))
    two = averaged_over_ranks(dataclasses.replace(loop, validate=lambda _: {"validation": 1.5}))
    model, _ = loop.build(0)
    model.eval()
    mean, own = two.loss(model, loop.batch(0)), loop.loss(model, loop.batch(0))
    assert mean.item() == pytest.approx(2 * own.item())
    gradients = [torch.autograd.grad(value, list(model.parameters())) for value in (mean, own)]
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True)), "the gradient stays its own"
    assert two.validate is not None
    assert two.validate(model) == {"validation": 3.0}
    assert averaged_over_ranks(loop).validate is None
