"""States before a spike: held in memory, written when the spike is seen, kept; and a run that is none the wiser."""

import dataclasses
import functools
import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import newllm
from newllm import machine
from newllm.diagnosis.onset import Onset
from newllm.errors import UserError
from newllm.trace import TraceWriter, read_trace
from newllm.training import held as held_module
from newllm.training import loop, spike_keeper
from newllm.training import ring as ring_module
from newllm.training.config import RunConfig, TrainingConfig
from newllm.training.observer import Observer
from newllm.training.pins import Pin, lasting, read_pins
from newllm.training.presets import PRESETS
from newllm.training.ring import STATES, Ring, ring_every
from newllm.training.snapshot_writer import SnapshotWriter
from newllm.training.snapshots import (
    PIN,
    Progress,
    Tensors,
    choose_snapshot,
    list_snapshots,
    newest_snapshot,
    write_snapshot,
)
from newllm.training.spike_keeper import SpikeKeeper
from newllm.training.world import World

# The text is read in order; the learning rate is one that learns it before its garbage comes.
SPIKING = (
    *("data.carry=true", "optimizer.learning_rate=1e-2", "optimizer.warmup=10"),
    *("training.steps=120", "training.evaluate_every=60"),
)


class Ears(Observer):
    """An observer that remembers what it is told."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.onsets: list[Onset] = []
        self.step = 0

    def started(self, summary) -> None:
        pass

    def noticed(self, notice) -> None:
        self.notices.append(str(notice))

    def stepped(self, report) -> None:
        self.step = report.step

    def left_trend(self, onset) -> None:
        self.onsets.append(onset)

    def evaluated(self, step, evaluation, *, best) -> None:
        pass

    def ended(self, summary) -> None:
        pass


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def train_spoilt(train, spoilt: Path) -> Callable[..., newllm.TrainedRun]:
    """Train on the spoilt text, whose garbage makes the loss leave its trend at step 54, on every processor."""
    return functools.partial(train, *SPIKING, texts=(str(spoilt),))


@pytest.fixture
def spiking(train_spoilt, ears) -> newllm.TrainedRun:
    return train_spoilt("training.ring_every=5", observers=[ears])


def pinned(run: Path) -> dict[int, list[Pin]]:
    places = list_snapshots(run / "snapshots")
    return {step: read_pins(place) for step, place in places.items() if (place / PIN).exists()}


def state(step: int, size: int = 10) -> Tensors:
    return {"model.safetensors": {"weight": torch.full((size,), float(step))}, "optimizer.safetensors": {}}


@pytest.fixture
def keeper(tmp_path) -> Callable[..., SpikeKeeper]:
    def make(notices: list[str] | None = None, every: int = 5) -> SpikeKeeper:
        said = [] if notices is None else notices
        (tmp_path / "snapshots").mkdir(exist_ok=True)
        return SpikeKeeper(
            tmp_path / "snapshots",
            tmp_path / "trace.jsonl",
            every,
            lambda: None,
            lambda notice: said.append(str(notice)),
        )

    return make


def drive(keeper: SpikeKeeper, losses: dict[int, float], steps: range) -> list[Onset]:
    """Take in a loss a step, 2 where none is given, and hold states as the loop does."""
    seen = []
    for step in steps:
        seen.append(keeper.see("loss", step, losses.get(step, 2.0 + 0.001 * (step % 3))))
        keeper.close()  # in training, a step takes longer than a write of these few bytes
        if step % keeper.every == 0:
            keeper.hold(state(step), Progress(step))
    return [onset for onset in seen if onset is not None]


def test_of_a_sharded_model_the_newest_state_is_written_first_too(tmp_path, monkeypatch) -> None:
    """Where there is room for one only, that is the one that stays."""
    world, written = World(), []
    world.sharded = True
    writer = SnapshotWriter(world, tmp_path / "snapshots")
    monkeypatch.setattr(writer, "save_held", lambda states, *_: written.extend(one.progress.step for one in states))
    (tmp_path / "snapshots").mkdir()
    tell = (lambda: None), (lambda _: None)
    watching = SpikeKeeper(tmp_path / "snapshots", tmp_path / "trace.jsonl", 5, *tell, world, writer)
    drive(watching, {33: 9.0}, range(40))
    assert written == sorted(written, reverse=True)
    assert len(written) == 2


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells")
def test_a_copy_is_in_memory_that_can_have_large_pages() -> None:
    """Which a kernel gives to what is private alone, unless it is set up otherwise."""
    held = held_module.copied({"model.safetensors": {"weight": torch.zeros(1 << 20)}}, Progress(1))
    at = held.tensors["model.safetensors"]["weight"].data_ptr()
    lines = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    (kind,) = (line[1] for line in lines if int(line[0].split("-")[0], 16) <= at < int(line[0].split("-")[1], 16))
    assert kind == "rw-p"


def test_the_states_before_a_spike_are_kept_and_named(spiking, ears) -> None:
    kept = pinned(spiking.path)
    assert len(kept) == 2
    ((pin,), (same,)) = kept.values()
    assert pin == same
    assert pin.signal == "loss"
    assert ears.onsets == [pin.onset]
    older, newest = kept
    assert newest <= pin.onset.onset - 2 < newest + 5
    assert older == newest - 5
    assert len(ears.notices) == 1
    said = f"loss left its trend at step {pin.onset.onset}: keeping the state after step {newest} and {older}"
    assert ears.notices == [said]


@pytest.mark.slow
def test_a_pinned_snapshot_is_the_one_that_would_have_been_saved(train_spoilt) -> None:
    often = ("training.evaluate_every=5", "training.evaluate_tokens=64")
    spiking = train_spoilt(*often, "training.ring_every=5")
    saved = train_spoilt(*often, "training.snapshot_every=5", "training.keep=100")
    assert len(pinned(spiking.path)) == 2
    for step in pinned(spiking.path):
        places = [list_snapshots(run.path / "snapshots")[step] for run in (spiking, saved)]
        for name in ("model.safetensors", "optimizer.safetensors"):
            assert len({(place / name).read_bytes() for place in places}) == 1, name
        kept, plain = (json.loads((place / "state.json").read_bytes()) for place in places)
        assert {**kept, "seconds": 0, "sha256": 0} == {**plain, "seconds": 0, "sha256": 0}, "evaluated or not"


@pytest.mark.slow
@pytest.mark.parametrize("settings", [SPIKING, ("data.carry=true", "model.dropout=0.1"), ("model.body=cell",)])
def test_bits_and_trace_are_the_same_without_a_ring(settings, train, weights) -> None:
    with_ring, without = train(*settings, "training.ring_every=3"), train(*settings, "training.ring_every=1000000")
    assert weights(with_ring) == weights(without)
    traces = [read_trace(run.path / "trace.jsonl").signals for run in (with_ring, without)]
    assert traces[0].keys() == traces[1].keys()
    for name, series in traces[0].items():
        if "seconds" not in name:
            assert series.value.tobytes() == traces[1][name].value.tobytes(), name


def test_a_run_goes_on_from_a_pinned_snapshot_to_the_same_end(spiking, weights) -> None:
    expected, kept = weights(spiking), pinned(spiking.path)
    for step, place in list_snapshots(spiking.path / "snapshots").items():
        if step > max(kept):
            shutil.rmtree(place)
    (spiking.path / "summary.json").unlink()
    ears = Ears()
    again = newllm.resume(spiking.path, observers=[ears])
    assert weights(again) == expected
    assert pinned(spiking.path) == kept
    assert not [line for line in ears.notices if "left its trend" in line], "it was told already"


def test_a_resumed_run_sees_the_spike_that_comes_after(spiking, weights) -> None:
    """What it saw before its snapshot stands in the trace; what was in memory is on the disk, as far as it is."""
    expected, ((pin, *_), *_) = weights(spiking), pinned(spiking.path).values()
    kept = pin.onset.onset - 15
    for step, place in list_snapshots(spiking.path / "snapshots").items():
        if step > kept:
            shutil.rmtree(place)
    (spiking.path / "summary.json").unlink()
    ears = Ears()
    assert weights(newllm.resume(spiking.path, observers=[ears])) == expected
    assert f"loss left its trend at step {pin.onset.onset}" in "".join(ears.notices)
    assert pinned(spiking.path)


def test_best_last_and_a_step_are_chosen_among_pins(spiking) -> None:
    places = spiking.path / "snapshots"
    best = spiking.summary.best_validation
    assert best is not None
    assert choose_snapshot(places, "last").name == "step-00000120"
    assert choose_snapshot(places, "best").name == f"step-{best.step:08d}"
    for step in pinned(spiking.path):
        assert newllm.load(spiking.path, str(step)).step == step


def test_the_newest_snapshot_at_or_before_a_step(spiking, tmp_path) -> None:
    places = spiking.path / "snapshots"
    steps = list(list_snapshots(places))
    for step in range(130):
        found = newest_snapshot(places, step)
        assert found is not None
        assert found.name == f"step-{max(at for at in steps if at <= step):08d}"
    assert newest_snapshot(places, -1) is None
    assert newest_snapshot(tmp_path / "none", 5) is None


def test_neither_pins_nor_step_0_are_pruned_or_counted(train_spoilt) -> None:
    run = train_spoilt("training.ring_every=5", "training.snapshot_every=1", "training.keep=3")
    kept = pinned(run.path)
    assert len(kept) == 2
    best = run.summary.best_validation
    assert best is not None
    assert set(list_snapshots(run.path / "snapshots")) == {0, best.step, *kept, 118, 119, 120}


def test_a_snapshot_that_stands_already_is_pinned_where_it_is(keeper, tmp_path) -> None:
    first = keeper()
    drive(first, {33: 9.0}, range(40))
    expected = pinned(tmp_path)
    assert list(expected) == [25, 30]
    again = keeper(every=4)  # another memory, whose states at 28 and 32 come to nothing
    drive(again, {53: 9.0}, range(40, 56))
    assert pinned(tmp_path)[25] == expected[25]


def test_the_older_of_the_two_is_clearly_older(keeper, tmp_path) -> None:
    watching = keeper()
    for step in range(20, 31):
        write_snapshot(tmp_path / "snapshots", state(step), Progress(step))
    drive(watching, {33: 9.0}, range(34))
    assert list(pinned(tmp_path)) == [25, 30]


def test_a_validation_loss_pins_what_is_before_its_last_sound_value(keeper, tmp_path) -> None:
    watching = keeper()
    for step in range(60):
        if step % 5 == 0:
            watching.hold(state(step), Progress(step))
        if step % 4 == 0 and step:
            watching.see("validation_loss", step, 6.0 if step == 56 else 2.0)
    watching.close()
    assert list(pinned(tmp_path)) == [45, 50]


def test_an_evaluation_that_leaves_its_trend_pins_in_training_too(train, monkeypatch) -> None:
    evaluate, calls = loop.evaluate, []

    def high(*arguments):
        calls.append(1)
        found = evaluate(*arguments)
        return dataclasses.replace(found, nats=3 * found.nats) if len(calls) == 8 else found

    monkeypatch.setattr(loop, "evaluate", high)
    run = train("training.evaluate_every=2", "training.ring_every=1", "training.snapshot_every=20", "training.keep=1")
    ((pin,), (same,)) = pinned(run.path).values()
    assert pin == same
    assert (pin.signal, pin.onset.onset, pin.onset.before) == ("validation_loss", 14, 12)
    assert list(pinned(run.path)) == [11, 12]


def test_one_event_in_both_losses_is_pinned_once(keeper, tmp_path) -> None:
    notices: list[str] = []
    watching = keeper(notices)
    for step in range(60):
        watching.see("loss", step, 6.0 if step >= 40 else 2.0)
        if step % 4 == 0:
            watching.see("validation_loss", step, 6.0 if step >= 40 else 2.0)
        if step % 5 == 0:
            watching.hold(state(step), Progress(step))
    watching.close()
    assert len(notices) == 1
    assert {pin.signal for pins in pinned(tmp_path).values() for pin in pins} == {"loss"}


def test_the_first_two_and_the_last_two_onsets_keep_their_snapshots(keeper, tmp_path) -> None:
    onsets = drive(keeper(), dict.fromkeys(range(52, 400, 50), 9.0), range(400))
    assert [onset.onset for onset in onsets] == list(range(52, 400, 50))
    kept = {pin.onset.onset for pins in pinned(tmp_path).values() for pin in pins}
    assert kept == {52, 102, 302, 352}
    assert list(pinned(tmp_path)) == [45, 50, 95, 100, 295, 300, 345, 350]


def test_the_bound_holds_over_a_resume(keeper, tmp_path) -> None:
    spikes = dict.fromkeys(range(52, 400, 50), 9.0)
    drive(keeper(), spikes, range(200))
    later = keeper()  # no trace here: the watch begins anew, the pins are on the disk
    drive(later, spikes, range(200, 400))
    assert {pin.onset.onset for pins in pinned(tmp_path).values() for pin in pins} == {52, 102, 302, 352}


def test_a_resumed_run_knows_at_once_what_the_trace_knows(keeper, tmp_path) -> None:
    with TraceWriter(tmp_path / "trace.jsonl") as trace:
        for step in range(61):
            trace.write(step, loss=9.0 if step > 50 else 2.0 + 0.001 * (step % 3), validation_loss=2.0)
    watching = keeper()
    assert watching.see("loss", 61, 9.0) is None, "it was told before"
    onset = watching.see("validation_loss", 61, 9.0)
    assert onset is not None
    assert (onset.onset, onset.before) == (61, 60)


def test_which_pins_are_kept() -> None:
    pins = [Pin("loss", Onset(step, step, step - 1, 2.0, 1.0)) for step in (9, 3, 7, 1, 5)]
    assert [pin.onset.step for pin in lasting(pins)] == [1, 3, 7, 9]
    assert lasting(pins[:2]) == [pins[1], pins[0]]


def test_a_loss_that_is_not_finite_pins_too(train) -> None:
    wild = ("optimizer.learning_rate=1e30", "optimizer.clip=0", "optimizer.warmup=0", "training.ring_every=1")
    run = train(*wild)
    assert run.summary.status == "diverged"
    assert max(list_snapshots(run.path / "snapshots")) <= run.summary.step - 1


def test_a_loss_of_no_number_is_written_as_none_and_read_again(keeper, tmp_path) -> None:
    (onset,) = drive(keeper(), {33: float("nan")}, range(34))
    (pin,) = pinned(tmp_path)[30]
    assert pin.onset == onset
    assert '"rise": null' in (tmp_path / "snapshots/step-00000030" / PIN).read_text()


def test_a_damaged_pin_keeps_its_snapshot(spiking) -> None:
    newest = max(pinned(spiking.path))
    place = list_snapshots(spiking.path / "snapshots")[newest] / PIN
    for content in (b"", b"{", b"[]", b'{"schema": 9, "onsets": []}', b'{"schema": 1, "onsets": [{}]}'):
        place.write_bytes(content)
        assert read_pins(place.parent) == []
        assert newest in pinned(spiking.path)
    assert newllm.load(spiking.path, str(newest)).step == newest


def test_the_training_goes_on_while_a_pin_is_written_and_its_end_waits(
    train_spoilt, ears, monkeypatch, tmp_path
) -> None:
    write, went_on, statuses = spike_keeper.write_snapshot, [], []

    def slow(*arguments, **options):
        assert threading.current_thread() is not threading.main_thread()
        begun = ears.step
        for _ in range(500):
            if ears.step == 120:
                break
            time.sleep(0.02)
        went_on.append((begun, ears.step))
        time.sleep(0.2)  # the end has come, and waits
        statuses.append(json.loads((tmp_path / "run/summary.json").read_bytes())["status"])
        return write(*arguments, **options)

    monkeypatch.setattr(spike_keeper, "write_snapshot", slow)
    run = train_spoilt("training.ring_every=5", observers=[ears], out=tmp_path / "run")
    assert went_on[0][0] < went_on[0][1] == 120
    assert statuses == ["running", "running"], "a kill would have left a finished run without its pins"
    assert len(pinned(run.path)) == 2


def test_no_room_for_a_pin_is_one_notice_and_the_run_ends_well(train_spoilt, ears, monkeypatch) -> None:
    def full(*_, **__):
        raise UserError("no room to write 'x'")

    monkeypatch.setattr(spike_keeper, "write_snapshot", full)
    monkeypatch.setattr(spike_keeper, "add_pin", full)
    run = train_spoilt("training.ring_every=5", observers=[ears])
    assert run.summary.status == "finished"
    assert [line for line in ears.notices if "no room" in line] == [
        "the state before a spike is not kept, the training goes on: no room to write 'x'"
    ]


def test_of_many_pins_without_room_one_is_told(keeper, monkeypatch) -> None:
    def full(*_, **__):
        raise OSError("Input/output error")

    monkeypatch.setattr(spike_keeper, "write_snapshot", full)
    notices: list[str] = []
    assert len(drive(keeper(notices), {33: 9.0, 63: 9.0}, range(80))) == 2
    assert ["Input/output error" in line for line in notices].count(True) == 1


def test_the_trace_is_handed_over_before_a_snapshot_is_written(tmp_path, monkeypatch) -> None:
    order = []
    monkeypatch.setattr(spike_keeper, "write_snapshot", lambda *_: order.append("snapshot"))
    (tmp_path / "snapshots").mkdir()
    watching = SpikeKeeper(tmp_path / "snapshots", tmp_path / "trace", 5, lambda: order.append("trace"), lambda _: None)
    drive(watching, {33: 9.0}, range(40))
    assert order == ["trace", "snapshot", "snapshot"]


def test_a_ring_holds_copies_of_the_last_states() -> None:
    ring, tensors = Ring(), state(0)
    for step in range(1, 8):
        tensors["model.safetensors"]["weight"].fill_(step)
        assert ring.put(tensors, Progress(step)) is None
    held = ring.steps()
    assert list(held) == [5, 6, 7]
    for step, one in held.items():
        assert one.tensors["model.safetensors"]["weight"].tolist() == [step] * 10
    progress = Progress(8)
    ring.put(tensors, progress)
    progress.step = 9
    assert list(ring.steps()) == [6, 7, 8]


def test_buffers_are_made_once(monkeypatch) -> None:
    ring, made = Ring(), []
    make = held_module._buffers
    monkeypatch.setattr(held_module, "_buffers", lambda tensors: made.append(1) or make(tensors))
    for step in range(20):
        ring.put(state(step), Progress(step))
    assert len(made) == STATES


def test_a_state_that_is_being_read_is_not_overwritten() -> None:
    ring = Ring()
    for step in range(STATES):
        ring.put(state(step), Progress(step))
    read = ring.steps()[0]
    read.busy = True
    ring.put(state(3), Progress(3))
    assert list(ring.steps()) == [0, 2, 3]
    assert read.tensors["model.safetensors"]["weight"].tolist() == [0.0] * 10
    for held in ring.steps().values():
        held.busy = True
    ring.put(state(4), Progress(4))
    assert list(ring.steps()) == [0, 2, 3]


def test_a_state_of_another_shape_is_held_as_it_is() -> None:
    """An optimizer may lose its moments on the way."""
    ring = Ring()
    for step in range(STATES):
        ring.put({**state(step), "optimizer.safetensors": {"weight/exp_avg": torch.ones(10)}}, Progress(step))
    ring.put(state(3), Progress(3))
    assert ring.steps()[3].tensors["optimizer.safetensors"] == {}
    assert ring.steps()[2].tensors["optimizer.safetensors"]["weight/exp_avg"].tolist() == [1.0] * 10


def test_every_kind_of_tensor_is_held_bit_for_bit() -> None:
    tensors: Tensors = {
        "model.safetensors": {
            "half": torch.randn(7).bfloat16(),
            "count": torch.tensor(3, dtype=torch.int64),
            "turned": torch.randn(3, 5).T,
            "double": torch.randn(1, 3, dtype=torch.float64),
            "none": torch.empty(0, 4),
        },
        "optimizer.safetensors": {"step": torch.tensor(9.0)},
    }
    ring = Ring()
    ring.put(tensors, Progress(1))
    for file, part in ring.steps()[1].tensors.items():
        assert part.keys() == tensors[file].keys()
        for name, value in part.items():
            assert torch.equal(value, tensors[file][name])
            assert value.dtype == tensors[file][name].dtype
            assert value.is_contiguous()


@pytest.mark.parametrize(("bytes_", "states"), [(10_000, 3), (1000, 2), (400, 1), (399, 0)])
def test_memory_is_bounded_and_less_is_said(bytes_: int, states: int, monkeypatch) -> None:
    monkeypatch.setattr(ring_module, "LARGEST", bytes_)
    ring = Ring()
    said = [ring.put(state(step, size=100), Progress(step)) for step in range(1, 7)]
    assert len(ring.steps()) == states
    assert said[1:] == [None] * 5
    if states == 3:
        assert said[0] is None
    else:
        line = str(said[0])
        assert "\n" not in line
        assert (f"memory holds {states} of them, not 3" if states else "too large to be held in memory") in line


def test_no_more_than_a_quarter_of_the_memory(monkeypatch) -> None:
    monkeypatch.setattr(machine.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1 << 18}[name])
    assert ring_module.largest_bytes() == 1 << 28
    monkeypatch.delattr(machine.os, "sysconf")
    assert ring_module.largest_bytes() == ring_module.LARGEST


def test_a_model_too_large_for_the_ring_has_its_disk_snapshots_pinned(train_spoilt, ears, monkeypatch) -> None:
    monkeypatch.setattr(ring_module, "LARGEST", 1000)
    run = train_spoilt("training.ring_every=5", "training.snapshot_every=7", observers=[ears])
    assert "too large to be held in memory" in ears.notices[0]
    kept = pinned(run.path)
    assert kept
    assert all(step % 7 == 0 for step in kept)
    ((pin, *_), *_) = kept.values()
    assert max(kept) <= pin.onset.onset - 2


def test_the_interval_is_a_function_of_the_configuration() -> None:
    assert ring_every(PRESETS["small"]) == 100  # device "auto": it may be an accelerator
    on_cpu = {name: _on_cpu(preset) for name, preset in PRESETS.items()}
    assert ring_every(on_cpu["small"]) == 10
    assert ring_every(on_cpu["founding-baseline"]) == 11
    few = dataclasses.replace(on_cpu["small"], data=dataclasses.replace(on_cpu["small"].data, window=16, batch=1))
    assert ring_every(few) == 50
    assert ring_every(dataclasses.replace(few, training=TrainingConfig(ring_every=7))) == 7


def _on_cpu(config: RunConfig) -> RunConfig:
    return dataclasses.replace(config, numerics=dataclasses.replace(config.numerics, device="cpu"))


def test_a_run_that_began_without_a_ring_is_gone_on_with(train, weights) -> None:
    run = train("training.snapshot_every=4")
    assert "\nring_every = 50\n" in (run.path / "config.toml").read_text()
    expected = weights(run)
    shutil.rmtree(run.path / "snapshots/step-00000020")
    (run.path / "summary.json").unlink()
    text = (run.path / "config.toml").read_text().replace("ring_every = 50\n", "")
    (run.path / "config.toml").write_text(text)
    assert weights(newllm.resume(run.path)) == expected


def test_an_interval_below_nothing_is_refused(train) -> None:
    with pytest.raises(UserError, match=r"training.ring_every is -1: it must be at least 0"):
        train("training.ring_every=-1")
