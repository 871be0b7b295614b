"""One replay, followed: the same bits twice, the stop at equal progress, and what it keeps."""

import json
import math
from pathlib import Path

import pytest
import torch

from newllm.files import plain_data
from newllm.replays.replica.subject import Subject
from newllm.replays.replica.trajectory import Trajectory, Until, follow
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.own_run import OwnRun
from newllm.statistics import trailing_median
from newllm.trace import read_trace


def followed(subject: Subject, start: int, until: Until, replay: int = 0, state=None) -> Trajectory:
    return follow(subject.start(subject.setup(start, replay, 6, 7), state), start, until)


def steps(count: int, every: int = 2) -> Until:
    return Until(None, count, count, every)


def same(one: Trajectory, other: Trajectory) -> bool:
    first, second = one.as_dict(), other.as_dict()
    return {**first, "seconds": 0} == {**second, "seconds": 0}


@pytest.mark.parametrize("replay", [0, 1])
@pytest.mark.parametrize("start", [0, 4])
def test_the_same_seeds_twice_give_the_same_bits(start: int, replay: int, tiny_run: Path) -> None:
    run = OwnRun(tiny_run)
    _, state = run.snapshot(start)
    first = followed(run, start, steps(8 - start), replay, state)
    assert same(first, followed(run, start, steps(8 - start), replay, state))
    assert not same(first, followed(run, start, steps(8 - start), 5, state))


@pytest.mark.parametrize("start", [0, 4])
def test_what_is_measured_on_the_way_changes_no_bit(start: int, tiny_run: Path) -> None:
    """Probes, evaluations and the updates' signals, at every step."""
    run = OwnRun(tiny_run)
    made = followed(run, start, steps(8 - start, every=1), state=run.snapshot(start)[1])
    trace = read_trace(tiny_run / "trace.jsonl")
    assert made.steps == list(range(start + 1, 9))
    assert made.loss == trace.series("loss").value.tolist()[start:]
    assert made.gradient_norm == trace.series("gradient_norm").value.tolist()[start:]
    assert len(made.batches) == 8 - start


def test_the_callers_chance_is_left_alone(loop: Loop) -> None:
    torch.manual_seed(4)
    expected = torch.rand(2)
    torch.manual_seed(4)
    followed(loop, 0, steps(5))
    assert torch.equal(torch.rand(2), expected)


def test_every_series_has_a_value_at_every_probe(tiny_run: Path) -> None:
    run = OwnRun(tiny_run)
    made = followed(run, 4, steps(4), state=run.snapshot(4)[1])
    assert made.probe_steps == [4, 6, 8]
    assert len(made.probe) == 3
    assert {"validation", "validation/seen"} <= made.validation.keys()
    for name, values in {**made.validation, **made.signals}.items():
        assert len(values) == 3, name
    assert all(value is not None for value in made.validation["validation"])
    first, *rest = made.signals["context_norm"]
    assert first is None, "nothing is known of it before the first update"
    assert all(value is not None and value > 0 for value in rest)


def test_the_first_updates_are_measured_every_one_and_no_other(tiny_run: Path) -> None:
    run = OwnRun(tiny_run)
    made = followed(run, 4, Until(None, 4, 4, 2, measured=3), state=run.snapshot(4)[1])
    assert made.updates.keys() == {"update_ratio", "gradient_norm_clipped", "second_moment_mismatch"}
    for name, values in made.updates.items():
        assert len(values) == 3
        assert all(value is not None and value > 0 for value in values), name
    assert not followed(run, 4, steps(4), state=run.snapshot(4)[1]).updates


def test_signals_of_updates_are_what_they_say(loop: Loop) -> None:
    loop.clip = 0.05
    made = followed(loop, 0, Until(None, 4, 4, 1, measured=4))
    clipped = made.updates["gradient_norm_clipped"]
    assert clipped == pytest.approx([0.05] * 4, rel=1e-3)
    assert min(made.gradient_norm) > 0.05
    replica = loop.start(loop.setup(0, 0, 6, 7), None)
    before = torch.cat([p.detach().flatten() for p in replica.model.parameters()])
    replica.update(0)
    after = torch.cat([p.detach().flatten() for p in replica.model.parameters()])
    ratio = float((after - before).norm() / before.norm())
    assert made.updates["update_ratio"][0] == pytest.approx(ratio, rel=1e-4)
    # Before the second update sqrt(v), corrected, is the first gradient, and clipping made both of one length.
    assert made.updates["second_moment_mismatch"][0] is None
    assert made.updates["second_moment_mismatch"][1] == pytest.approx(1.0, rel=1e-3)


# --- where it stops


def test_it_runs_on_to_the_progress_and_then_as_many_steps_again(loop: Loop) -> None:
    made = followed(loop, 0, Until(progress=0.5, least=1, most=200, every=1))
    assert made.reached is not None
    progress = trailing_median(made.probe)
    first = next(step for step, value in zip(made.probe_steps, progress, strict=True) if value <= 0.5)
    assert made.reached == first
    assert made.steps[-1] == 2 * first


def test_progress_is_counted_from_where_it_begins(loop: Loop) -> None:
    replica = loop.start(loop.setup(0, 0, 6, 7), None)
    for step in range(10):
        replica.update(step)
    made = followed(loop, 10, Until(progress=0.5, least=1, most=200, every=1), state=replica.state())
    assert made.reached is not None
    assert made.steps[-1] - 10 == 2 * (made.reached - 10)


def test_it_does_the_least_and_the_most(loop: Loop) -> None:
    early = followed(loop, 0, Until(progress=99.0, least=12, most=200, every=1))
    assert (early.reached, early.steps[-1]) == (1, 12)
    never = followed(loop, 0, Until(progress=-1.0, least=5, most=20, every=1))
    assert (never.reached, never.steps[-1]) == (None, 20)
    late = followed(loop, 0, Until(progress=0.5, least=1, most=30, every=1))
    assert late.steps[-1] == 30


def test_numbers_that_end(loop: Loop) -> None:
    good = loop.batch

    def batch(step: int):
        points, targets = good(step)
        return (points * math.inf if step == 7 else points), targets

    loop.batch = batch
    made = followed(loop, 0, steps(20))
    assert made.diverged == 8
    assert made.steps[-1] == 8
    assert not math.isfinite(made.loss[-1])
    assert made.probe_steps[-1] == 6


# --- plain data


def test_it_is_plain_data_and_comes_back(loop: Loop) -> None:
    made = followed(loop, 0, steps(6))
    assert same(Trajectory.from_dict(json.loads(json.dumps(made.as_dict()))), made)


def test_what_was_not_finite_is_infinite_when_it_comes_back() -> None:
    made = Trajectory(0, [1, 2], [1.0, math.nan], [0.5, math.inf], probe_steps=[0], probe=[1.0], diverged=2)
    again = Trajectory.from_dict(json.loads(json.dumps(plain_data(made.as_dict()))))
    assert again.loss == [1.0, math.inf]
    assert again.gradient_norm == [0.5, math.inf]
    assert again.diverged == 2


def test_a_series_by_its_name() -> None:
    made = Trajectory(0, [1, 2], [3.0, 2.0], [0.5, 0.5], probe_steps=[0, 2], probe=[3.5, 2.5])
    made.validation = {"validation": [4.0, None]}
    assert made.series("loss") == ([1, 2], [3.0, 2.0])
    assert made.series("probe") == ([0, 2], [3.5, 2.5])
    assert made.series("validation") == ([0, 2], [4.0, math.inf])
    assert made.series("validation/none") == ([], [])


def test_progress_is_smoothed_over_five_probes() -> None:
    assert trailing_median([5.0, 4.0, 9.0, 3.0, 2.0, 1.0]).tolist() == [5.0, 4.5, 5.0, 4.5, 4.0, 3.0]


SOUND = {
    "start": 0, "steps": [1, 2], "loss": [3.0, 2], "gradient_norm": [0.5, None], "batches": [7, 8],
    "probe_steps": [0, 2], "probe": [3.5, 2.5], "validation": {"validation": [4.0, None]}, "signals": {"ratio": [None]},
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"steps": [1]},
        {"loss": [3.0]},
        {"gradient_norm": [0.5]},
        {"steps": [], "loss": [], "gradient_norm": []},
        {"probe_steps": [0]},
        {"probe_steps": [], "probe": [], "validation": {}, "signals": {}},
        {"validation": {"validation": [4.0, 3.0, 2.0]}},
        {"signals": {"ratio": [1.0, 2.0, 3.0]}},
        {"signals": {"ratio": "12"}},
        {"signals": []},
        {"start": 0.0},
        {"steps": [1, 2.0]},
        {"probe_steps": [0, True]},
        {"batches": ["7"]},
        {"loss": [3.0, "2"]},
        {"probe": [3.5, True]},
        {"validation": {"validation": ["4"]}},
        {"unknown": 1},
    ],
)
def test_what_is_no_trajectory(change: dict) -> None:
    assert Trajectory.from_dict(SOUND).gradient_norm == [0.5, math.inf]
    with pytest.raises(ValueError, match="no trajectory of a replay"):
        Trajectory.from_dict({**SOUND, **change})


def test_where_the_numbers_ended_the_training_loss_ends() -> None:
    made = Trajectory(0, [1, 2], [3.0, 2.0], [0.5, math.nan], diverged=2)
    assert made.series("loss") == ([1, 2], [3.0, math.inf])
