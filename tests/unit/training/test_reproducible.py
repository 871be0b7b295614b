"""What decides bits, and what must not."""

import numpy as np
import pytest
import safetensors.numpy
import torch

import newllm
from newllm.trace import read_trace
from newllm.training.budget import Budget
from newllm.training.environment import seed_torch
from newllm.training.observer import Observer


def _losses(run: newllm.TrainedRun, signal: str = "loss") -> np.ndarray:
    return read_trace(run.path / "trace.jsonl").series(signal).value


def test_the_same_call_gives_the_same_bits(train, weights) -> None:
    assert weights(train()) == weights(train())


@pytest.mark.parametrize("setting", ["model.dropout=0.2", "data.carry=true", "model.body=cell"])
def test_the_same_call_gives_the_same_bits_in_every_variant(setting, train, weights) -> None:
    assert weights(train(setting)) == weights(train(setting))


def test_another_seed_gives_another_run(train, weights) -> None:
    assert weights(train()) != weights(train(seed=1))


def test_the_run_leaves_the_callers_chance_alone(train) -> None:
    import torch

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train("model.dropout=0.5")
    assert torch.equal(torch.rand(3), expected)


def test_the_runs_config_runs_it_again_to_the_same_bits(train, weights) -> None:
    first = train("model.dropout=0.1", seed=3)
    again = train(config=first.path / "config.toml", texts=())
    assert weights(again) == weights(first)
    assert (again.path / "config.toml").read_bytes() == (first.path / "config.toml").read_bytes()


def test_nothing_automatic_is_left_in_the_config(train) -> None:
    automatic = ("device", "precision", "scan_backend")
    run = train(*(f"numerics.{name}=auto" for name in automatic), "numerics.threads=0", "training.steps=2")
    written = (run.path / "config.toml").read_text()
    # The mode decides no bits, and is decided anew wherever the run goes on.
    assert [line for line in written.splitlines() if "auto" in line] == ['mode = "auto"']
    assert run.config.numerics.threads > 0
    assert run.config.model.vocabulary == 257
    assert run.config.training.evaluate_every > 0
    assert run.config.training.snapshot_every > 0
    assert run.config.environment["torch"]
    assert run.config.environment["processor"]


def test_tokens_are_turned_into_steps(train) -> None:
    run = train("training.accumulate=2", budget=Budget(tokens=200))  # 2 x 2 x 16 a step
    assert run.config.training.steps == 4
    assert run.summary.tokens == 256


def test_a_short_budget_shortens_the_warm_up(train) -> None:
    assert train(budget=Budget(steps=10)).config.optimizer.warmup == 1


def test_two_batches_of_two_are_one_of_four(train) -> None:
    """The rows of the order are dealt out one after another, so the update sees the same text."""
    large = train("data.batch=4", "data.validation_blocks=1")
    small = train("data.batch=2", "training.accumulate=2", "data.validation_blocks=1")
    np.testing.assert_allclose(_losses(small), _losses(large), atol=1e-5)
    np.testing.assert_allclose(_losses(small, "gradient_norm"), _losses(large, "gradient_norm"), rtol=1e-3)
    assert small.summary.tokens == large.summary.tokens


@pytest.mark.parametrize("setting", ["model.dropout=0.1", "data.carry=true"])
def test_neither_evaluations_nor_snapshots_change_the_bits(setting, train) -> None:
    runs = [
        train(setting, f"training.evaluate_every={evaluate}", f"training.snapshot_every={snapshot}")
        for evaluate, snapshot in ((20, 20), (3, 7))
    ]
    tensors = [
        {
            **safetensors.numpy.load_file(run.path / "snapshots/step-00000020/model.safetensors"),
            **safetensors.numpy.load_file(run.path / "snapshots/step-00000020/optimizer.safetensors"),
        }
        for run in runs
    ]
    assert tensors[0].keys() == tensors[1].keys()
    for name, value in tensors[0].items():
        assert np.array_equal(value, tensors[1][name]), name
    assert _losses(runs[0]).tobytes() == _losses(runs[1]).tobytes()


def test_an_observer_changes_no_bit(train, weights) -> None:
    class Watch(Observer):
        def __init__(self) -> None:
            self.seen: list[str] = []

        def started(self, summary) -> None:
            self.seen.append(f"started {summary['status']}")

        def noticed(self, notice) -> None:
            self.seen.append(str(notice))

        def stepped(self, report) -> None:
            self.seen.append(f"step {report.step}")

        def left_trend(self, onset) -> None:
            self.seen.append(f"off its trend at {onset.onset}")

        def evaluated(self, step, evaluation, *, best) -> None:
            self.seen.append(f"evaluated {step}")
            assert evaluation.tokens > 0
            assert best in (True, False)

        def ended(self, summary) -> None:
            self.seen.append(f"ended {summary['status']}")

    watch = Watch()
    run = train("training.steps=4", "training.evaluate_every=2", observers=[watch])
    assert weights(run) == weights(train("training.steps=4", "training.evaluate_every=2"))
    assert watch.seen == [
        *("started running", "evaluated 0", "step 1", "step 2", "evaluated 2", "step 3", "step 4", "evaluated 4"),
        "ended finished",
    ]


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1])
def test_seeding_is_torchs_own(seed: int) -> None:
    """On a machine without an accelerator torch's function is gone around, as it takes 1 to 2 ms a call there."""
    torch.manual_seed(seed)
    expected = torch.get_rng_state()
    seed_torch(seed + 1 if seed == 0 else seed - 1)
    assert not torch.equal(torch.get_rng_state(), expected)
    seed_torch(seed)
    assert torch.equal(torch.get_rng_state(), expected)
