"""What was: the spikes of a run, where they are in its training loss, and what is known of it."""

import dataclasses
import itertools
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import newllm
from newllm.checksum import read_checked, write_checked
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.spike import find_spikes
from newllm.errors import UserError
from newllm.replays.replica.replica import State
from newllm.replays.replica.states import States, size_of
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.original import Original, _Recorded, choose_spike, read_original, record_original
from newllm.replays.subjects.own_run import OwnRun
from newllm.replays.subjects.spikes import LocatedSpike, most_serious, spikes_of
from newllm.trace import Series, Trace, read_trace

# --- the spikes of a trace


def descent(count: int = 200, noise: float = 0.02) -> np.ndarray:
    chance = np.random.default_rng(0)
    return 2 + 4 * np.exp(-np.arange(count) / 40) + noise * chance.standard_normal(count)


def bump(loss: np.ndarray, at: int, height: float, length: int = 6) -> np.ndarray:
    """Raise a loss at step `at`, at once, and let it fall back over `length` steps."""
    loss = loss.copy()
    loss[at - 1 : at - 1 + length] += height * np.linspace(1, 0.3, length)
    return loss


def spikes(**signals: np.ndarray | tuple[np.ndarray, np.ndarray]) -> tuple[LocatedSpike, ...]:
    series = {
        name: Series(*given) if isinstance(given, tuple) else Series(np.arange(1, len(given) + 1), given)
        for name, given in signals.items()
    }
    trace = Trace(series)
    return spikes_of(diagnose(trace, Facts()), trace)


def test_a_loss_that_was_never_finite_is_the_most_serious() -> None:
    found = spikes(loss=np.full(60, np.nan))
    assert most_serious(found) == 0


def test_spikes_come_in_time_order_each_with_its_place_in_the_training_loss() -> None:
    loss = bump(bump(descent(), 150, 5.0), 90, 3.0)
    first, second = spikes(loss=loss)
    assert (first.onset, second.onset) == (90, 150)
    assert first.signal == second.signal == "loss"
    assert first.peak == 90
    assert first.end is not None
    assert 95 <= first.end <= 97
    assert first.height == pytest.approx(3.0, abs=0.3)
    assert loss[first.peak - 1] == pytest.approx(first.base + first.height)


def test_the_onset_is_the_first_step_that_the_projects_definition_counts_however_the_doctor_smooths() -> None:
    loss = descent(noise=0.0)
    loss[119:126] += [0.4, 1.0, 2.0, 3.0, 2.0, 1.0, 0.4]
    (one,) = spikes(loss=loss)
    (defined,) = find_spikes(np.arange(1, 201), loss)
    assert (one.onset, one.peak) == (defined.onset, defined.peak) == (120, 123)


def test_the_first_large_one_is_taken() -> None:
    def chosen(*heights: float) -> int:
        loss = descent(400)
        for at, height in enumerate(heights):
            loss = bump(loss, 120 + 80 * at, height)
        found = spikes(loss=loss)
        assert len(found) == len(heights)
        return most_serious(found)

    assert chosen(4.0, 5.0) == 0  # the second may be the first one's aftermath
    assert chosen(1.0, 8.0) == 1
    assert chosen(1.0, 8.0, 6.0) == 1


def test_what_the_schedule_expects_is_taken_only_without_another() -> None:
    (one,) = spikes(loss=bump(descent(), 100, 3.0))
    noted = dataclasses.replace(one.finding, severity="note")
    expected = dataclasses.replace(one, onset=50, height=9.0, finding=noted)
    assert most_serious((expected, one)) == 1
    assert most_serious((expected,)) == 0


def test_a_spike_of_the_validation_loss_alone_may_begin_right_after_the_last_evaluation_that_was_well() -> None:
    validation = descent(40)
    validation[24:27] += [3.0, 4.0, 2.0]
    (one,) = spikes(loss=descent(400), validation_loss=(np.arange(0, 400, 10), validation))
    assert (one.signal, one.onset, one.peak, one.end) == ("validation", 231, 250, 270)
    assert one.height == pytest.approx(4.0, abs=0.3)


def test_one_jump_of_both_losses_is_one_spike_of_the_training_loss() -> None:
    loss = bump(descent(400), 233, 4.0, 30)
    validation = descent(40)
    validation[24:] += 5.0  # this one never comes back
    found = spikes(loss=loss, validation_loss=(np.arange(0, 400, 10), validation))
    assert [(one.signal, one.onset) for one in found] == [("loss", 233)]


def test_a_later_jump_of_the_validation_loss_is_another() -> None:
    validation = descent(80)
    validation[47:50] += [5.0, 6.0, 3.0]
    validation[66:69] += [5.0, 6.0, 3.0]
    loss = bump(descent(400), 233, 4.0, 20)
    found = spikes(loss=loss, validation_loss=(np.arange(0, 400, 5), validation))
    assert [(one.signal, one.onset) for one in found] == [("loss", 233), ("validation", 326)]


def test_numbers_that_end_are_the_peak_of_the_jump_before_them() -> None:
    loss = descent()
    loss[150:] = np.geomspace(3, 1e6, 50)
    loss[-1] = math.nan
    (one,) = spikes(loss=loss)
    assert one.finding.kind == "diverged"
    assert 150 <= one.onset <= 156
    assert (one.peak, one.end, one.height) == (200, None, math.inf)


def test_numbers_that_end_without_a_jump() -> None:
    loss = descent()
    loss[-1] = math.inf
    (one,) = spikes(loss=loss)
    assert (one.onset, one.peak, one.end) == (200, 200, None)
    assert one.base == loss[-2]


def test_a_gradient_that_is_not_finite_at_the_end_of_a_run() -> None:
    norm = np.full(200, 0.5)
    norm[-1] = math.nan
    (one,) = spikes(loss=descent(), gradient_norm=norm)
    assert (one.signal, one.onset, one.height) == ("gradient_norm", 200, math.inf)


def test_a_slow_divergence() -> None:
    loss = descent()
    loss[120:] += np.linspace(0, 3, 80)
    (one,) = spikes(loss=loss)
    assert one.finding.kind == "slow-divergence"
    assert 90 <= one.onset <= 130
    assert one.peak >= 195
    assert one.end is None


def test_an_exploding_gradient_is_taken_only_where_no_loss_shows_anything() -> None:
    norm = np.full(200, 0.5) * np.exp(0.05 * np.random.default_rng(1).standard_normal(200))
    norm[149:155] *= 100
    (one,) = spikes(loss=descent(), gradient_norm=norm)
    assert (one.signal, one.finding.kind, one.onset) == ("gradient_norm", "gradient-explosion", 150)
    (other,) = spikes(loss=bump(descent(), 90, 3.0), gradient_norm=norm)
    assert (other.signal, other.onset) == ("loss", 90)


def test_a_healthy_trace_has_no_spike() -> None:
    assert spikes(loss=descent()) == ()


# --- a run of ours


@pytest.fixture
def copied(founding_run: Path, tmp_path: Path) -> Path:
    """A founding run that may be damaged."""
    return Path(shutil.copytree(founding_run, tmp_path / "run"))


def test_a_run_is_read_with_its_losses_to_the_bit(founding_run: Path) -> None:
    original = read_original(OwnRun(founding_run))
    trace = read_trace(founding_run / "trace.jsonl")
    assert original.steps == list(range(1, 61))
    assert original.loss == trace.series("loss").value.tolist()
    assert original.gradient_norm == trace.series("gradient_norm").value.tolist()
    assert original.notices == ()
    assert original.findings == newllm.doctor(founding_run, against=()).findings


def test_the_founding_spike_is_told_where_the_training_loss_leaves_its_trend(founding_run: Path) -> None:
    original = read_original(OwnRun(founding_run))
    spike = choose_spike(original, None)
    assert spike is choose_spike(original, 1)
    loss = dict(zip(original.steps, original.loss, strict=True))
    defined = max(find_spikes(original.steps, original.loss), key=lambda one: one.height)
    assert (spike.signal, spike.onset, spike.peak) == ("loss", defined.onset, defined.peak)
    assert loss[spike.onset - 1] < loss[spike.onset] - 0.1
    assert loss[spike.peak] == pytest.approx(spike.base + spike.height)
    assert spike.end is not None
    assert loss[spike.end] < loss[spike.peak]
    assert "learning-rate" in spike.finding.candidate_causes


@pytest.mark.parametrize("number", [0, -1, 99])
def test_a_spike_that_does_not_exist(founding_run: Path, number: int) -> None:
    original = read_original(OwnRun(founding_run))
    with pytest.raises(UserError, match=f"^--spike {number}: there (is|are) {len(original.spikes)}"):
        choose_spike(original, number)


def test_the_newest_known_state_at_or_before_a_step(founding_run: Path) -> None:
    original = read_original(OwnRun(founding_run))
    assert original.state(0) == (0, None)
    assert original.state(1) == (0, None)
    step, state = original.state(49)
    assert (step, state is None) == (40, False)
    assert original.state(40)[0] == 40
    assert original.state(50)[0] == 50
    kept = safetensors.torch.load_file(founding_run / "snapshots/step-00000040/model.safetensors")
    assert state is not None
    assert all(torch.equal(kept[name], value) for name, value in state.model.items())
    assert all(value == 40 for name, value in state.optimizer.items() if name.endswith("/step"))


def test_nothing_to_replay(tiny_run: Path) -> None:
    with pytest.raises(UserError, match=r"^nothing to replay: the doctor finds no spike in '.*run'$"):
        read_original(OwnRun(tiny_run))


def test_a_run_without_a_trace(copied: Path) -> None:
    (copied / "trace.jsonl").unlink()
    with pytest.raises(UserError, match=r"run' has no trace\.jsonl"):
        read_original(OwnRun(copied))


def test_a_text_that_changed(copied: Path) -> None:
    data = read_checked(copied / "data.json")
    data["sources"][0]["sha256"] = "0" * 64
    write_checked(copied / "data.json", data)
    with pytest.raises(UserError, match="'bundled:sentences' is not the text that this run began with"):
        read_original(OwnRun(copied))


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_run_of_another_schema(copied: Path) -> None:
    replaced(copied / "config.toml", "schema = 1", "schema = 7")
    with pytest.raises(UserError, match="schema 7"):
        OwnRun(copied)


def test_a_run_of_another_version_is_read_and_that_is_said(copied: Path) -> None:
    replaced(copied / "config.toml", f'newllm = "{newllm.__version__}"', 'newllm = "0.0.9"')
    (notice,) = read_original(OwnRun(copied)).notices
    assert str(notice).startswith(f"this run began with newllm 0.0.9, here it is {newllm.__version__}")


def test_a_run_on_a_device_that_is_not_here(copied: Path) -> None:
    replaced(copied / "config.toml", 'device = "cpu"', 'device = "cuda:77"')
    with pytest.raises(UserError, match="run' was trained on 'cuda:77', which is not here"):
        read_original(OwnRun(copied))


def test_a_damaged_snapshot_is_told_by_name_when_it_is_asked_for(copied: Path) -> None:
    place = copied / "snapshots/step-00000040/optimizer.safetensors"
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)
    original = read_original(OwnRun(copied))
    with pytest.raises(UserError, match=r"step-00000040' is damaged \(optimizer"):
        original.state(45)
    assert original.state(39)[0] == 38


def test_a_snapshot_of_another_run_is_refused(copied: Path, training: None, tmp_path: Path) -> None:  # noqa: ARG001
    more = ("training.steps=10", "training.snapshot_every=10", "optimizer.beta2=0.99")
    other = newllm.train(config=copied / "config.toml", out=tmp_path / "other", settings=more)
    shutil.rmtree(copied / "snapshots/step-00000010")
    shutil.copytree(other.path / "snapshots/step-00000010", copied / "snapshots/step-00000010")
    with pytest.raises(UserError, match="step-00000010' belongs to another run"):
        read_original(OwnRun(copied)).state(10)


# --- anyone's training


def test_a_training_is_recorded_with_its_spike_its_states_and_its_batches(bad_loop: Loop) -> None:
    original = record_original(bad_loop)
    assert original.steps == list(range(1, 61))
    assert len(original.batches) == 60
    spike = choose_spike(original, None)
    assert (spike.onset, spike.peak, spike.signal) == (41, 41, "loss")
    assert spike.finding.candidate_causes[0] == "corrupted-batch"
    assert max(original.gradient_norm) > 1.5, "the norm is that before clipping"
    step, state = original.state(30)
    assert (step, state is None) == (30, False)


def test_recording_changes_no_bit_of_a_training(bad_loop: Loop) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    original = record_original(bad_loop)
    assert torch.equal(torch.rand(2), expected), "torch's chance was not left as it was"
    bare = bad_loop.start(bad_loop.setup(0, 0, 0, 0), None)
    updates = [bare.update(step) for step in range(bad_loop.steps)]
    assert [update.loss for update in updates] == original.loss
    assert [update.gradient_norm for update in updates] == original.gradient_norm
    assert bare.seen == original.batches


def test_a_training_without_a_spike(loop: Loop) -> None:
    with pytest.raises(UserError, match=r"^nothing to replay: the doctor finds no spike in this training"):
        record_original(loop)


def test_a_training_whose_numbers_end(bad_loop: Loop) -> None:
    def batch(step: int):
        points, targets = bad_loop.batch(step)
        return (points * math.nan if step == 50 else points), targets

    original = record_original(Loop(bad_loop.build, batch, bad_loop.loss, steps=60))
    assert original.steps[-1] == 51
    assert math.isnan(original.loss[-1])
    assert [(one.onset, one.height) for one in original.spikes][-1] == (51, math.inf)


def test_a_validation_loss_is_recorded_too(bad_loop: Loop) -> None:
    steps = itertools.count(0, 2)  # an evaluation every second step

    def validate(_: torch.nn.Module) -> dict[str, float]:
        return {"validation": 9.0 if 40 < next(steps) < 46 else 2.0, "validation/other": 1.0}

    bad_loop.validate = validate
    original = record_original(bad_loop)
    told = {finding.signal: finding for finding in original.findings if finding.kind == "spike"}
    assert told["validation_loss"].first_step == 42
    (one,) = original.spikes
    assert one.finding == told["loss"]


# --- states in memory


def state_of(values: int) -> State:
    return State({"w": torch.zeros(values)}, {"w/exp_avg": torch.zeros(values)}, {})


def test_states_are_bounded_in_bytes_and_evenly_spaced() -> None:
    assert size_of(state_of(10)) == 80
    states = States(steps=64, largest=10 * 80)
    for step in range(64):
        if states.due(step):
            states.keep(step, state_of(10))
    assert states.steps == (8, 16, 24, 32, 40, 48, 56)
    assert len(states.steps) * 80 <= 10 * 80


def test_a_state_larger_than_all_the_room_is_not_kept() -> None:
    states = States(steps=64, largest=100)
    states.keep(1, state_of(1000))
    assert states.steps == ()


def test_few_states_of_a_long_training() -> None:
    states = States(steps=100_000)
    assert sum(states.due(step) for step in range(100_000)) <= 64
    assert not states.due(0)


def test_an_original_without_states_begins_at_step_0() -> None:
    bare = Original([], [], [], (), [], None, (), lambda _: pytest.fail("nothing to load"))
    assert bare.state(100) == (0, None)


@pytest.mark.parametrize("clip", [0.0, 0.5])
def test_only_a_gradient_that_is_clipped_is_told_as_clipped_too(clip: float, loop: Loop, tmp_path: Path) -> None:
    few = dataclasses.replace(loop, steps=4, clip=clip)
    trace, _ = _Recorded(few, tmp_path / "recording").run()
    assert ("gradient_norm_clipped" in trace.signals) is (clip > 0)
    assert trace.series("gradient_norm").step.tolist() == trace.series("loss").step.tolist() == [1, 2, 3, 4]
    assert min(trace.series("gradient_norm").value) > 0.5
