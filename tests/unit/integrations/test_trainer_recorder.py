"""`newllm.hf.Recorder` on real short trainings of models that are not ours, some with a fault planted."""

import json
import lzma
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("transformers", reason="needs newllm[hf]; .ci/slow runs these in an environment that has it")
pytest.importorskip("accelerate", reason="Trainer needs accelerate; .ci/slow runs these in an environment that has it")

from tests.unit.integrations.resumed import assert_goes_on
from tests.unit.integrations.trainers import summed
from transformers import (
    AutoConfig,
    EarlyStoppingCallback,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

import newllm
import newllm.hf
from newllm.errors import UserError
from newllm.recorder import recorder as core
from newllm.trace import read_trace

pytestmark = pytest.mark.filterwarnings("ignore")  # what the Trainer says of itself
TEXT = Path(newllm.__file__).parent / "data" / "bundled" / "moby-dick.txt.xz"
with lzma.open(TEXT) as text:
    TOKENS = torch.tensor(list(text.read(140_000)[100_000:])) % 64
ROWS = [{"input_ids": part, "labels": part} for part in TOKENS.split(16)[:-1]]
OF_TIME = {"step_seconds", "ledger_share"}


def gpt2() -> Any:
    shape = {"n_positions": 16, "n_embd": 32, "n_layer": 2, "n_head": 2, "bos_token_id": 0, "eos_token_id": 0}
    return GPT2LMHeadModel(GPT2Config(vocab_size=64, **shape))


def llama() -> Any:
    shape = {"num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 16}
    return LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=48, intermediate_size=96, **shape))


def trainer(
    out: Path,
    *callbacks: TrainerCallback,
    build: Callable[[], Any] = gpt2,
    kind: type[Trainer] = Trainer,
    schedule: Callable[[int], float] | None = None,
    metrics: Any = None,
    loss: Any = None,
    evaluated: Any = None,
    **more: Any,
) -> Any:
    torch.manual_seed(0)
    model = build()
    defaults = {
        "max_steps": 30,
        "per_device_train_batch_size": 4,
        "learning_rate": 3e-3,
        "logging_steps": 1,
        "lr_scheduler_type": "constant",
        "save_strategy": "no",
    }
    fixed = {"output_dir": str(out), "use_cpu": True, "report_to": [], "disable_tqdm": True}
    arguments = TrainingArguments(**(defaults | more | fixed), dataloader_pin_memory=False)
    optimizer = torch.optim.AdamW(model.parameters(), arguments.learning_rate)
    scheduled = (optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)) if schedule else (None, None)
    return kind(
        model,
        arguments,
        train_dataset=ROWS[:2000],
        eval_dataset=ROWS[2000:2020] if evaluated is None else evaluated,
        callbacks=list(callbacks),
        optimizers=scheduled,
        compute_metrics=metrics,
        compute_loss_func=loss,
    )


def recorded(path: Path) -> dict[str, dict[int, float]]:
    path = path if path.suffix else path / "trace.jsonl"
    found = read_trace(path).signals
    return {name: dict(zip(s.step.tolist(), s.value.tolist(), strict=True)) for name, s in found.items()}


def comparable(path: Path) -> dict[str, dict[int, str]]:
    return {name: {at: str(v) for at, v in one.items()} for name, one in recorded(path).items() if name not in OF_TIME}


def kinds(run: Path) -> dict[str, Any]:
    return {finding.kind: finding for finding in newllm.doctor(run, against=()).findings}


class OwnLoss(Trainer):
    """Computes its loss itself, as TRL's trainers do: half of it is not the model's output."""

    model_accepts_loss_kwargs = False

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
        with torch.no_grad():
            model(**inputs)  # as a reference model that shares its weights
        outputs = model(**inputs)
        loss = outputs.loss + outputs.logits.square().mean()
        return (loss, outputs) if return_outputs else loss


@pytest.mark.parametrize("build", [gpt2, llama])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"gradient_accumulation_steps": 3},
        {"label_smoothing_factor": 0.1, "gradient_accumulation_steps": 2},
        {"loss": summed, "gradient_accumulation_steps": 2},
        {"kind": OwnLoss, "gradient_accumulation_steps": 2},
        {"bf16": True, "max_grad_norm": 0.0},
        {"max_grad_norm": 0.1, "optim": "sgd"},
    ],
)
def test_loss_and_norm_are_those_of_each_update_and_the_weights_the_same(
    tmp_path: Path, build: Callable[[], Any], more: dict[str, Any]
) -> None:
    alone = trainer(tmp_path / "alone", build=build, max_steps=12, **more)
    alone.train()
    watched = trainer(tmp_path / "out", build=build, max_steps=12, **more)
    watched.add_callback(newllm.hf.Recorder(out=tmp_path / "run", every=5))
    watched.train()
    signals = recorded(tmp_path / "run")
    logged = [one for one in watched.state.log_history if "loss" in one]
    assert list(signals["loss"].values()) == pytest.approx([one["loss"] for one in logged], rel=1e-6)
    assert list(signals["gradient_norm"].values()) == pytest.approx([one["grad_norm"] for one in logged], rel=1e-4)
    accumulated = more.get("gradient_accumulation_steps", 1)
    assert signals.get("backwards") == (dict.fromkeys(range(1, 13), accumulated) if accumulated > 1 else None)
    clipped = signals.get("gradient_norm_clipped", {})
    assert clipped or more.get("max_grad_norm") == 0.0  # who clips to nothing may not touch the gradient at all
    assert max(clipped.values(), default=0.0) <= (more.get("max_grad_norm", 1.0) or 100) * 1.001
    assert not {"update_skipped", "gradient_carried", "evaluation_in_training_mode"} & signals.keys()
    about = json.loads((tmp_path / "run" / "recording.json").read_text())
    assert about["vocabulary"] == 64
    assert about["config"]["gradient_accumulation_steps"] == accumulated
    assert about["optimizer_settings"]["learning_rate"] == watched.args.learning_rate
    assert about["config"]["lr_scheduler_type"] == watched.args.lr_scheduler_type.value
    for name, value in alone.model.state_dict().items():
        assert torch.equal(value, watched.model.state_dict()[name]), name
    assert "training_step" not in vars(watched)
    assert not any(module._forward_hooks for module in watched.model.modules())


class Broken(Trainer):
    """Has a loss that is not finite at one update."""

    def compute_loss(self, *args: Any, **more: Any) -> Any:
        loss: Any = super().compute_loss(*args, **more)
        return loss * math.nan if self.state.global_step == 20 else loss


def test_a_loss_that_is_not_finite_is_recorded_where_the_trainer_hides_it(tmp_path: Path) -> None:
    found = trainer(tmp_path / "out", newllm.hf.Recorder(out=tmp_path / "run"), kind=Broken)
    found.train()
    assert all(math.isfinite(one["loss"]) for one in found.state.log_history if "loss" in one)
    losses = recorded(tmp_path / "run")["loss"]
    assert [math.isnan(losses[step]) for step in (20, 21)] == [False, True]
    assert kinds(tmp_path / "run")["not-finite"].first_step == 21


class Apart(Trainer):
    """Adds distances between what the model makes of tokens, those of a token from itself among them."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
        outputs = model(**inputs, output_hidden_states=True)
        found = outputs.hidden_states[1]
        loss = outputs.loss + (found[:, :, None] - found[:, None]).square().sum(-1).sqrt().mean()
        return (loss, outputs) if return_outputs else loss


def test_where_a_gradient_that_is_not_finite_begins_is_said(tmp_path: Path) -> None:
    trainer(tmp_path / "out", newllm.hf.Recorder(out=tmp_path / "run"), kind=Apart).train()
    found = kinds(tmp_path / "run")["not-finite"]
    assert "at step 1 the gradient of transformer.wte, transformer.wpe, transformer.h.0" in str(found.sentence)
    assert " and that of transformer.h.1" in str(found.sentence)
    assert "the layers that sqrt leads to" in str(found.causes[0].reason)


@pytest.mark.parametrize("build", [gpt2, llama])
def test_a_learning_rate_a_hundred_times_too_large_for_three_steps_is_found_and_the_cause(
    tmp_path: Path, build: Callable[[], Any]
) -> None:
    def rate(step: int) -> float:
        return 100.0 if 60 <= step < 63 else 1.0

    callback = newllm.hf.Recorder(out=tmp_path / "run")
    trainer(tmp_path / "out", callback, build=build, schedule=rate, max_steps=120).train()
    found = kinds(tmp_path / "run")
    assert found["learning-rate-jump"].first_step == 61
    assert found["spike"].causes[0].name == "learning-rate"


def test_a_gradient_that_nobody_clears_is_found(tmp_path: Path) -> None:
    found = trainer(tmp_path / "out", newllm.hf.Recorder(out=tmp_path / "run"))
    found.model.zero_grad = lambda *_, **__: None
    found.train()
    assert kinds(tmp_path / "run")["gradient-carried"].severity == "fault"


@pytest.mark.parametrize("build", [gpt2, llama])
@pytest.mark.parametrize(
    "more",
    [
        {"lr_scheduler_type": "cosine", "warmup_steps": 10},
        {"lr_scheduler_type": "linear", "gradient_accumulation_steps": 2},
        {"label_smoothing_factor": 0.1},
        {"neftune_noise_alpha": 0.1},
    ],
)
def test_a_sound_training_is_no_alarm(tmp_path: Path, build: Callable[[], Any], more: dict[str, Any]) -> None:
    trainer(
        tmp_path / "out",
        newllm.hf.Recorder(out=tmp_path / "run"),
        build=build,
        max_steps=80,
        eval_strategy="steps",
        eval_steps=20,
        **more,
    ).train()
    assert [one.kind for one in kinds(tmp_path / "run").values() if one.severity != "note"] == []


def share(predictions: Any) -> dict[str, Any]:
    right = predictions.predictions.argmax(-1)[:, :-1] == predictions.label_ids[:, 1:]
    return {"accuracy": float(right.mean()), "f1": 0.5, "name": "text"}


def test_evaluations_are_recorded_by_their_names(tmp_path: Path) -> None:
    settings = {"eval_strategy": "steps", "eval_steps": 10, "eval_on_start": True}
    one = trainer(tmp_path / "one", newllm.hf.Recorder(out=tmp_path / "a"), metrics=share, **settings)
    one.train()
    signals, logged = recorded(tmp_path / "a"), [log for log in one.state.log_history if "eval_loss" in log]
    assert list(signals["validation_loss"]) == [0, 10, 20, 30]
    assert list(signals["validation_loss"].values()) == [log["eval_loss"] for log in logged]
    assert list(signals["validation_accuracy"].values()) == [log["eval_accuracy"] for log in logged]
    assert signals["eval_f1"] == dict.fromkeys([0, 10, 20, 30], 0.5)
    assert not any("runtime" in name or "per_second" in name or "epoch" in name for name in signals)
    sets = {"easy": ROWS[2000:2010], "hard": ROWS[2010:2020]}
    more = {"metric_for_best_model": "hard_loss"}
    two = trainer(tmp_path / "two", newllm.hf.Recorder(out=tmp_path / "b"), evaluated=sets, **settings, **more)
    two.train()
    signals, logs = recorded(tmp_path / "b"), two.state.log_history
    hard = [log["eval_hard_loss"] for log in logs if "eval_hard_loss" in log]
    assert list(signals["validation_loss"].values()) == hard
    assert list(signals["eval_easy_loss"]) == [0, 10, 20, 30]
    said = json.loads((tmp_path / "b" / "recording.json").read_text())["left_out"]
    assert said == [
        "of several evaluations (eval_easy_loss and eval_hard_loss), eval_hard_loss is used for the diagnosis"
    ]


class Ends(TrainerCallback):
    """Ends the training as Ctrl-C does."""

    def __init__(self, at: int) -> None:
        self.at = at

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        if state.global_step == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("torn", [False, True])
def test_the_recording_of_a_resumed_training_is_that_of_the_uninterrupted_one(tmp_path: Path, torn: bool) -> None:
    settings: dict[str, Any] = {"gradient_accumulation_steps": 2, "save_strategy": "steps", "save_steps": 10}
    settings |= {"eval_strategy": "steps", "eval_steps": 10, "lr_scheduler_type": "cosine"}
    trainer(tmp_path / "out", newllm.hf.Recorder(out=tmp_path / "whole"), **settings).train()
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "parts", newllm.hf.Recorder(out=run), Ends(17), **settings).train()
    assert list(recorded(run)["loss"]) == list(range(1, 18))
    assert json.loads((run / "recording.json").read_text())["ended"] is True
    if torn:
        (run / "trace.jsonl").write_bytes((run / "trace.jsonl").read_bytes()[:-30])
    again = trainer(tmp_path / "parts", newllm.hf.Recorder(out=run), **settings)
    again.train(resume_from_checkpoint=True)
    assert_goes_on(comparable(run), comparable(tmp_path / "whole"), last=10)
    aside = recorded(run / "set-aside" / "after-step-10.jsonl")["loss"]
    assert list(aside) == list(range(11, 17 if torn else 18))


def test_a_training_that_begins_anew_there_is_one_line_before_the_first_step(tmp_path: Path) -> None:
    trainer(tmp_path / "out", newllm.hf.Recorder(out=tmp_path / "run"), max_steps=3).train()
    before = (tmp_path / "run" / "trace.jsonl").read_bytes()
    again = trainer(tmp_path / "out", newllm.hf.Recorder(out=tmp_path / "run"), max_steps=3)
    with pytest.raises(UserError, match=r"^'.*run' holds a recording already \(.*\): choose another directory$"):
        again.train()
    assert again.state.global_step == 0
    assert (tmp_path / "run" / "trace.jsonl").read_bytes() == before
    mistakes: list[tuple[dict[str, Any], str]] = [({"every": 0}, "every is 0"), ({"kind": "x"}, "of the kind 'x'")]
    for wrong, said in mistakes:
        with pytest.raises(UserError, match=said):
            newllm.hf.Recorder(out=tmp_path / "other", **wrong)


def test_what_fails_in_the_recorder_ends_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = trainer(tmp_path / "out", max_steps=6)
    alone.train()

    def fails(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("by nothing")

    for number, name in enumerate(("step", "metrics", "_end_step", "flush", "validation")):
        with monkeypatch.context() as patched:
            patched.setattr(core.Recorder, name, fails)
            run = tmp_path / f"run-{number}"
            settings = {"max_steps": 6, "save_strategy": "steps", "save_steps": 3, "eval_strategy": "epoch"}
            watched = trainer(tmp_path / "out", newllm.hf.Recorder(out=run), metrics=share, **settings)
            watched.train()
        assert all(torch.equal(a, b) for a, b in zip(alone.model.parameters(), watched.model.parameters(), strict=True))
        said = json.loads((run / "recording.json").read_text())["left_out"]
        assert "ZeroDivisionError: by nothing" in said[0]


class Fails(TrainerCallback):
    """Raises when it is told of an event."""

    def __init__(self, event: str) -> None:
        setattr(self, event, self.fail)

    def fail(self, *_: Any, **__: Any) -> None:
        raise ZeroDivisionError("of a user")


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("where", ["on_train_begin", "on_epoch_begin", "on_train_end", "evaluation", "best model"])
def test_an_error_outside_an_epoch_leaves_nothing_on_model_and_trainer(
    tmp_path: Path, where: str, is_first: bool
) -> None:
    recorder = newllm.hf.Recorder(out=tmp_path / "run")
    if where.startswith("on_"):
        callbacks = [Fails(where), recorder] if is_first else [recorder, Fails(where)]
        found = trainer(tmp_path / "out", *callbacks, max_steps=3)
    elif where == "evaluation":
        found = trainer(tmp_path / "out", recorder, eval_on_start=is_first, max_steps=3, eval_strategy="epoch")
        found.compute_metrics = Fails("x").fail
    else:
        best = {"load_best_model_at_end": True, "save_strategy": "steps", "eval_strategy": "steps"}
        found = trainer(tmp_path / "out", recorder, max_steps=3, eval_steps=3, save_steps=3, **best)
        found._load_best_model = Fails("x").fail
    before, own = set(vars(found)), set(vars(found.callback_handler))
    with pytest.raises(ZeroDivisionError, match="of a user"):
        found.train()
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in found.model.modules())
    assert not {"training_step", "_run_epoch", "_evaluate", "_finalize_training"} & (set(vars(found)) - before)
    assert set(vars(found.callback_handler)) == own
    about = tmp_path / "run" / "recording.json"
    assert about.exists() is (where != "on_train_begin")
    assert not about.exists() or json.loads(about.read_text())["ended"] is True


class OwnLoop(Trainer):
    """Has a loop of its own, which computes losses elsewhere."""

    def training_step(self, *_: Any, **__: Any) -> Any:
        raise AssertionError

    def _inner_training_loop(self, *_: Any, **__: Any) -> Any:
        self.create_optimizer_and_scheduler(1)
        self.control = self.callback_handler.on_train_begin(self.args, self.state, self.control)
        for _step in range(3):
            self.state.global_step += 1
            self.control = self.callback_handler.on_step_end(self.args, self.state, self.control)
        self.control = self.callback_handler.on_train_end(self.args, self.state, self.control)


def test_a_trainer_with_a_loop_of_its_own_says_that_it_is_not_recorded(tmp_path: Path) -> None:
    trainer(tmp_path / "out", newllm.hf.Recorder(out=tmp_path / "run"), kind=OwnLoop).train()
    said = json.loads((tmp_path / "run" / "recording.json").read_text())["left_out"]
    assert "calls no training_step: record its loop with newllm.record" in said[0]


def test_a_batch_that_is_halved_for_want_of_memory_begins_the_recording_anew(tmp_path: Path) -> None:
    class Full(Trainer):
        sizes: list[int]

        def training_step(self, model: Any, inputs: Any, *args: Any, **more: Any) -> Any:
            if len(inputs["input_ids"]) > 2 and self.state.global_step == 3:
                raise RuntimeError("CUDA out of memory.")
            return super().training_step(model, inputs, *args, **more)

    trainer(tmp_path / "out", newllm.hf.Recorder(out=tmp_path / "run"), kind=Full, auto_find_batch_size=True).train()
    assert list(recorded(tmp_path / "run")["loss"]) == list(range(1, 31))
    assert list(recorded(tmp_path / "run" / "set-aside" / "after-step-0.jsonl")["loss"]) == [1, 2, 3]


class Searches(TrainerCallback):
    """Says that each training is a trial of a search for hyperparameters."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        state.is_hyper_param_search = True


def test_each_trial_of_a_search_has_a_directory(tmp_path: Path) -> None:
    found = trainer(tmp_path / "out", Searches(), newllm.hf.Recorder(out=tmp_path / "run"), max_steps=3)
    for _trial in range(2):
        found.train()
    assert [list(recorded(tmp_path / "run" / f"trial-{trial}")["loss"]) for trial in (1, 2)] == [[1, 2, 3]] * 2


def test_a_pretrained_model_is_a_fine_tune_and_one_of_its_configuration_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    gpt2().save_pretrained(folder)
    builds: dict[Any, Callable[[], Any]] = {
        "fine-tune": lambda: GPT2LMHeadModel.from_pretrained(folder),
        None: lambda: GPT2LMHeadModel(AutoConfig.from_pretrained(folder)),
    }
    for kind, build in builds.items():
        trainer(tmp_path / "out", newllm.hf.Recorder(out=tmp_path / f"{kind}"), build=build, max_steps=3).train()
        assert newllm.doctor(tmp_path / f"{kind}", against=()).facts.kind == kind


def in_two_processes(out: str) -> None:
    arguments = {"gradient_accumulation_steps": 2, "max_steps": 12, "save_strategy": "steps", "save_steps": 6}
    for resume in (None, f"{out}/parts/checkpoint-6"):
        found = trainer(
            Path(out) / "parts", newllm.hf.Recorder(out=f"{out}/run", every=3), ddp_backend="gloo", **arguments
        )
        found.train(resume_from_checkpoint=resume)


@pytest.mark.slow
def test_of_two_processes_the_first_records_and_both_write_fingerprints(tmp_path: Path) -> None:
    start = ["-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port=29613", "-m", __name__, str(tmp_path)]
    subprocess.run([sys.executable, *start], check=True, timeout=300, cwd=Path(__file__).parents[3])
    assert list(recorded(tmp_path / "run")["loss"]) == list(range(1, 13))
    for rank in (0, 1):
        rows = (tmp_path / "run" / "ranks" / f"rank-{rank:05}.jsonl").read_text().splitlines()[1:]
        steps = [row["step"] for row in map(json.loads, rows) if "weights" in row]
        assert list(dict.fromkeys(steps)) == [0, 1, 3, 6, 7, 9, 12]
    assert "ranks-apart" not in kinds(tmp_path / "run")
    assert not json.loads((tmp_path / "run" / "recording.json").read_text())["remarks"]
    ranks = newllm.doctor(tmp_path / "run", against=()).facts.ranks
    assert ranks is not None
    assert ranks.count == 2


if __name__ == "__main__":
    torch.set_num_threads(1)
    in_two_processes(sys.argv[1])


@pytest.mark.parametrize(("better", "stops"), [(None, True), (False, False)])
def test_a_metric_that_is_compared_the_wrong_way_round(tmp_path: Path, better: bool | None, stops: bool) -> None:
    def error(predicted: Any) -> dict[str, float]:
        logits, targets = (torch.from_numpy(one) for one in (predicted.predictions, predicted.label_ids))
        return {"mae": float(1 - logits[:, :-1].softmax(-1).gather(-1, targets[:, 1:, None]).mean())}

    keeping = {"load_best_model_at_end": True, "save_strategy": "steps", "save_steps": 3, "eval_steps": 3}
    chosen = {"metric_for_best_model": "mae", "greater_is_better": better, "eval_strategy": "steps"}
    callbacks = [EarlyStoppingCallback(3), newllm.hf.Recorder(out=tmp_path / "run")]
    one = trainer(tmp_path / "out", *callbacks, metrics=error, **keeping, **chosen)
    one.train()
    found = kinds(tmp_path / "run")
    assert ("reversed-metric" in found) is stops
    if stops:
        assert found["reversed-metric"].sentence.parameters["kept"] == one.state.best_global_step


def test_how_the_best_is_chosen_is_recorded_where_it_matters(tmp_path: Path) -> None:
    def selections(**more: Any) -> list[dict[str, Any]]:
        run = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
        settings = {"eval_strategy": "steps", "eval_steps": 2, "max_steps": 2}
        trainer(tmp_path / "out", newllm.hf.Recorder(out=run), **settings, **more).train()
        return json.loads((run / "recording.json").read_text()).get("framework", {}).get("selections", [])

    assert selections(metric_for_best_model="loss") == []
    kept = {"load_best_model_at_end": True, "save_strategy": "steps", "save_steps": 2}
    expected = {"by": "Trainer", "metric": "eval_loss", "signal": "validation_loss", "higher": False}
    assert selections(**kept) == [expected]
