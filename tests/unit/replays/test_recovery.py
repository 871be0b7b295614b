"""Anyone's training under a guard: what is done, that it holds, and that a healthy training is left alone."""

import dataclasses
import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.diagnosis.onset import Onset
from newllm.errors import UserError
from newllm.replays.guard.guarded import Guarded, guard
from newllm.replays.guard.recent import Recent
from newllm.replays.guard.recovery import failures, rollback_step
from newllm.replays.interventions.remedies import LASTING, PASSING, SKIP, RemedyCandidate
from newllm.replays.replica.replica import State
from newllm.trace import Recovery, load_recoveries, save_recoveries
from newllm.trace.recovery import followed_by

STEPS, FIRST = 80, 50


def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:  # noqa: ARG001 (torch is seeded from it)
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 3))
    return model, torch.optim.Adam(model.parameters(), lr=0.01)


def batch(step: int) -> tuple[Tensor, Tensor]:
    points = torch.randn(32, 4, generator=torch.Generator().manual_seed(step))
    return points, points[:, :3].argmax(1)


def wrong(step: int) -> tuple[Tensor, Tensor]:
    """Batches whose targets are wrong, and whose inputs are large, for eight updates."""
    points, targets = batch(step)
    return (10 * points, (targets + 1) % 3) if FIRST <= step < FIRST + 8 else (points, targets)


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def jumping(step: int) -> float:
    return 0.01 if step < FIRST else 1.0


healthy = newllm.Loop(build, batch, loss, STEPS)
badly_fed = newllm.Loop(build, wrong, loss, STEPS)
hopeless = newllm.Loop(build, batch, loss, STEPS, rate=lambda step: 0.01 if step < FIRST else 100.0)
too_fast = newllm.Loop(build, batch, loss, STEPS, rate=jumping)


def bits(guarded: Guarded) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in guarded.model.state_dict().items()}


@pytest.fixture(scope="module")
def mended() -> Guarded:
    return guard(too_fast)


@pytest.mark.parametrize("policy", ["guard", "ask", "rollback-and-skip"])
def test_a_healthy_training_keeps_its_bits(policy: str) -> None:
    plain, guarded = guard(healthy, "off"), guard(healthy, policy)
    assert guarded.recoveries == ()
    assert guarded.signals == plain.signals
    assert bits(guarded) == bits(plain)


def test_the_unguarded_training_is_the_loop_itself() -> None:
    replica = healthy.start(healthy.setup(0, 0, 0, 0), None)
    losses = [replica.update(step).loss for step in range(STEPS)]
    assert guard(healthy, "off").loss == losses


def test_a_bad_batch_that_did_no_harm_changes_nothing() -> None:
    def one_bad(step: int) -> tuple[Tensor, Tensor]:
        points, targets = batch(step)
        return points, (targets + 1) % 3 if step == FIRST else targets

    loop = dataclasses.replace(healthy, batch=one_bad)
    plain, guarded = guard(loop, "off"), guard(loop)
    assert [one.action for one in guarded.recoveries] == ["went on"]
    assert guarded.signals == plain.signals
    assert bits(guarded) == bits(plain)


def test_a_rate_that_jumped_is_held_and_the_training_goes_on(mended: Guarded) -> None:
    (only,) = mended.recoveries
    assert (only.action, only.remedy, only.in_force, only.done) == ("remedy", "hold-learning-rate", True, True)
    assert only.nulls["identical"] is True
    assert only.back is not None
    assert only.back < FIRST < only.detected
    assert mended.step == len(mended.loss) == STEPS
    assert mended.loss == guard(healthy, "off").loss
    assert len(mended.abandoned[1]) == only.detected - only.back
    assert [one.name for one in only.tried if one.effect == 1.0] == ["hold-learning-rate"]


def test_what_goes_on_is_what_was_replayed(mended: Guarded) -> None:
    """The replay of the remedy with the training's own chance is its future, bit for bit."""
    (only,) = mended.recoveries
    assert only.back is not None
    setup = too_fast.setup(only.back, 0, only.onset, only.last)
    setup.at_start += RemedyCandidate(only.remedy).changed(setup, only.back, only.onset, only.last).at_start
    replica = too_fast.start(setup, mended.recent.state(only.back))
    assert [replica.update(step).loss for step in range(only.back, STEPS)] == mended.loss[only.back :]


def test_the_same_training_comes_to_the_same_end_twice(mended: Guarded) -> None:
    again = guard(too_fast)
    assert bits(again) == bits(mended)
    assert again.signals == mended.signals


def test_bad_batches_are_skipped() -> None:
    guarded = guard(badly_fed)
    assert [one.remedy for one in guarded.recoveries] == ["skip-batches"]
    assert max(guarded.loss[FIRST:]) < guarded.abandoned[1][-1] / 5


def test_rollback_and_skip_never_reads_the_skipped_batches_again() -> None:
    read: list[int] = []

    def reading(step: int) -> tuple[Tensor, Tensor]:
        read.append(step)
        return wrong(step)

    guarded = guard(dataclasses.replace(badly_fed, batch=reading), SKIP)
    (only,) = guarded.recoveries
    assert (only.remedy, only.tried, only.updates) == (SKIP, (), 0)
    assert only.back is not None
    again = [step for step in read if step >= only.last]
    assert again[0] == only.last  # the first batch after going back
    assert only.last >= FIRST + 8
    assert read[-1] == STEPS - 1 + only.last - only.back


def test_asked_it_stops_before_the_spike_and_another_policy_goes_on_from_there(mended: Guarded) -> None:
    asked = guard(too_fast, "ask")
    assert asked.status == "interrupted"
    assert asked.step < FIRST
    assert "nothing was changed" in asked.message
    assert len(asked.loss) == asked.step
    assert bits(guard(too_fast, begin=asked)) == bits(mended)
    assert guard(too_fast, "off", begin=asked).signals == guard(too_fast, "off").signals
    assert guard(too_fast, "ask", begin=asked).recoveries[:1] == asked.recoveries
    assert asked.step < FIRST, "what is gone on from stays as it is"


def test_it_asks_once() -> None:
    asked = guard(badly_fed, "ask")
    on = guard(badly_fed, "ask", begin=asked)
    assert on.recoveries == asked.recoveries
    assert on.signals == guard(badly_fed, "off").signals


def test_after_three_failures_it_stops_at_a_good_state_and_can_be_gone_on_with(mended: Guarded) -> None:
    stopped = guard(hopeless, SKIP)
    assert [one.action for one in stopped.recoveries] == ["remedy"] * 3 + ["stopped"]
    backs = [one.back for one in stopped.recoveries if one.back is not None]
    assert backs[0] > backs[1] > backs[2], "each goes farther back"
    assert [one.in_force for one in stopped.recoveries] == [False, False, True, False]
    assert stopped.status == "interrupted"
    assert stopped.step == backs[3] < FIRST
    on = guard(hopeless, begin=stopped)
    assert on.status == "finished"
    assert on.recoveries[-1].remedy == "hold-learning-rate"
    assert max(on.loss[FIRST:]) < 1.5 * max(mended.loss[FIRST:])


def test_a_training_that_ends_in_no_number_is_taken_back() -> None:
    def exploding(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        value = loss(model, batch)
        return value * float("nan") if float(value.detach()) > 2 else value

    guarded = guard(dataclasses.replace(too_fast, loss=exploding))
    assert guard(dataclasses.replace(too_fast, loss=exploding), "off").status == "diverged"
    assert guarded.status == "finished"
    assert guarded.recoveries[0].remedy == "hold-learning-rate"


def test_a_budget_that_allows_no_replay_is_said() -> None:
    guarded = guard(badly_fed, budget=10)
    assert guarded.recoveries[0].remedy == SKIP
    assert guarded.recoveries[0].updates == 0
    assert "budget of 10 updates allows no replay" in guarded.recoveries[0].sentence


def test_replays_that_are_not_the_training_decide_nothing() -> None:
    calls = itertools.count()

    def drifting(step: int) -> tuple[Tensor, Tensor]:
        points, targets = wrong(step)
        return points + 1e-3 * next(calls), targets

    guarded = guard(dataclasses.replace(badly_fed, batch=drifting))
    assert guarded.recoveries[0].remedy == SKIP
    assert guarded.recoveries[0].nulls["identical"] is False
    assert "replays prove nothing" in guarded.recoveries[0].sentence


@pytest.mark.parametrize(("mistake", "said"), [({"policy": "gaurd"}, "gaurd"), ({"budget": 0}, "budget 0")])
def test_a_mistake_is_told(mistake: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        guard(healthy, **mistake)


def test_every_remedy_says_what_it_changes_and_is_the_same_again_behind_its_step(loop: newllm.Loop) -> None:
    """Attached at its step and run on, or attached before a state from behind it is put back: the same bits."""
    for name in (*PASSING, *LASTING):
        remedy = RemedyCandidate(name, 0.5 if name == "clip-usual" else None)
        source = dataclasses.replace(loop, rate=lambda step: 0.01 if step < 12 else 0.02)
        if remedy.change.misfit(source):
            continue
        source.recoveries = (_recovery(1, detected=16, back=8, remedy=remedy),)
        first = source.start(source.setup(8, 0, 8, 8), _state(source, 8))
        early = [first.update(step).loss for step in range(8, 20)]
        second = source.start(source.setup(14, 0, 14, 14), _state(source, 14, begin=8))
        assert [second.update(step).loss for step in range(14, 20)] == early[6:], name


def _state(loop: newllm.Loop, step: int, begin: int = 0) -> State:
    """Return the state at a step, by way of the step at which something begins."""
    if step == 8:
        plain = dataclasses.replace(loop)
        replica, start = plain.start(plain.setup(0, 0, 0, 0), None), 0
    else:
        replica, start = loop.start(loop.setup(begin, 0, begin, begin), _state(loop, begin)), begin
    for done in range(start, step):
        replica.update(done)
    return replica.state()


def _recovery(
    number: int, detected: int, back: int | None, remedy: RemedyCandidate | None = None, **more: Any
) -> Recovery:
    made = Recovery(
        number=number,
        policy="guard",
        action="remedy",
        sentence="",
        detected=detected,
        onset=detected - 2,
        base=1.0,
        last=detected + 2,
        back=back,
        remedy="skip-batches" if remedy is None else remedy.name,
        setting=None if remedy is None else remedy.setting,
        in_force=True,
    )
    return dataclasses.replace(made, **more)


def test_failures_are_those_that_did_not_hold() -> None:
    history = [_recovery(1, 100, 80), _recovery(2, 300, 280), _recovery(3, 320, 280)]
    assert [one.number for one in failures(history, 330)] == [3, 2]
    assert [one.number for one in failures(history, 900)] == []
    stopped = _recovery(4, 330, 280, action="stopped")
    assert failures([*history, stopped], 340) == []


@pytest.mark.parametrize(
    ("known", "onset", "failed", "back"),
    [
        ([0, 20, 40, 44, 48], 50, 0, 40),
        ([0, 20, 40, 44, 48], 50, 1, 20),
        ([0, 20, 40, 44, 48], 50, 3, 0),
        ([0, 900, 980], 1000, 0, 900),
        ([0, 980, 999], 1000, 0, 980),  # what is wanted lies too far back
        ([0, 980, 999], 1000, 1, 0),
        ([0], 5, 0, 0),
    ],
)
def test_it_goes_back_far_enough_and_farther_each_time(known: list[int], onset: int, failed: int, back: int) -> None:
    assert rollback_step(known, onset, failed) == back


def test_recoveries_are_read_as_they_were_written(tmp_path, mended: Guarded) -> None:
    path = tmp_path / "recoveries.json"
    assert load_recoveries(path) == ()
    asked = guard(too_fast, "ask").recoveries
    save_recoveries(path, [*asked, *mended.recoveries])
    assert [one.as_dict() for one in load_recoveries(path)] == [one.as_dict() for one in (*asked, *mended.recoveries)]
    path.write_text(path.read_text().replace('"remedy"', '"x"'))
    with pytest.raises(UserError, match=r"recoveries\.json' is damaged"):
        load_recoveries(path)


def test_a_recovery_that_goes_back_behind_another_puts_it_out_of_force() -> None:
    before = (_recovery(1, 100, 80), _recovery(2, 200, 150))
    assert [one.in_force for one in followed_by(before, _recovery(3, 210, 160))] == [True, True, True]
    assert [one.in_force for one in followed_by(before, _recovery(3, 210, 150))] == [True, False, True]
    assert [one.in_force for one in followed_by(before, _recovery(3, 210, 0))] == [False, False, True]
    assert [one.in_force for one in followed_by(before, _recovery(3, 210, None))] == [True, True, True]


def test_a_ring_is_dense_of_late_and_bounded() -> None:
    def filled(largest: int, size: int) -> Recent:
        recent = Recent(largest)
        for step in range(2000):
            recent.offer(step, lambda: State({"a": torch.zeros(size, dtype=torch.uint8)}, {}, {}))
        return recent

    steps = filled(1 << 20, 1).steps
    assert steps[0] == 0
    assert len(steps) < 40
    assert 2000 - steps[-1] <= 25
    gaps = [later - earlier for earlier, later in itertools.pairwise(steps[1:])]
    assert all(gap <= max(25, (2000 - start) / 2) for gap, start in zip(gaps, steps[1:], strict=False))
    assert len(filled(100, 30).steps) == 1 + 3
    recent = filled(1 << 20, 1)
    recent.forget_after(1900)
    assert max(recent.steps) <= 1900


def test_an_onset_is_what_the_watch_says(mended: Guarded) -> None:
    (only,) = mended.recoveries
    assert isinstance(only.base, float)
    assert Onset(only.detected, only.onset, only.onset - 1, only.base, 1.0).onset >= FIRST
