"""What one cell measures, on a tiny model: beside the same updates done by hand."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from newllm.data import prepare, training_batches
from newllm.study import trial
from newllm.study.design import Cell
from newllm.study.grid import Records, Tally, Watcher, _Listener
from newllm.study.trial import Trial, measure
from newllm.training.budget import Budget
from newllm.training.config import RunConfig
from newllm.training.configure import configure
from newllm.training.optimizer import build_optimizer
from newllm.training.resolve import resolve
from newllm.training.step import Stepper
from newllm.workers import Died, Done, Failed

SHAPE = ("model.hidden=16", "model.width=8", "model.context=12", "model.layers=2", "numerics.threads=1")
PLAIN = ("numerics.device=cpu", "numerics.precision=fp32", "numerics.scan_backend=torch", "training.evaluate_every=2")
CLIP = 0.05


def config(*more: str, preset: str = "seed-baseline") -> RunConfig:
    return configure(preset, None, None, [*SHAPE, *PLAIN, "training.steps=6", *more], {"seed": 3})


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return measure(config(f"optimizer.clip={CLIP}"))


def test_training_is_told_by_the_mean_of_its_losses_and_the_largest_of_its_gradients(record: dict[str, Any]) -> None:
    corpus = prepare(config().data)
    resolved, model = resolve(config(f"optimizer.clip={CLIP}"), corpus, Budget())
    batches = training_batches(corpus, resolved.data, 3)
    stepper = Stepper(model.train(), build_optimizer(model, resolved.optimizer), batches, resolved)
    reports = [stepper.update(step) for step in range(6)]
    assert (record["epoch"], record["diverged"]) == ([0, 1, 2, 3], None)
    train, pairs = record["train"], [reports[at : at + 2] for at in (0, 2, 4)]
    means = [sum(one.loss * one.tokens for one in pair) / sum(one.tokens for one in pair) for pair in pairs]
    assert len({one.tokens for one in reports}) > 1, "the mean is that over tokens, not over updates"
    assert train["loss"] == [None, *(pytest.approx(mean, rel=1e-5) for mean in means)]
    assert train["gradient"] == [None, *(pytest.approx(max(p.gradient_norm for p in pair), rel=1e-5) for pair in pairs)]
    assert train["gradient_clipped"] == [None, *[pytest.approx(CLIP, rel=1e-3)] * 3]
    for whole, clipped in zip(train["layer_gradient"][1:], train["layer_gradient_clipped"][1:], strict=True):
        assert whole.keys() == clipped.keys()
        assert all(whole[name] > clipped[name] for name in whole)
    assert {value is not None for layers in train["layer_update"][1:] for value in layers.values()} == {True}


def test_the_losses_of_the_classes_add_up(record: dict[str, Any]) -> None:
    for name, targets in (("validation", 35), ("probe", None)):
        told = record[name]
        assert len(told["loss"]) == 4
        if targets is None:
            assert len(told["context_norm"][0]) == len(told["context_norm"][3])
            assert all(value > 0 for layers in told["activation"] for value in layers.values())
            continue
        classes = [kind for kind in ("unknown", "end", "seen") if told[f"{kind}_tokens"][0]]
        assert sum(told[f"{kind}_tokens"][0] for kind in classes) == targets
        for at, loss in enumerate(told["loss"]):
            parts = sum(told[kind][at] * told[f"{kind}_tokens"][at] for kind in classes)
            assert parts / targets == pytest.approx(loss, rel=1e-5)
        assert told["correct"] == [sum(tokens.values()) for tokens in told["correct_tokens"]]
    assert all(math.isfinite(value) for value in record["lyapunov"])
    assert record["seconds"] > 0
    assert record["train"]["loss"][1] == float(f"{record['train']['loss'][1]:.6g}"), "to six digits"


def test_it_leaves_torch_as_it_was_and_the_model_trains_on(record: dict[str, Any]) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    again = measure(config(f"optimizer.clip={CLIP}"))
    assert torch.equal(torch.get_rng_state(), before)
    assert {**again, "seconds": 0} == {**record, "seconds": 0}
    corpus = prepare(config().data)
    resolved, model = resolve(config(), corpus, Budget())
    Trial(resolved, model, corpus).run()
    assert model.training


def test_a_run_whose_numbers_end_is_told_with_where() -> None:
    broken = measure(config("optimizer.learning_rate=1e30"))
    assert (broken["epoch"], broken["diverged"]) == ([0, 1], 1)
    assert len(broken["train"]["loss"]) == len(broken["validation"]["loss"]) == 2


def test_exponents_are_measured_at_every_young_epoch_and_then_at_every_tenth() -> None:
    assert [epoch for epoch in range(55, 95) if trial._is_due(epoch)] == [*range(55, 61), 70, 80, 90]


class Heard(Watcher):
    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def finished(self, cell: Cell, seconds: float) -> None:
        self.lines.append(("finished", cell.arm, seconds))

    def failed(self, cell: Cell, why: str) -> None:
        self.lines.append(("failed", cell.arm, why))

    def died(self, line: str) -> None:
        self.lines.append(("died", line))


def test_what_comes_back_from_the_workers_is_kept_counted_and_passed_on(tmp_path: Path) -> None:
    one, two, three = (Cell(name, 4, "set", RunConfig(), name) for name in ("one", "two", "three"))
    records, tally, heard = Records(tmp_path), Tally(done=5), Heard()
    listener = _Listener(records, tally, heard)
    listener.hear(Done(one, '{"seconds": 2.5}'))
    listener.hear(Done(two, '{"epoch": []}'))
    listener.hear(Failed(three, "no room"))
    listener.hear(Died(two, -9))
    assert (tally.done, tally.failed) == (7, {"three, seed 4": "no room"})
    assert tally.deaths == ["a worker died (exit code -9) at two, seed 4"]
    assert heard.lines == [
        ("finished", "one", 2.5), ("finished", "two", 0.0), ("failed", "three", "no room"), ("died", *tally.deaths),
    ]  # fmt: skip
    kept = records.get(one)
    assert kept is not None
    assert kept["seconds"] == 2.5
    assert [records.get(cell) is None for cell in (two, three)] == [False, True]
