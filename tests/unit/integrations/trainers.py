"""Small Trainers for the tests of loops and recorders; import it where transformers and accelerate are there."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import IterableDataset
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

import newllm.hf
from newllm.replays.subjects.loop import Loop

VOCABULARY, LENGTH = 32, 16


def rows(count: int, seed: int = 0) -> list[dict[str, torch.Tensor]]:
    """Return rows that repeat four tokens, some with labels that do not count."""
    chance = torch.Generator().manual_seed(seed)
    made = []
    for at in range(count):
        ids = torch.randint(2, VOCABULARY, (4,), generator=chance).repeat(LENGTH // 4)
        made.append({"input_ids": ids, "labels": ids.where(torch.arange(LENGTH) >= at % 5, -100)})
    return made


def gpt2(dropout: float = 0.0) -> nn.Module:
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=VOCABULARY,
            n_positions=32,
            n_embd=16,
            n_layer=2,
            n_head=2,
            resid_pdrop=dropout,
            embd_pdrop=dropout,
            attn_pdrop=dropout,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def llama() -> nn.Module:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=32,
        )
    )


class Losses(TrainerCallback):
    """Keeps what the Trainer logs of each update."""

    def __init__(self) -> None:
        self.logged: list[tuple[float, float]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
        if "loss" in logs:
            self.logged.append((logs["loss"], float(logs["grad_norm"])))


def trainer(out: Path, kind: type[Trainer] = Trainer, **given: Any) -> Trainer:
    """Make a Trainer of a small model: what is no argument of the Trainer is one of TrainingArguments."""
    torch.manual_seed(0)
    parts = ("model", "model_init", "train_dataset", "eval_dataset", "optimizers", "callbacks", "data_collator",
             "compute_loss_func")  # fmt: skip
    own = {name: given.pop(name) for name in parts if name in given}
    if "model_init" not in own:
        own["model"] = own.get("model", gpt2)()
    if callable(own.get("optimizers")):
        own["optimizers"] = own["optimizers"](own["model"])
    arguments = {
        "max_steps": 12, "per_device_train_batch_size": 4, "learning_rate": 5e-3, "warmup_steps": 3, "logging_steps": 1,
        "use_cpu": True, "report_to": [], "disable_tqdm": True, "save_strategy": "no", "dataloader_pin_memory": False,
    }  # fmt: skip
    arguments = TrainingArguments(output_dir=str(out), **(arguments | given))
    return kind(args=arguments, **({"train_dataset": rows(30)} | own))


def quiet_loop(made: Trainer) -> Loop:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return newllm.hf.loop(made)


def followed(loop: Loop) -> tuple[list[tuple[float, float]], nn.Module]:
    """Return losses and norms of a loop's training, and its model."""
    replica = loop.start(loop.setup(0, 0, 0, 0), None)
    with torch.random.fork_rng():
        updates = [replica.update(step) for step in range(loop.steps)]
    return [(one.loss, one.gradient_norm) for one in updates], replica.model


def summed(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    """Return the mean loss of an update's tokens, or of the batch's where nobody counts those."""
    losses = F.cross_entropy(outputs.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="sum")
    return losses / (num_items_in_batch if num_items_in_batch is not None else labels[:, 1:].numel())


class Stream(IterableDataset):
    """Rows without a length."""

    def __iter__(self) -> Iterator[Any]:
        return iter(rows(22))
