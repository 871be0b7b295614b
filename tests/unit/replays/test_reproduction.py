"""The reproduction: the run again to the bit; and where it is not, what differs is told."""

import dataclasses
import hashlib
import itertools
import json
import math
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.messages import Message, quoted
from newllm.replays.session import reproduction
from newllm.replays.session.reproduction import Reproduction, reproduce
from newllm.replays.subjects.loop import Loop, LoopReplica
from newllm.replays.subjects.original import Original, choose_spike, read_original, record_original
from newllm.replays.subjects.own_run import OwnRun
from newllm.replays.watcher import Watcher
from newllm.trace import Finding


def checked(run: Path, start: int, watch: Watcher | None = None) -> Reproduction:
    subject = OwnRun(run)
    original = read_original(subject)
    return reproduce(subject, original, choose_spike(original, None), start, watch)


def hashes(run: Path) -> dict[str, str]:
    files = sorted(path for path in run.rglob("*") if path.is_file())
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# --- a run of ours


@pytest.mark.parametrize("start", [0, 25, 40])
def test_the_null_replay_is_the_run_to_the_bit_and_leaves_it_alone(founding_run: Path, start: int) -> None:
    before = hashes(founding_run)
    check = checked(founding_run, start)
    assert check.identical is True
    assert (check.tolerance, check.first_difference) == (None, None)
    assert check.weights, "no later snapshot was compared"
    begin = {0: 0, 25: 24, 40: 40}[start]
    assert check.compared >= 52 - begin
    assert hashes(founding_run) == before
    assert json.loads(json.dumps(check.as_dict()))["identical"] is True


def test_it_gives_the_state_that_the_replays_begin_from(founding_run: Path) -> None:
    assert checked(founding_run, 0).state is None
    original = read_original(OwnRun(founding_run))
    _, kept = original.state(40)
    without = dataclasses.replace(original, known_steps=(0, 20, 50))
    subject = OwnRun(founding_run)
    state = reproduce(subject, without, choose_spike(original, None), 40).state
    assert state is not None
    assert kept is not None
    assert state.model.keys() == kept.model.keys()
    assert all(torch.equal(value, kept.model[name]) for name, value in state.model.items())
    assert all(torch.equal(value, kept.optimizer[name]) for name, value in state.optimizer.items())


@pytest.mark.parametrize(
    "settings",
    [
        ("data.carry=true",),
        ("training.accumulate=2", "model.dropout=0.2"),
        ("model.body=attention",),
        ("model.norm=write", "optimizer.name=sgd", "optimizer.learning_rate=0.1"),
    ],
)
def test_runs_of_every_variant_are_replayed_to_the_bit(
    settings: tuple[str, ...],
    training: None,  # noqa: ARG001
    text: Path,
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
) -> None:
    more = ("training.steps=10", "training.snapshot_every=5", "training.evaluate_every=5", "training.keep=9")
    run = newllm.train(str(text), out=tmp_path / "run", settings=(*tiny_settings, *more, *settings))
    subject = OwnRun(run.path)
    original, spike = as_if_spiked(run.path, onset=8, peak=9)
    for start in (0, 5, 7):
        check = reproduce(subject, original, spike, start)
        assert check.identical is True
        assert check.compared == 10 - (start and 5)
        assert check.weights


def as_if_spiked(run: Path, onset: int, peak: int) -> tuple[Original, reproduction.LocatedSpike]:
    """A healthy run, as if it had a spike there: what the reproduction compares does not depend on it."""
    trace = newllm.doctor(run, against=()).trace
    loss, norm = trace.series("loss"), trace.series("gradient_norm")
    finding = Finding(kind="spike", severity="warning", sentence=quoted(""))
    spike = reproduction.LocatedSpike(onset, peak, None, 1.0, 1.0, "loss", finding)
    subject = OwnRun(run)
    kept = tuple(int(path.name[5:]) for path in sorted((run / "snapshots").iterdir()))
    original = Original(
        loss.step.tolist(),
        loss.value.tolist(),
        norm.value.tolist(),
        (spike,),
        [],
        0,
        kept,
        lambda step: _at(subject, step),
    )
    return original, spike


def _at(subject: OwnRun, step: int):
    _, state = subject.snapshot(step)
    assert state is not None
    return state


def test_the_runs_own_number_of_threads_is_used_and_put_back(
    founding_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = OwnRun(founding_run)
    original = read_original(subject)
    used = []
    make = subject.make
    monkeypatch.setattr(subject, "make", lambda setup: (used.append(torch.get_num_threads()), make(setup))[1])
    torch.set_num_threads(2)
    reproduce(subject, original, choose_spike(original, None), 40)
    assert used == [1]
    assert torch.get_num_threads() == 2


def test_the_callers_chance_is_left_alone(founding_run: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    checked(founding_run, 40)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(("signal", "step"), [("loss", 47), ("gradient_norm", 42)])
def test_one_bit_of_the_trace_is_found(founding_run: Path, tmp_path: Path, signal: str, step: int) -> None:
    run = Path(shutil.copytree(founding_run, tmp_path / "run"))
    lines = (run / "trace.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:
        del row["crc32"]  # whoever changes a number must not leave the checksum of another
    (at,) = [at for at, row in enumerate(rows) if row["step"] == step and signal in row]
    true = rows[at][signal]
    rows[at][signal] = np.nextafter(true, math.inf)
    (run / "trace.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told: list[Message] = []
    watcher = Watcher()
    watcher.noticed = told.append  # type: ignore[method-assign]
    check = checked(run, 40, watcher)
    assert check.identical is False
    found = check.first_difference
    assert found is not None
    assert (found["step"], found["signal"]) == (step, signal)
    assert (found["recorded"], found["replayed"]) == (rows[at][signal], true)
    assert (found["replays_differ"], found["parameter"], found["random_state"]) == (None, None, None)
    assert "two replays agree with each other" in found["sentence"]
    assert [str(one) for one in told] == [f"the replay parts from the run at step {step}: finding out what differs"]
    assert str(Message.from_dict(found["message"])) == found["sentence"]


def test_nothing_to_compare_with_is_no_agreement(founding_run: Path) -> None:
    subject = OwnRun(founding_run)
    original = read_original(subject)
    spike = choose_spike(original, None)
    empty = Original([], [], [], original.spikes, [], 0, (), original.load)
    assert reproduce(subject, empty, spike, 0).identical is None


def test_it_is_replayed_no_farther_than_twice_the_window(founding_run: Path) -> None:
    original = read_original(OwnRun(founding_run))
    spike = choose_spike(original, None)
    never = dataclasses.replace(spike, end=None)
    end = spike.peak + (spike.peak - 45)
    assert reproduction._end(dataclasses.replace(original, known_steps=()), never, 45) == end
    assert reproduction._end(original, spike, 40) == 60, "the next snapshot"
    assert reproduction._end(dataclasses.replace(original, known_steps=(50,)), spike, 45) == spike.end


# --- a training with chance of its own

INJECTED = 6
"""The update from which the injected chance is at work."""


class Injected(nn.Module):
    """A training whose `where` has chance of its own from update 6 on; each model counts its own updates."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 16), nn.Linear(16, 3)
        self.where, self.updates = where, 0
        if where == "gradient":
            self.second.weight.register_hook(self._noisy)

    def _noisy(self, gradient: Tensor) -> Tensor:
        return gradient + 1e-3 * drawn_by_the_clock(gradient.shape) if self.updates >= INJECTED else gradient

    def forward(self, points: Tensor) -> Tensor:
        if self.training:
            self.updates += 1
        hidden = torch.tanh(self.first(points))
        if self.training and self.updates >= INJECTED:
            hidden = hidden * (1.0 + self._stray())  # by much: two draws must not round to one loss
        return self.second(hidden)

    def _stray(self) -> float | Tensor:
        if self.where == "torch":
            torch.manual_seed(time.perf_counter_ns())
            return torch.rand(16)
        if self.where == "numpy":
            return float(np.random.rand())
        if self.where == "python":
            return random.random()
        return drawn_by_the_clock((16,)) if self.where == "own generator" else 0.0


def drawn_by_the_clock(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(time.perf_counter_ns()))


def injected(where: str, batch: Callable, loss: Callable) -> Loop:
    def build(seed: int):  # noqa: ARG001
        model = Injected(where)
        return model, torch.optim.SGD(model.parameters(), lr=0.1)

    return Loop(build, batch, loss, steps=30, clip=0.1)  # clipping spreads a difference over all parameters


def recorded(loop: Loop) -> Original:
    """Run a training and keep it as if it had a spike at step 20."""
    finding = Finding(kind="spike", severity="warning", sentence=quoted(""))
    replica = loop.start(loop.setup(0, 0, 20, 20), None)
    updates = [replica.update(step) for step in range(loop.steps)]
    losses, norms = [one.loss for one in updates], [one.gradient_norm for one in updates]
    spike = reproduction.LocatedSpike(20, 20, 22, 1.0, 1.0, "loss", finding)
    steps = list(range(1, loop.steps + 1))
    return Original(steps, losses, norms, (spike,), [], 0, (), lambda _: pytest.fail("no state"), replica.seen)


def null_of(loop: Loop) -> Reproduction:
    original = recorded(loop)
    return reproduce(loop, original, original.spikes[0], 10)


def test_a_training_without_chance_of_its_own_is_identical(loop: Loop) -> None:
    check = null_of(injected("nowhere", loop.batch, loop.loss))
    assert check.identical is True
    assert check.state is not None
    assert not check.weights


def test_noise_in_one_gradient_is_told_with_its_step_and_its_parameter(loop: Loop) -> None:
    check = null_of(injected("gradient", loop.batch, loop.loss))
    assert check.identical is False
    found = check.first_difference
    assert found is not None
    assert (found["step"], found["signal"]) == (INJECTED, "gradient_norm")
    assert (found["replays_differ"], found["parameter"], found["random_state"]) == (INJECTED, "second.weight", None)
    assert f"two replays of the same state differ from step {INJECTED} on, most in 'second.weight'" in found["sentence"]


@pytest.mark.parametrize("where", ["torch", "numpy", "python"])
def test_a_stray_draw_is_told_with_the_random_state(where: str, loop: Loop) -> None:
    check = null_of(injected(where, loop.batch, loop.loss))
    found = check.first_difference
    assert found is not None
    assert (found["step"], found["signal"], found["replays_differ"]) == (INJECTED, "loss", INJECTED)
    assert found["random_state"] == where
    assert found["parameter"] in {"second.weight", "second.bias", "first.weight", "first.bias"}


def test_a_generator_of_its_own_moves_no_random_state(loop: Loop) -> None:
    found = null_of(injected("own generator", loop.batch, loop.loss)).first_difference
    assert found is not None
    assert (found["step"], found["random_state"]) == (INJECTED, None)


def test_a_batch_that_is_not_the_same_when_it_is_asked_again(loop: Loop) -> None:
    calls = itertools.count()

    def batch(step: int):
        points, targets = loop.batch(step)
        return (points + 0.001 * next(calls) if step >= INJECTED else points), targets

    found = null_of(injected("nowhere", batch, loop.loss)).first_difference
    assert found is not None
    assert (found["step"], found["signal"]) == (INJECTED + 1, "batch")
    assert found["replays_differ"] == INJECTED + 1
    assert "a different batch is read" in found["sentence"]
    assert "in their batches" in found["sentence"]


def test_a_training_that_is_another_than_the_one_recorded(bad_loop: Loop) -> None:
    original = record_original(bad_loop)
    spike = choose_spike(original, None)
    bad_loop.clip = 0.999
    found = reproduce(bad_loop, original, spike, 35).first_difference
    assert found is not None
    assert found["replays_differ"] is None
    assert found["signal"] in {"loss", "weights"}
    assert found["step"] >= 36


def test_a_state_that_is_not_the_recorded_one_is_told_with_its_parameter(bad_loop: Loop) -> None:
    original = record_original(bad_loop)
    spike = choose_spike(original, None)
    assert reproduce(bad_loop, original, spike, 35).weights
    load = original.load

    def flipped(step: int):
        state = load(step)
        if step == 38:
            state.optimizer["3.bias/exp_avg"].view(torch.int32)[0] ^= 1
        return state

    original.load = flipped
    found = reproduce(bad_loop, original, spike, 35).first_difference
    assert found is not None
    assert (found["step"], found["signal"], found["parameter"]) == (38, "weights", "3.bias/exp_avg")
    assert "first in '3.bias/exp_avg'" in found["sentence"]


def test_a_training_whose_numbers_end_is_replayed_to_its_end(bad_loop: Loop) -> None:
    def batch(step: int):
        points, targets = bad_loop.batch(step)
        return (points * math.nan if step == 50 else points), targets

    loop = Loop(bad_loop.build, batch, bad_loop.loss, steps=60)
    original = record_original(loop)
    check = reproduce(loop, original, original.spikes[-1], 45)
    assert (check.identical, check.compared) == (True, 51 - 45)


# --- where it cannot be to the bit


def noisy(loop: Loop, size: float, seed: int = 0) -> Loop:
    """A training on hardware that adds in an order of its own, as it were: every gradient is off by a little.

    The noise goes on from replay to replay, so that each has its own, and a test has the same every time.
    """
    noise = torch.Generator().manual_seed(seed)

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return loop.loss(model, batch) * (1 + size * torch.randn(1, generator=noise)).squeeze()

    return Loop(loop.build, loop.batch, loss, steps=30)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings say that they are on a device that is no CPU."""
    monkeypatch.setattr(LoopReplica, "device", torch.device("meta"))


@pytest.mark.usefixtures("elsewhere")
def test_on_other_hardware_the_record_may_lie_as_far_away_as_replays_do(loop: Loop) -> None:
    check = null_of(noisy(loop, 1e-5))
    assert check.identical is True
    assert check.tolerance is not None
    assert 1e-6 < check.tolerance < 1e-2
    assert check.state is not None


@pytest.mark.usefixtures("elsewhere")
def test_on_other_hardware_what_is_the_same_to_the_bit_is_told_so(loop: Loop) -> None:
    check = null_of(Loop(loop.build, loop.batch, loop.loss, steps=30))
    assert (check.identical, check.tolerance) == (True, None)


@pytest.mark.usefixtures("elsewhere")
def test_on_other_hardware_what_lies_farther_away_is_another_training(loop: Loop) -> None:
    noise = noisy(loop, 1e-6)
    original = recorded(noise)
    original.loss[14] *= 1.01
    check = reproduce(noise, original, original.spikes[0], 10)
    assert check.identical is False
    assert check.tolerance is not None
    assert check.tolerance < 0.01
    assert check.first_difference is not None
    assert check.first_difference["step"] == 15
    assert check.first_difference["replays_differ"] == 1


def test_the_tolerance_is_what_replays_lie_apart_up_to_a_step() -> None:
    def made(*losses: float) -> reproduction._Made:
        values = {step: {"loss": value, "gradient_norm": 1.0} for step, value in enumerate(losses, start=1)}
        return reproduction._Made(values)

    first, last = pytest.approx(4 * 0.02 / 2.02), pytest.approx(4 * 0.2 / 2.2)
    same, late = [2.0] * 7, [*[2.0] * 6, 2.2]
    early = [2.0, 2.02, *[2.0] * 4, 2.2]
    assert reproduction._spread([made(*same), made(*late), made(*same)]) == {
        **dict.fromkeys(range(1, 7), 4e-6),
        7: last,
    }
    # The first five steps share a limit; a loss that is no number widens none.
    assert reproduction._spread([made(*same), made(*early), made(*[2.0] * 6, math.nan)]) == {
        **dict.fromkeys(range(1, 7), first),
        7: last,
    }
    assert reproduction._spread([made(2.0), made(2.02), made(2.0)]) == {1: first}


@pytest.mark.parametrize(
    ("recorded", "replayed", "apart"),
    [
        (1.0, 1.0, 0.0),
        (math.nan, math.nan, 0.0),
        (math.inf, math.inf, 0.0),
        (1.0, math.nan, math.inf),
        (math.inf, 1.0, math.inf),
        (2.0, 1.0, 0.5),
        (0.0, 0.0, 0.0),
        (0.0, 1e-30, 1.0),
    ],
)
def test_how_far_two_numbers_lie_apart(recorded: float, replayed: float, apart: float) -> None:
    assert reproduction._apart(recorded, replayed) == apart
