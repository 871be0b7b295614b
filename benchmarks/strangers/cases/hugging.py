"""Tiny models trained by transformers' Trainer; kept is its trainer_state.json, or what it prints on the console."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from benchmarks.strangers.cases.data import Alphabet, majority
from benchmarks.strangers.cases.hooks import At, Hook, Hooks
from benchmarks.strangers.cases.language import corpus
from benchmarks.strangers.cases.registry import Out
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import SequentialSampler
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertLMHeadModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

Rows = list[dict[str, Tensor]]


class _Points(TrainerCallback):
    """Calls hooks where the Trainer calls its callbacks."""

    def __init__(self, hooks: Hooks):
        self.hooks = hooks

    def on_step_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self.hooks.call("begin", At(state.global_step, given["model"], given["optimizer"]))

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self.hooks.call("gradients", At(state.global_step, given["model"], given["optimizer"]))

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self.hooks.call("end", At(state.global_step - 1, given["model"], given["optimizer"]))


class _Trained(Trainer):
    """The Trainer, with what users override: the loss, the optimizer, the schedule, the order of the data."""

    def __init__(
        self,
        *given: Any,
        hooks: Hooks,
        own_loss: str,
        schedule: Callable[[int], float] | None,
        shuffles: bool,
        **named: Any,
    ):
        super().__init__(*given, **named)
        self.hooks, self.own_loss, self.schedule, self.shuffles = hooks, own_loss, schedule, shuffles
        if own_loss == "undivided":
            self.model_accepts_loss_kwargs = True  # and the loss does not take the count into account

    def compute_loss(self, model: nn.Module, inputs: dict[str, Tensor], *given: Any, **named: Any) -> Any:
        """Return the loss of a batch."""
        if not model.training:
            return super().compute_loss(model, inputs, *given, **named)
        x, y = self.hooks.batch(self.state.global_step, (inputs["input_ids"], inputs["labels"]))
        if self.own_loss == "model's":
            loss = super().compute_loss(model, {"input_ids": x, "labels": y}, *given, **named)
        else:
            logits = model(input_ids=x).logits
            wanted = logits, y
            if self.own_loss != "unshifted" and y.ndim == 2:
                wanted = logits[:, :-1], y[:, 1:]
            loss = F.cross_entropy(wanted[0].flatten(0, -2), wanted[1].flatten())
        return self.hooks.loss(self.state.global_step, loss)

    def create_optimizer(self, *given: Any) -> torch.optim.Optimizer:
        """Give the optimizer what the hooks leave."""
        chosen = self.hooks.chosen(self.model)
        if self.args.optim == "sgd":
            self.optimizer = torch.optim.SGD(chosen, self.args.learning_rate, weight_decay=self.args.weight_decay)
        else:
            self.optimizer = torch.optim.AdamW(chosen, self.args.learning_rate, weight_decay=self.args.weight_decay)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Use the schedule that was given, or one of transformers'."""
        if self.schedule is None:
            return super().create_scheduler(num_training_steps, optimizer)
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, self.schedule)
        return self.lr_scheduler

    def _get_train_sampler(self, *given: Any) -> Any:
        return super()._get_train_sampler(*given) if self.shuffles else SequentialSampler(self.train_dataset)


def _text_rows(ids: Tensor, count: int, length: int, twice: bool) -> Rows:
    """Cut a text into rows; `twice` shifts the labels, though the model shifts them too."""
    rows = ids[: count * (length + 1)].view(count, length + 1)
    return [{"input_ids": row[:-1], "labels": row[1:] if twice else row[:-1]} for row in rows]


def _language(network: str, alphabet: Alphabet, dropout: float) -> nn.Module:
    vocab = len(alphabet)
    if network == "gpt2":
        return GPT2LMHeadModel(GPT2Config(vocab_size=vocab, n_positions=64, n_embd=32, n_layer=1, n_head=2,
                                          resid_pdrop=dropout, embd_pdrop=dropout, attn_pdrop=dropout,
                                          initializer_range=0.1, bos_token_id=0, eos_token_id=0))  # fmt: skip
    if network == "llama":
        return LlamaForCausalLM(LlamaConfig(vocab_size=vocab, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
                                            num_attention_heads=2, max_position_embeddings=64))  # fmt: skip
    return BertLMHeadModel(BertConfig(vocab_size=vocab, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
                                      num_attention_heads=2, max_position_embeddings=64,
                                      initializer_range=0.1, is_decoder=network == "bert decoder"))  # fmt: skip


def _classified(count: int, seed: int, share: float, in_order: bool, shift: int) -> Rows:
    x, y = majority(count, 24, seed, share)
    if in_order:
        order = torch.argsort(y, stable=True)
        x, y = x[order], y[order]
    return [{"input_ids": row, "labels": label} for row, label in zip(x, torch.roll(y, shift), strict=True)]


def _data(network: str, rows: int, given: dict[str, Any]) -> tuple[nn.Module, Rows, Rows]:
    if network == "classifier":
        model = BertForSequenceClassification(BertConfig(
            vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
            max_position_embeddings=32, hidden_dropout_prob=given.get("dropout", 0.0), num_labels=2))  # fmt: skip
        shift = given.get("misaligned", 0)
        return (model, _classified(rows, 1, given.get("share", 0.5), given.get("in_order", False), 0),
                _classified(200, 2, given.get("share", 0.5), False, shift))  # fmt: skip
    ids, held_out, alphabet = corpus(120_000)
    held_out = (held_out + 17) % len(alphabet) if given.get("other_tokenizer") else held_out
    twice = given.get("twice", False)
    model = _language(network, alphabet, given.get("dropout", 0.0))
    return model, _text_rows(ids, rows, 32, twice), _text_rows(held_out, 64, 32, twice)


def hugging(
    out: Out,
    *,
    network: str = "gpt2",
    hooks: tuple[Hook, ...] = (),
    steps: int = 120,
    rows: int = 2000,
    log: str = "state",
    own_loss: str = "model's",
    schedule: Callable[[int], float] | None = None,
    shuffles: bool = True,
    dtype: torch.dtype = torch.float32,
    resume: int | None = None,
    deletes: tuple[str, ...] = (),
    arguments: dict[str, Any] | None = None,
    **given: Any,
) -> None:
    """Train one.

    Switches:
        network: "gpt2", "llama", "bert decoder", "bert" (without the mask), "classifier".
        log: "state" keeps trainer_state.json, "console" the printed lines, "bars" those with the progress bars.
        own_loss: "model's", "own", "unshifted", "undivided".
        resume: the process ends at this step and another one resumes from its checkpoint,
        deletes: of which these files are lost.
        arguments: of TrainingArguments.
    """
    model, train, check = _data(network, rows, given)
    model, points, total = model.to(dtype), Hooks(hooks), out.steps(steps)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        settings = {
            "learning_rate": 5e-3,
            "per_device_train_batch_size": 8,
            "logging_steps": 2,
            "eval_strategy": "steps",
            "eval_steps": 20,
            "save_strategy": "no",
            "report_to": "none",
            "use_cpu": True,
            "per_device_eval_batch_size": 64,
            "lr_scheduler_type": "linear",
            "seed": out.seed,
            "disable_tqdm": log != "bars",
            **(arguments or {}),
        }
        if log != "state":
            file = stack.enter_context((out.folder / "console.txt").open("w"))
            stack.enter_context(contextlib.redirect_stdout(file))
            if log == "bars":
                stack.enter_context(contextlib.redirect_stderr(file))

        def trainer(end: int, **more: Any) -> _Trained:
            chosen = TrainingArguments(output_dir=folder, max_steps=end, **(settings | more))
            return _Trained(
                model=model,
                args=chosen,
                train_dataset=train,
                eval_dataset=check,
                hooks=points,
                own_loss=own_loss,
                schedule=schedule,
                shuffles=shuffles,
                callbacks=[_Points(points)],
            )

        last = trainer(total)
        if resume is not None and resume < total:
            first = trainer(total, save_strategy="steps", save_steps=resume)
            first.add_callback(_Ends(resume))
            first.train()
            checkpoint = Path(folder) / f"checkpoint-{resume}"
            for name in deletes:
                (checkpoint / name).unlink()
            last.train(resume_from_checkpoint=str(checkpoint))
        else:
            last.train()
        if log == "state":
            last.save_state()
            shutil.copy(Path(folder) / "trainer_state.json", out.folder / "trainer_state.json")


class _Ends(TrainerCallback):
    """Ends a training at a step, as a time limit does."""

    def __init__(self, step: int):
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        control.should_training_stop = state.global_step >= self.step
