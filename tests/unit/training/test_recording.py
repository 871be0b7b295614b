"""What our own training records beside its loss, and that recording changes nothing."""

import json
import math
import signal

import numpy as np
import pytest
import torch

import newllm
from newllm.data import Batch
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.recorder import ContextRecorder
from newllm.trace import Trace, read_trace
from newllm.training.context_watch import ContextWatch
from newllm.training.observer import Observer
from newllm.training.recording import Recording

SENTENCES = ("data.format=sentences", "data.tokenizer=word", "data.window=31", "model.body=cell", "training.steps=6")


@pytest.fixture
def sentences(train) -> newllm.TrainedRun:
    return train(*SENTENCES, "training.evaluate_every=2", "optimizer.clip=0.1", texts=("bundled:sentences",))


def trace_of(run: newllm.TrainedRun) -> Trace:
    return read_trace(run.path / "trace.jsonl")


def names(trace: Trace, statistic: str) -> set[str]:
    return {name.partition("/")[2] for name in trace.signals if name.startswith(f"{statistic}/")}


def test_an_evaluation_is_split_by_class_and_counted(sentences) -> None:
    trace = trace_of(sentences)
    count = trace.series("validation_count")
    assert count.step.tolist() == [0, 2, 4, 6]
    assert set(count.value) == {35}
    assert np.all(trace.series("validation_correct").value <= 35)
    assert np.all(trace.series("validation_classes").value >= 1)
    assert names(trace, "validation_loss") == {"unknown", "end", "seen"}
    parts = [(trace.series(f"validation_loss/{n}"), trace.series(f"validation_count/{n}")) for n in ("unknown", "end")]
    parts.append((trace.series("validation_loss/seen"), trace.series("validation_count/seen")))
    whole = sum(loss.value * tokens.value for loss, tokens in parts) / count.value
    np.testing.assert_allclose(whole, trace.series("validation_loss").value, rtol=1e-5)
    assert np.sum([tokens.value for _, tokens in parts], axis=0).tolist() == count.value.tolist()


def test_the_training_loss_is_split_by_class_on_sampled_steps(sentences, train) -> None:
    assert names(trace_of(sentences), "loss") == names(trace_of(sentences), "count") == {"end", "seen"}
    dropped = ("data.word_dropout=0.25", "training.accumulate=2")
    for run, classes in ((sentences, {"end", "seen"}), (train(*SENTENCES, *dropped), {"unknown", "end", "seen"})):
        trace = trace_of(run)
        loss, counts = trace.series("loss"), [trace.series(f"count/{name}") for name in sorted(classes)]
        parts = [trace.series(f"loss/{name}") for name in sorted(classes)]
        assert all(part.step.tolist() == loss.step.tolist() for part in (*parts, *counts))
        nats = sum(part.value * count.value for part, count in zip(parts, counts, strict=True))
        np.testing.assert_allclose(nats / sum(count.value for count in counts), loss.value, rtol=1e-5)


def test_a_text_without_special_tokens_is_not_split(train) -> None:
    trace = trace_of(train("training.evaluate_every=3"))
    assert not names(trace, "loss")


def test_every_layer_is_measured_in_a_short_run(sentences) -> None:
    trace, recording = trace_of(sentences), json.loads((sentences.path / "recording.json").read_bytes())
    layers = {layer["name"] for layer in recording["layers"]}
    assert recording["every"] == 1
    assert recording["vocabulary"] == sentences.config.model.vocabulary
    assert recording["parameters"] == sentences.summary.parameters == sum(x["parameters"] for x in recording["layers"])
    for statistic in ("gradient_norm", "weight_norm", "update_ratio", "second_moment_mismatch"):
        assert names(trace, statistic) == layers, statistic
    assert names(trace, "activation_rms") == layers
    for name in layers:  # tables of n-grams begin at zero
        assert np.all(trace.series(f"activation_rms/{name}").value[name.startswith("ngrams.") :] > 0)
    whole = trace.series("gradient_norm").value
    parts = np.array([trace.series(f"gradient_norm/{name}").value for name in layers])
    np.testing.assert_allclose(np.sqrt((parts**2).sum(axis=0)), whole, rtol=1e-5)


@pytest.mark.parametrize("rule", ["delta", "gated,gated,delta,gated"])
def test_the_rank_of_matrices_is_written_and_their_norm_where_sentences_are_padded(train, rule) -> None:
    layers = rule.split(",")
    shape = (f"model.rule={rule}", f"model.layers={len(layers)}", "model.body=stack")
    run = train(*SENTENCES, *shape, "data.batch=8", texts=("bundled:sentences",))
    trace = trace_of(run)
    assert names(trace, "context_rank") == {f"body.blocks.{layers.index('delta')}.mixer"}
    for name in ("context_norm", f"context_rank/body.blocks.{layers.index('delta')}.mixer"):
        series = trace.series(name)
        assert series.step.tolist() == [*range(1, 7)]
        assert np.all(series.value > 0)


def test_contexts_are_measured_at_evaluations(sentences) -> None:
    trace = trace_of(sentences)
    assert trace.series("loop_gain").step.tolist() == [0, 2, 4, 6]
    assert names(trace, "context_norm") >= {"position-1", "position-2", "position-4"}


@pytest.mark.parametrize("body", ["cell", "stack", "lstm"])
def test_the_contexts_mean_and_deviation_stand_beside_their_norm_and_in_the_summary(body, train) -> None:
    run = train(f"model.body={body}", "model.layers=1")
    trace = trace_of(run)
    norm, mean, std = (trace.series(f"context_{name}") for name in ("norm", "mean", "std"))
    assert norm.step.tolist() == mean.step.tolist() == std.step.tolist() == list(range(1, 21))
    channels = run.config.model.context if body != "lstm" else run.config.model.hidden
    # The mean norm is at most the root of the mean square, which the other two give.
    assert np.all(norm.value <= np.sqrt(channels * (mean.value**2 + std.value**2)) * (1 + 1e-5))
    assert np.all(std.value > 0)
    written = json.loads((run.path / "summary.json").read_bytes())["last_context"]
    last = {"step": 20, "norm": norm.value[-1], "mean": mean.value[-1], "std": std.value[-1]}
    assert written == pytest.approx(last)


def test_a_body_without_a_context_has_none_of_its_signals(train) -> None:
    run = train("model.body=attention")
    assert not any(name.startswith("context") for name in trace_of(run).signals)
    assert run.summary.last_context is None


def test_the_contexts_numbers_are_of_the_last_real_token_of_each_row() -> None:
    model = LanguageModel(ModelConfig(body="stack", vocabulary=11, width=8, context=8, layers=1, hidden=16))
    watch = ContextWatch(model)
    inputs, targets = np.arange(10).reshape(2, 5), np.array([[1, 2, 3, -1, -1], [6, 7, 8, 9, 10]])
    with ContextRecorder(model) as recorder:
        model(torch.from_numpy(inputs))
    seen = watch.summary(Batch(inputs, targets), {})
    (contexts,) = recorder.contexts.values()
    ends = contexts[[0, 1], [2, 4]]
    assert seen is not None
    assert seen.mean == pytest.approx(ends.mean().item(), abs=1e-7)
    assert seen.std == pytest.approx(ends.std(correction=0).item(), rel=1e-5)
    assert seen.norm == pytest.approx(ends.norm(dim=-1).mean().item(), rel=1e-5)


def test_accuracies_of_both_parts_are_recorded(sentences) -> None:
    trace = trace_of(sentences)
    right, count = trace.series("validation_correct"), trace.series("validation_count")
    assert trace.series("validation_accuracy").value.tolist() == (right.value / count.value).tolist()
    accuracy = trace.series("accuracy")
    assert accuracy.step.tolist() == trace.series("loss/seen").step.tolist()
    targets = sum(trace.series(f"count/{name}").value for name in ("end", "seen"))
    np.testing.assert_allclose(accuracy.value * targets, np.round(accuracy.value * targets), atol=1e-6)


@pytest.mark.slow
def test_a_long_run_is_sampled_and_the_clipped_norm_is_there(train) -> None:
    trace = trace_of(train("training.steps=300", "training.evaluate_every=300", "optimizer.clip=0.5"))
    assert trace.series("weight_norm/head").step.tolist() == list(range(6, 301, 6))
    whole, clipped = trace.series("gradient_norm").value, trace.series("gradient_norm_clipped").value
    assert clipped.tolist() == np.minimum(whole, 0.5).tolist()


def test_the_facts_about_the_data_are_in_the_run(sentences, train) -> None:
    facts = json.loads((sentences.path / "data.json").read_bytes())["facts"]
    assert facts["validation"]["tokens"] == 35
    assert facts["unknown"]["tokens"] == 16
    assert facts["unknown"]["share_in_training"] == 0
    assert facts["labels"]["share_in_validation"] == pytest.approx(6 / 35)
    dropped = train(*SENTENCES, "data.word_dropout=0.25", texts=("bundled:sentences",))
    assert json.loads((dropped.path / "data.json").read_bytes())["facts"]["unknown"]["share_in_training"] == 0.25


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    [
        "model.dropout=0.1", "data.carry=true", "model.body=cell", "model.body=lstm", "training.accumulate=2",
        "training.recompute=true", "numerics.precision=bf16", "model.body=attention",
    ],
)  # fmt: skip
def test_recording_changes_no_bit(setting, train, weights, monkeypatch) -> None:
    recorded = train(setting, "training.evaluate_every=3")
    monkeypatch.setattr("newllm.api.training_session.RunRecording", lambda *_: Recording())
    alone = train(setting, "training.evaluate_every=3")
    assert weights(recorded) == weights(alone)
    for name in ("loss", "gradient_norm", "validation_loss"):
        mine, bare = trace_of(recorded).series(name), trace_of(alone).series(name)
        assert mine.value.tobytes() == bare.value.tobytes(), name
    assert "validation_count" not in trace_of(alone).signals


class Stop(Observer):
    """Stops a run after a step."""

    def __init__(self, step: int) -> None:
        self.step, self.context = step, None

    def started(self, summary) -> None:
        self.context = summary["last_context"]

    def noticed(self, notice) -> None: ...
    def left_trend(self, onset) -> None: ...
    def sampled(self, sample) -> None: ...
    def evaluated(self, step, evaluation, *, best) -> None: ...
    def ended(self, summary) -> None: ...

    def stepped(self, report) -> None:
        if report.step == self.step:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "steps", "stop"), [("data.carry=true", 203, 107), ("model.body=cell", 12, 5)])
def test_a_resumed_run_has_the_same_trace_to_the_byte(setting, steps, stop, train) -> None:
    options = (setting, "model.dropout=0.1", f"training.evaluate_every={steps // 4}", f"training.steps={steps}")
    whole = train(*options)
    stopped = train(*options, observers=[Stop(stop)])
    assert stopped.summary.status == "interrupted"
    again = Stop(-1)
    assert newllm.resume(stopped.path, observers=[again]).summary.last_context == whole.summary.last_context
    assert again.context == stopped.summary.as_dict()["last_context"]  # known before the first update
    for name in ("recording.json", "data.json", "samples.jsonl"):
        assert (stopped.path / name).read_bytes() == (whole.path / name).read_bytes(), name
    mine, other = (
        {name: (series.step.tobytes(), series.value.tobytes()) for name, series in trace_of(run).signals.items()}
        for run in (stopped, whole)
    )
    assert mine == other


def test_a_run_that_diverges_is_recorded_to_its_end(train) -> None:
    run = train("optimizer.learning_rate=1e30", "optimizer.clip=0", "optimizer.warmup=0")
    assert run.summary.status == "diverged"
    trace = trace_of(run)
    assert not math.isfinite(trace.series("loss").value[-1] + trace.series("gradient_norm").value[-1])
    assert "gradient_norm_clipped" not in trace.signals
