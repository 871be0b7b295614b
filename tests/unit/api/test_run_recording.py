"""What our own training records, asked without a training: by hand, and against the naive count."""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from newllm.api.recording_evaluation import EvaluationSignals, context_signals, loop_gain
from newllm.api.recording_layers import LayerSignals
from newllm.api.recording_training import TrainingAccuracy, TrainingClasses
from newllm.api.run_recording import RunRecording
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.recorder import TokenClasses
from newllm.recorder.layout import Layout
from newllm.training.configure import configure
from newllm.training.loss import sum_nats
from newllm.training.step import StepReport


@settings(deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([(1, 3), (None, 0), (2, None)]))
def test_the_split_of_training_is_that_of_validation(seed, ids) -> None:
    chance = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 4, 6, generator=chance).bfloat16()
    targets = torch.randint(-1, 6, (3, 4), generator=chance)
    fast, naive = TrainingClasses(*ids), TokenClasses(*ids)
    for rows in (slice(0, 1), slice(1, 3)):
        naive.add(logits[rows], targets[rows])
        fast.add(logits[rows], targets[rows], sum_nats(logits[rows], targets[rows]))
    there = {name: part for name, part in naive.classes.items() if part.tokens}
    expected = {f"loss/{name}": part.loss for name, part in there.items()}
    expected |= {f"count/{name}": part.tokens for name, part in there.items()}
    assert fast.take() == (pytest.approx(expected, rel=1e-4) if len(there) > 1 else {})
    assert fast.take() == {}


@pytest.mark.parametrize("body", ["stack", "cell"])
def test_the_scale_of_outputs_is_that_of_the_forward_pass_and_nothing_stays_hooked(body) -> None:
    model = LanguageModel(ModelConfig(body=body, vocabulary=11, width=8, context=8, layers=2, hidden=16))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    signals = LayerSignals(Layout(model), optimizer)
    tokens = torch.arange(10).reshape(2, 5)

    def update() -> tuple[torch.Tensor, dict[str, float]]:
        optimizer.zero_grad()
        logits, _ = model(tokens)
        logits.logsumexp(dim=-1).sum().backward()
        optimizer.step()
        return logits.detach(), signals.take(1.0)

    assert update()[1] == {}
    signals.begin()
    with torch.no_grad():
        embedded = model.embedding(tokens)
    logits, taken = update()
    assert taken["activation_rms/head"] == pytest.approx(float(logits.square().mean().sqrt()), rel=1e-6)
    assert taken["activation_rms/embedding"] == pytest.approx(float(embedded.square().mean().sqrt()), rel=1e-6)
    assert update()[1] == {}
    assert not any(module._forward_hooks for module in model.modules())


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_the_accuracy_of_an_update_is_that_of_all_its_batches(seed) -> None:
    chance = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 4, 6, generator=chance).bfloat16()
    targets = torch.randint(-1, 6, (3, 4), generator=chance)
    fast, naive = TrainingAccuracy(), TokenClasses(None, None)
    for rows in (slice(0, 1), slice(1, 3)):
        fast.add(logits[rows], targets[rows])
        naive.add(logits[rows], targets[rows])
    assert fast.take() == ({"accuracy": naive.all.correct / naive.all.tokens} if naive.all.tokens else {})
    assert fast.take() == {}


@settings(deadline=None)
@given(st.floats(0.5, 2.0), st.integers(3, 12))
def test_the_loop_gain_is_the_factor_of_the_change(gain, positions) -> None:
    direction = torch.randn(2, 1, 5, generator=torch.Generator().manual_seed(0))
    changes = direction * gain ** torch.arange(positions)[None, :, None]
    real = torch.ones(2, positions, dtype=torch.bool)
    assert loop_gain(changes.cumsum(dim=1), real) == pytest.approx(gain, rel=1e-3)


def test_what_stands_after_a_rows_end_says_nothing() -> None:
    contexts = torch.ones(2, 6, 3).cumsum(dim=1)
    real = torch.ones(2, 6, dtype=torch.bool)
    real[1, 3:] = False
    expected = context_signals([contexts], real)
    assert expected["loop_gain"] == pytest.approx(1.0)
    for garbage in (math.nan, torch.tensor([5.0, 90.0, 4000.0])[:, None]):
        contexts[1, 3:] = garbage
        assert context_signals([contexts], real) == expected
    assert list(expected) == [*(f"context_norm/position-{n}" for n in (1, 2, 4)), "loop_gain"]


def test_no_context_and_a_context_that_never_moves_have_no_gain() -> None:
    assert context_signals([], torch.ones(1, 3, dtype=torch.bool)) == {}
    assert loop_gain(torch.zeros(1, 3, 2), torch.ones(1, 3, dtype=torch.bool)) is None


WORDS = SimpleNamespace(unknown=1, end=2)  # of a vocabulary of 11
SHAPE: dict[str, Any] = {"body": "stack", "vocabulary": 11, "width": 8, "context": 8, "layers": 2, "hidden": 16}


def _recording(place: Path, *options: str, words: Any = WORDS) -> tuple[RunRecording, LanguageModel, Any]:
    torch.manual_seed(0)
    config = configure("tiny", None, None, [f"model.{name}={value}" for name, value in SHAPE.items()] + [*options], {})
    model = LanguageModel(ModelConfig(**SHAPE))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recording = RunRecording(place / "recording.json", config, words)
    recording.started(model, optimizer, -1)
    return recording, model, optimizer


def _update(recording: RunRecording, model: LanguageModel, optimizer: Any, step: int) -> dict[str, float]:
    """One update of two batches; the gradient's norm before clipping is said to be 3."""
    tokens, targets = torch.arange(10).reshape(2, 5), torch.tensor([[1, 2, 3, 4, -1], [2, 2, 5, 6, 7]])
    recording.stepping(step)
    optimizer.zero_grad()
    for row in range(2):
        logits, _ = model(tokens[row : row + 1])
        nats = sum_nats(logits, targets[row : row + 1])
        recording.training_batch(logits, targets[row : row + 1], nats)
        nats.backward()
    optimizer.step()
    return dict(recording.stepped(StepReport(step + 1, 1.0, 3.0, 1e-3, None, 10)))


@pytest.mark.parametrize(
    ("options", "every"),
    [(["training.steps=99"], 1), (["training.steps=100"], 2), (["training.steps=499"], 9),
     (["training.steps=500"], 10), (["training.steps=5000"], 10), (["training.steps=1"], 1),
     (["training.steps=5000", "training.plan=[[0, 100, 5], [100, 5000, 5]]"], 2)],
)  # fmt: skip
def test_a_short_run_is_sampled_more_often_and_an_extended_one_as_it_began(tmp_path, options, every) -> None:
    _recording(tmp_path, *options)
    told = json.loads((tmp_path / "recording.json").read_bytes())
    assert (told["every"], told["vocabulary"]) == (every, 11)


def test_every_second_step_of_a_hundred_is_measured(tmp_path) -> None:
    recorded = _recording(tmp_path, "training.steps=100")
    steps = [step for step in range(1, 7) if _update(*recorded, step - 1).keys() >= {"loss/seen", "accuracy"}]
    assert steps == [2, 4, 6]


def test_an_update_has_its_classes_its_accuracy_and_its_norms(tmp_path) -> None:
    recording, model, optimizer = _recording(tmp_path, "training.steps=10", "optimizer.clip=2.0")
    signals = _update(recording, model, optimizer, 0)
    assert signals["gradient_norm_clipped"] == 2.0
    assert (signals["count/unknown"], signals["count/end"], signals["count/seen"]) == (1, 3, 5)
    assert signals["accuracy"] * 9 == pytest.approx(round(signals["accuracy"] * 9))
    norms = [value for name, value in signals.items() if name.startswith("gradient_norm/")]
    assert math.hypot(*norms) == pytest.approx(3.0)  # that of the whole, before it was clipped
    assert _update(*_recording(tmp_path, "optimizer.clip=5.0"), 0)["gradient_norm_clipped"] == 3.0
    assert "gradient_norm_clipped" not in _update(*_recording(tmp_path, "optimizer.clip=0.0"), 0)


def test_an_evaluation_has_its_classes_and_the_contexts_of_its_first_batch(tmp_path) -> None:
    recording, model, _ = _recording(tmp_path)
    tokens, targets = torch.arange(10).reshape(2, 5), torch.tensor([[1, 2, 3, 4, -1], [2, 2, 5, 6, 7]])
    signals = []
    for batches in ([0, 1], [1]):
        with recording.evaluating(), torch.no_grad():
            for row in batches:
                logits, _ = model(tokens[row : row + 1])
                recording.evaluation_seen(recording.evaluation_batch(logits, targets[row : row + 1]))
        signals.append(recording.evaluated(10))
    both, second = signals
    counts = {name: value for name, value in both.items() if "count" in name}
    assert counts == {
        "validation_count": 9, "validation_count/unknown": 1, "validation_count/end": 3, "validation_count/seen": 5,
    }  # fmt: skip
    assert {name: value for name, value in second.items() if "count" in name} == {
        "validation_count": 5, "validation_count/end": 2, "validation_count/seen": 3,
    }  # fmt: skip
    assert both["validation_accuracy"] == both["validation_correct"] / 9
    assert both["context_norm/position-1"] != second["context_norm/position-1"]
    assert {"context_norm/position-4", "loop_gain"} <= both.keys()


def test_an_evaluation_without_special_tokens_is_not_split_but_counted() -> None:
    gathered = EvaluationSignals(None, None)
    logits = torch.tensor([[[0.0, 3.0], [0.0, 3.0], [3.0, 0.0], [3.0, 0.0]]])
    gathered.add(gathered.look(logits, torch.tensor([[1, 0, 0, -1]])))
    assert gathered.signals() == {
        "validation_correct": 2, "validation_count": 3, "validation_accuracy": 2 / 3, "validation_classes": 2,
    }  # fmt: skip


def test_the_contexts_norm_is_told_at_powers_of_two_and_the_gain_of_what_moved() -> None:
    contexts = torch.tensor([[[3.0, 4.0], [3.0, 4.0], [6.0, 8.0], [6.0, 8.0], [6.0, 8.0]]])
    real = torch.ones(1, 5, dtype=torch.bool)
    assert context_signals([contexts], real) == {
        "context_norm/position-1": 5.0, "context_norm/position-2": 5.0, "context_norm/position-4": 10.0,
    }  # fmt: skip
    layers = contexts[..., :1], contexts[..., 1:]
    assert context_signals([*layers], real) == {
        "context_norm/position-1": 3.5, "context_norm/position-2": 3.5, "context_norm/position-4": 7.0,
    }  # fmt: skip
    growing = torch.tensor([[[1.0], [3.0], [4.0], [4.5]]])  # it changes by 1, 2, 1 and 0.5
    real = torch.ones(1, 4, dtype=torch.bool)
    assert loop_gain(growing, real) == pytest.approx(0.5 ** (1 / 3))
    assert loop_gain(growing[:, :2], real[:, :2]) == pytest.approx(2.0)
    assert context_signals([growing[:, :2]], real[:, :2])["loop_gain"] == pytest.approx(2.0)


def test_two_classes_are_needed_for_a_split() -> None:
    logits, targets = torch.zeros(1, 3, 4), torch.tensor([[1, 1, -1]])
    for ids, kept in (((1, None), {}), ((None, None), {}), ((1, 2), {})):
        classes = TrainingClasses(*ids)
        classes.add(logits, targets, sum_nats(logits, targets))
        assert classes.take() == kept
    targets[0, 2] = 3
    classes.add(logits, targets, sum_nats(logits, targets))
    assert classes.take() == pytest.approx(
        {"loss/unknown": math.log(4), "loss/seen": math.log(4), "count/unknown": 2, "count/seen": 1}
    )


@pytest.mark.parametrize("end", ["x", None])
def test_layers_without_a_gradient_are_not_stretched(end: str | None) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    signals = LayerSignals(Layout(model), optimizer)
    signals.begin()
    loss = model(torch.ones(1, 2)).sum()
    (loss if end else 0 * loss).backward()
    optimizer.step()
    taken = signals.take(6.0)
    norms = [taken[f"gradient_norm/{at}"] for at in range(2)]
    assert math.hypot(*norms) == pytest.approx(6.0 if end else 0.0)
