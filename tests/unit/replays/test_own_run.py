"""A run of ours, built again: the same bits from its start, from a snapshot, and with a context that is carried."""

import dataclasses
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import newllm
from newllm.data import Batch, validation_batches
from newllm.errors import UserError
from newllm.model.language_model import LanguageModel
from newllm.replays.replica.own_replica import OwnReplica
from newllm.replays.replica.replica import State
from newllm.replays.replica.setup import Setup
from newllm.replays.subjects.own_run import OwnRun
from newllm.trace import read_trace
from newllm.training.evaluation import evaluate


def begun(run: OwnRun, start: int = 0, replay: int = 0, change: Callable[[Setup], None] | None = None) -> OwnReplica:
    """Start a replay from a step that has a snapshot."""
    step, state = run.snapshot(start)
    assert step == start
    setup = run.setup(start, replay, 7, 8)
    if change is not None:
        change(setup)
    replica = run.start(setup, state)
    assert isinstance(replica, OwnReplica)
    return replica


def losses(replica: OwnReplica, steps: range) -> list[float]:
    return [replica.update(step).loss for step in steps]


def recorded(run: Path, name: str = "loss") -> list[float]:
    return read_trace(run / "trace.jsonl").series(name).value.tolist()


@pytest.fixture(scope="module")
def variants(
    training: None,  # noqa: ARG001
    text: Path,
    tiny_settings: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Path]:
    """Train a tiny run of 8 steps in some variant, once."""
    made: dict[tuple[str, ...], Path] = {}

    def train(*settings: str) -> Path:
        if settings not in made:
            more = ("training.steps=8", "training.snapshot_every=4", "training.evaluate_every=4", "training.keep=9")
            out = tmp_path_factory.mktemp("variant") / "run"
            made[settings] = newllm.train(str(text), out=out, settings=(*tiny_settings, *more, *settings)).path
        return made[settings]

    return train


VARIANTS = [
    (),
    ("data.carry=true",),
    ("training.accumulate=2",),
    ("model.dropout=0.3",),
    ("model.body=lstm",),
    ("model.rule=delta",),
]


@pytest.mark.parametrize("settings", VARIANTS, ids=lambda settings: settings[0] if settings else "plain")
@pytest.mark.parametrize("start", [0, 4])
def test_replay_0_is_the_run_to_the_bit(settings: tuple[str, ...], start: int, variants: Callable[..., Path]) -> None:
    path = variants(*settings)
    replica = begun(OwnRun(path), start)
    updates = [replica.update(step) for step in range(start, 8)]
    assert [update.loss for update in updates] == recorded(path)[start:]
    assert [update.gradient_norm for update in updates] == recorded(path, "gradient_norm")[start:]
    if "context_norm" in read_trace(path / "trace.jsonl").signals:
        assert [update.context_norm for update in updates] == recorded(path, "context_norm")[start:]
    _, last = OwnRun(path).snapshot(8)
    assert last is not None
    state = replica.state()
    for mine, kept in ((state.model, last.model), (state.optimizer, last.optimizer), (state.carried, last.carried)):
        assert mine.keys() == kept.keys()
        assert all(torch.equal(value, kept[name]) for name, value in mine.items())
    assert bool(state.carried) is ("data.carry=true" in settings)


def test_the_carried_context_decides_bits(variants: Callable[..., Path]) -> None:
    path = variants("data.carry=true")
    run = OwnRun(path)
    _, state = run.snapshot(4)
    assert state is not None
    without = run.start(run.setup(4, 0, 7, 8), State(state.model, state.optimizer, {}))
    assert without.update(4).loss != recorded(path)[4]


def test_another_replay_has_other_chance_and_the_same_twice(tiny_run: Path) -> None:
    run = OwnRun(tiny_run)
    for start in (0, 4):
        first = losses(begun(run, start, replay=1), range(start, 8))
        assert first == losses(begun(run, start, replay=1), range(start, 8))
        assert first != losses(begun(run, start, replay=2), range(start, 8))
        assert first != recorded(tiny_run)[start:]


def test_from_step_0_another_replay_begins_elsewhere_from_a_snapshot_where_the_run_was(tiny_run: Path) -> None:
    run = OwnRun(tiny_run)
    own, other = begun(run), begun(run, replay=1)
    assert any(not torch.equal(value, other.state().model[name]) for name, value in own.state().model.items())
    own, other = begun(run, 4), begun(run, 4, replay=1)
    assert all(torch.equal(value, other.state().model[name]) for name, value in own.state().model.items())
    setup = run.setup(4, 1, 7, 8)
    assert setup.order == run.seed
    assert setup.exchange == setup.seed != run.seed
    assert setup.config is not None
    assert setup.config.seed == setup.seed


def test_a_change_of_the_configuration_is_made(tiny_run: Path) -> None:
    def wider(setup: Setup) -> None:
        assert setup.config is not None
        setup.config = dataclasses.replace(setup.config, model=dataclasses.replace(setup.config.model, width=48))

    run = OwnRun(tiny_run)
    model = begun(run, change=wider).model
    assert isinstance(model, LanguageModel)
    assert model.config.width == 48
    with pytest.raises(UserError, match=r"the snapshot does not fit the model: '.*' is not the same in both"):
        begun(run, 4, change=wider)
    assert run.config.model.width == 32, "the run itself was changed"


def test_a_change_that_cannot_be_is_told(tiny_run: Path) -> None:
    def broken(setup: Setup) -> None:
        assert setup.config is not None
        setup.config = dataclasses.replace(setup.config, model=dataclasses.replace(setup.config.model, dropout=2.0))

    with pytest.raises(UserError, match="dropout"):
        begun(OwnRun(tiny_run), change=broken)


def test_rate_and_clip_reach_the_update(tiny_run: Path) -> None:
    run = OwnRun(tiny_run)
    replica = begun(run)
    before = replica.state().model
    replica.rate = lambda _: 0.0
    replica.optimizer.param_groups[0]["weight_decay"] = 0.0
    replica.update(0)
    assert all(torch.equal(value, before[name]) for name, value in replica.state().model.items())
    clipped = []
    replica.clip = lambda parameters: (clipped.append(len(list(parameters))), 1.25)[1]
    assert replica.update(1).gradient_norm == 1.25
    assert clipped == [len(list(replica.model.parameters()))]


def test_batches_that_were_changed_are_read(tiny_run: Path) -> None:
    run = OwnRun(tiny_run)

    def first_again(own: Callable[[int], Batch]) -> Callable[[int], Batch]:
        return lambda _: own(0)

    replica = begun(run, change=lambda setup: setup.batch_changes.append(first_again))
    losses(replica, range(4))
    assert len(set(replica.seen)) == 1
    own = begun(run)
    losses(own, range(4))
    assert own.seen[0] == replica.seen[0]
    assert len(set(own.seen)) == 4


def test_an_update_reads_as_many_batches_as_the_run_gathers(variants: Callable[..., Path]) -> None:
    run = OwnRun(variants("training.accumulate=2"))
    assert run.per_update == 2
    replica = begun(run, 4)
    losses(replica, range(4, 6))
    assert len(replica.seen) == 4


def test_the_evaluation_is_the_trainings_and_its_classes_add_up(founding_run: Path) -> None:
    run = OwnRun(founding_run)
    replica = begun(run, 40)
    found = replica.evaluate()
    assert {"validation", "validation/unknown", "validation/end", "validation/seen"} == found.keys()
    recorded = read_trace(founding_run / "trace.jsonl")
    for part in ("unknown", "end", "seen"):
        series = recorded.series(f"validation_loss/{part}")
        at = dict(zip(series.step.tolist(), series.value.tolist(), strict=True))
        assert found[f"validation/{part}"] == pytest.approx(at[40])
    batches = validation_batches(run.corpus, run.config.data, None)
    assert isinstance(replica.model, LanguageModel)
    whole = evaluate(replica.model, batches, None, "fp32")
    assert found["validation"] == pytest.approx(whole.loss, rel=1e-6)
    trace = read_trace(founding_run / "trace.jsonl").series("validation_loss")
    assert found["validation"] == pytest.approx(dict(zip(trace.step.tolist(), trace.value.tolist(), strict=True))[40])
    replica.left_out = frozenset({"unknown"})
    without = replica.evaluate()
    assert without["validation/unknown"] == found["validation/unknown"]
    assert without["validation"] != found["validation"]


def test_probes_and_evaluations_change_no_bit(tiny_run: Path) -> None:
    run = OwnRun(tiny_run)
    replica = begun(run)
    found = []
    for step in range(8):
        assert math.isfinite(replica.probe())
        assert replica.probe() == replica.probe()
        replica.evaluate()
        found.append(replica.update(step).loss)
    assert found == recorded(tiny_run)


def test_a_state_is_a_copy(tiny_run: Path) -> None:
    run = OwnRun(tiny_run)
    replica = begun(run, 4)
    state = replica.state()
    kept = {name: value.clone() for name, value in state.model.items()}
    losses(replica, range(4, 6))
    losses(run.start(run.setup(4, 0, 7, 8), state), range(4, 6))  # type: ignore[arg-type]
    assert all(torch.equal(value, kept[name]) for name, value in state.model.items())


def test_the_newest_snapshot_at_or_before_a_step(tiny_run: Path) -> None:
    run = OwnRun(tiny_run)
    assert [run.snapshot(step)[0] for step in (0, 3, 4, 7, 8, 100)] == [0, 0, 4, 4, 8, 8]
    assert run.snapshot(3)[1] is None


def test_a_run_without_snapshots_begins_at_step_0(tiny_run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    shutil.rmtree(copy / "snapshots")
    assert OwnRun(copy).snapshot(8) == (0, None)
    assert losses(begun(OwnRun(copy)), range(8)) == recorded(tiny_run)


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no run \(no config\.toml\)"):
        OwnRun(tmp_path)


def test_a_recording_of_a_loop_is_told_how_it_can_be_replayed(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 2)
    with newllm.record(model, torch.optim.SGD(model.parameters(), lr=0.1), tmp_path / "recording"):
        pass
    with pytest.raises(UserError, match=r"is a recording of newllm\.record: .* newllm\.replay\(newllm\.Loop\("):
        OwnRun(tmp_path / "recording")


def test_a_text_that_changed(training: None, tiny_settings: tuple[str, ...], tmp_path: Path) -> None:  # noqa: ARG001
    text = tmp_path / "text.txt"
    text.write_text("a whale and the sea. " * 200)
    run = newllm.train(str(text), out=tmp_path / "run", settings=(*tiny_settings, "training.steps=2"))
    text.write_text("a whale and the sea, " * 200)
    with pytest.raises(UserError, match=r"text\.txt' is not the text that this run began with"):
        _ = OwnRun(run.path).corpus


def test_the_trace_keeps_every_bit(tiny_run: Path) -> None:
    """A float in the trace reads back as itself, so the record can be compared with at all."""
    values = np.array([0.1 + 0.2, 1 / 3, 1e-310, 6.907755278982137, np.nextafter(2.0, 3.0)])
    from newllm.trace import TraceWriter

    with TraceWriter(tiny_run.parent / "trace.jsonl") as trace:
        for step, value in enumerate(values):
            trace.write(step, loss=value)
    assert read_trace(tiny_run.parent / "trace.jsonl").series("loss").value.tobytes() == values.tobytes()
