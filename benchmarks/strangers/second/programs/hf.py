"""transformers' Trainer on tiny language models, from nothing or with adapters; its state or what it prints."""

import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from .common import Options, quiet
from .language import VOCAB, corpus

LENGTH = 40


class Rows(torch.utils.data.Dataset):
    """Pieces of text with labels; of a dialogue, the first part is no target."""

    def __init__(self, text: torch.Tensor, count: int, o: Options, seed: int) -> None:
        draw = random.Random(seed)
        self.rows = []
        for _ in range(count):
            start = draw.randrange(len(text) - LENGTH)
            ids = text[start : start + LENGTH].clone()
            labels = ids.clone()
            if o.get("prompts", False):
                labels[: LENGTH // 2] = -100
            if o.fault == "every label masked" and draw.random() < o.get("part", 1.0):
                labels[:] = -100
            if o.fault == "random labels in part" and draw.random() < o.get("part", 0.3):
                labels = labels[torch.randperm(LENGTH)]
            self.rows.append({"input_ids": ids, "labels": labels})

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return self.rows[index]


class Adapter(nn.Module):
    """A linear layer with a low-rank addition."""

    def __init__(self, base: Any, rank: int, scale: float, zero: bool) -> None:
        super().__init__()
        self.base: Any = base
        out, into = (base.nf, base.nx) if hasattr(base, "nf") else (base.out_features, base.in_features)
        self.a = nn.Parameter(torch.zeros(into, rank) if zero else torch.randn(into, rank) / into**0.5)
        self.b, self.scale = nn.Parameter(torch.zeros(rank, out)), scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + self.scale * (x @ self.a @ self.b)


class Hooks(TrainerCallback):
    """What a fault does while the Trainer runs."""

    def __init__(self, o: Options) -> None:
        self.o = o

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        o, model = self.o, given["model"]
        if o.fault == "adapter merged again and again" and state.global_step % o.get("merge", 100) == 0:
            with torch.no_grad():
                for module in model.modules():
                    if isinstance(module, Adapter):
                        module.base.weight += (module.scale * module.a @ module.b).T
        if o.fault == "optimizer made anew again and again" and state.global_step % 60 == 0:
            given["optimizer"].state.clear()
        if o.fault == "rate multiplied briefly" and state.global_step == o.get("at", 0):
            for group in given["optimizer"].param_groups:
                group["lr"] *= 200


def _model(o: Options) -> Any:
    if o.get("llama", False):
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=VOCAB, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4
            )
        )
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCAB, n_embd=48, n_layer=2, n_head=4, n_positions=64, bos_token_id=0, eos_token_id=0)
    )


def _pretrain(model: nn.Module, text: torch.Tensor, steps: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(steps):
        starts = torch.randint(0, len(text) - LENGTH, (12,))
        rows = torch.stack([text[s : s + LENGTH] for s in starts])
        optimizer.zero_grad()
        model(input_ids=rows, labels=rows).loss.backward()
        optimizer.step()


def train(o: Options) -> None:
    quiet()
    steps = o.get("steps", 400)
    model = _model(o)
    text = corpus(o.seed % 5, 40000)
    new = corpus(o.seed % 5 + 11, 40000) if o.get("tuned", False) else text
    if o.get("tuned", False) and o.fault != "pre-trained weights not loaded":
        _pretrain(model, text, 250)
    if o.get("adapters", False):
        model.requires_grad_(False)
        blocks = model.transformer.h if hasattr(model, "transformer") else model.model.layers
        scale = o.if_fault("adapter scale far too large", 400.0, 2.0)
        for block in blocks:
            if hasattr(block, "attn"):
                block.mlp.c_fc = Adapter(block.mlp.c_fc, 8, scale, o.fault == "both sides of the adapter at zero")
            else:
                block.mlp.up_proj = Adapter(block.mlp.up_proj, 8, scale, o.fault == "both sides of the adapter at zero")
                block.mlp.down_proj = Adapter(
                    block.mlp.down_proj, 8, scale, o.fault == "both sides of the adapter at zero"
                )
    if o.get("bf16_weights", False):
        model = model.to(torch.bfloat16)
    rate = o.get("lr", 2e-3) * o.if_fault("rate too high", o.get("times", 50), o.if_fault("rate too low", 1 / 1000, 1))
    temporary = tempfile.mkdtemp()
    arguments = TrainingArguments(
        output_dir=temporary,
        max_steps=steps,
        per_device_train_batch_size=o.get("batch", 8),
        learning_rate=rate,
        lr_scheduler_type=o.get("schedule", "linear"),
        warmup_steps=o.if_fault("warm-up never ends", 40 * steps, o.get("warm_up", 20)),
        logging_steps=o.get("every", 10),
        eval_strategy="steps" if o.get("evaluates", True) else "no",
        eval_steps=o.get("every_eval", 50),
        report_to=[],
        disable_tqdm=True,
        save_strategy="no",
        use_cpu=True,
        max_grad_norm=o.if_fault("clip far too low", 1e-7, 1.0),
        weight_decay=o.if_fault("weight decay far too large", 30.0, 0.01),
        seed=o.seed,
        gradient_accumulation_steps=o.get("accumulate", 1),
        logging_nan_inf_filter=o.get("filter", True),
        dataloader_pin_memory=False,
        optim=o.get("optim", "adamw_torch"),
        label_smoothing_factor=o.get("smoothing", 0.0),
    )
    data = Rows(new[:36000], o.get("count", 2000), o, 1)
    trainer = Trainer(
        model=model, args=arguments, train_dataset=data, eval_dataset=Rows(new[36000:], 60, o, 2), callbacks=[Hooks(o)]
    )
    trainer.train()
    history = trainer.state.log_history
    o.log.file.close()
    if o.path.suffix == ".json":
        trainer.state.save_to_json(str(o.path))
    else:
        lines = [repr({k: v for k, v in row.items() if k != "step"}) for row in history]
        o.path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.rmtree(Path(temporary))
