"""Transformers' Trainer: language models, masked language models and classifiers of texts, small ones.

The log is trainer_state.json (`style=state`) or what Trainer prints.
"""

import os
import shutil
from pathlib import Path

os.environ["TRANSFORMERS_NO_ADVISORY_WARNINGS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import torch.nn.functional as F
from common import english, start
from torch.utils.data import Dataset, SequentialSampler
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

LENGTH = 40


class Rows(Dataset):
    """Dictionaries of tensors."""

    def __init__(self, **columns):
        self.columns = columns

    def __len__(self):
        return len(self.columns["input_ids"])

    def __getitem__(self, i):
        return {name: column[i] for name, column in self.columns.items()}


def encode(text, letters):
    """Numbers of characters; the last is for those unknown."""
    ids = {c: i for i, c in enumerate(letters)}
    return torch.tensor([ids.get(c, len(letters)) for c in text])


def windows(ids, count, draw, length=LENGTH):
    """Random windows."""
    at = torch.randint(0, len(ids) - length, (count,), generator=draw)
    return torch.stack([ids[a : a + length] for a in at])


def sources():
    """Texts of four kinds."""
    import argparse
    import html.entities
    import statistics

    code, numbers = Path(statistics.__file__).read_text(), Path(html.entities.__file__).read_text()
    return english(120_000), code, numbers[:60_000], Path(argparse.__file__).read_text()


def causal(run, draw):
    """A language model of characters."""
    text = english(150_000)
    letters = sorted(set(text))
    if run.has("vocabulary-of-another-file"):  # nearly every character is unknown
        letters = letters[-6:]
    ids = encode(text, letters)
    pad, cut = len(letters), int(len(ids) * 0.9)

    def rows(part, count, evaluation=False):
        inputs = windows(part, count, draw)
        labels = inputs.clone()
        mask = torch.ones_like(inputs)
        if run.get("padded", 0):
            ends = torch.randint(5, LENGTH // 3, (count, 1), generator=draw)
            outside = torch.arange(LENGTH) >= ends
            inputs = inputs.masked_fill(outside, pad)
            mask = (~outside).long()
            labels = inputs.clone()
            if not run.has("padding-in-the-loss"):
                labels[outside] = -100
        if run.has("everything-masked"):  # the template of the answer was not found in any row
            labels[:] = -100
        if run.has("everything-masked-in-some"):
            labels[torch.rand(count, generator=draw) < 0.85] = -100
        if run.has("labels-shifted-twice"):
            labels = torch.cat([labels[:, 1:], torch.full((count, 1), -100)], 1)
        return Rows(input_ids=inputs, labels=labels, attention_mask=mask)

    size = len(letters) + 1
    if run.get("family", "gpt2") == "llama":
        model = LlamaForCausalLM(LlamaConfig(
            vocab_size=size, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=64, bos_token_id=0, eos_token_id=0, pad_token_id=pad,
        ))  # fmt: skip
    else:
        model = GPT2LMHeadModel(GPT2Config(
            vocab_size=size, n_positions=64, n_embd=48, n_layer=2, n_head=3, bos_token_id=0, eos_token_id=0,
            resid_pdrop=run.get("dropout", 0.0), embd_pdrop=0.0, attn_pdrop=0.0,
        ))  # fmt: skip
    if run.get("pretrain", 0):
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        for _ in range(run.get("pretrain", 0)):
            batch = windows(ids[:cut], 16, draw)
            optimizer.zero_grad()
            model(input_ids=batch, labels=batch).loss.backward()
            optimizer.step()
        code = encode(sources()[1], letters)  # then fine-tuned on code
        ids, cut = code, int(len(code) * 0.9)
    if run.has("checkpoint-not-loaded"):
        model.apply(model._init_weights)
    if run.has("new-rows-of-wide-numbers"):
        with torch.no_grad():
            model.get_input_embeddings().weight[: size // 2].normal_(std=3.0)
    return model, rows(ids[:cut], run.get("rows", 2400)), rows(ids[cut:], 96, True)


def masked(run, draw):
    """A masked language model of made-up texts: each is about one of twelve subjects, with words of its own."""
    size, mask_id = 60, 61
    subjects = (torch.randn(12, size, generator=draw) * 2.5).softmax(-1)
    share = 0.97 if run.has("masks-nearly-everything") else 0.2

    def rows(count):
        about = torch.randint(0, len(subjects), (count,), generator=draw)
        labels = torch.multinomial(subjects[about], LENGTH, replacement=True, generator=draw)
        chosen = torch.rand(labels.shape, generator=draw) < share
        inputs = labels.masked_fill(chosen, mask_id)
        if run.has("nothing-is-masked"):  # the mask was made, and the inputs were passed as they were
            inputs = labels.clone()
        if not run.has("unmasked-in-the-loss"):
            labels = labels.masked_fill(~chosen, -100)
        return Rows(input_ids=inputs, labels=labels, attention_mask=torch.ones_like(inputs))

    model = BertForMaskedLM(BertConfig(
        vocab_size=size + 2, hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=96, max_position_embeddings=64, hidden_dropout_prob=0.0, initializer_range=0.1,
    ))  # fmt: skip
    return model, rows(run.get("rows", 3000)), rows(96)


def classifier(run, draw):
    """Which of four texts a window is from."""
    texts = sources()
    letters = sorted(set("".join(texts)))
    parts = [encode(t, letters) for t in texts]
    each = run.get("rows", 2400) // 4

    def rows(counts, low, high, evaluation=False):
        made, labels = [], []
        for label, (part, count) in enumerate(zip(parts, counts, strict=True)):
            made.append(windows(part[int(low * len(part)) : int(high * len(part))], count, draw))
            labels += [label] * count
        inputs, labels = torch.cat(made), torch.tensor(labels)
        if not run.has("sorted-by-class") or evaluation:
            order = torch.randperm(len(inputs), generator=draw)
            inputs, labels = inputs[order], labels[order]
        if run.has("label-names-in-another-order") and evaluation:
            labels = (labels + 1) % 4
        if run.has("labels-random-part") and not evaluation:
            noisy = torch.rand(len(labels), generator=draw) < 0.6
            labels = torch.where(noisy, torch.randint(0, 4, labels.shape, generator=draw), labels)
        if run.has("texts-cut-to-nothing"):  # max_length of another model
            inputs = inputs.clone()
            inputs[:, 1:] = len(letters)
        return Rows(input_ids=inputs, labels=labels, attention_mask=torch.ones_like(inputs))

    counts = [each * 4 - 45, 15, 15, 15] if run.has("one-class-is-nearly-all") else [each] * 4
    model = BertForSequenceClassification(BertConfig(
        vocab_size=len(letters) + 1, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
        max_position_embeddings=64, num_labels=4, hidden_dropout_prob=run.get("dropout", 0.1),
    ))  # fmt: skip
    if run.has("frozen-by-mistake"):
        for name, weights in model.named_parameters():
            weights.requires_grad_("LayerNorm.bias" in name)
    if run.get("probe", 0):
        for weights in model.bert.parameters():
            weights.requires_grad_(False)
    return model, rows(counts, 0, 0.85), rows([40] * 4, 0.85, 1, True)


class Recording(TrainerCallback):
    """newllm.record from a callback; the loss comes from the trainer below."""

    def __init__(self, run):
        self.run, self.loss, self.recorder = run, None, None

    def on_train_begin(self, args, state, control, model=None, optimizer=None, **_):
        self.context = self.run.recorder(model, getattr(optimizer, "optimizer", optimizer))
        self.recorder = self.context.__enter__()

    def on_step_end(self, args, state, control, **_):
        self.recorder.step(self.loss)

    def on_evaluate(self, args, state, control, metrics=None, **_):
        if self.recorder is not None and metrics:
            self.recorder.validation(metrics["eval_loss"])

    def on_train_end(self, args, state, control, **_):
        self.context.__exit__(None, None, None)
        self.recorder = None


class Mine(Trainer):
    """A trainer with what people override in it."""

    run, recording = None, None

    def compute_loss(self, model, inputs, return_outputs=False, **more):
        if self.run.has("loss-summed"):
            outputs = model(**{k: v for k, v in inputs.items() if k != "labels"})
            loss = F.cross_entropy(outputs.logits, inputs["labels"], reduction="sum")
        else:
            loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **more)
        if self.recording is not None:
            self.recording.loss = loss.detach()
        return (loss, outputs) if return_outputs else loss

    def _get_train_sampler(self, *given):
        if self.run.has("sorted-by-class"):
            return SequentialSampler(self.train_dataset)
        return super()._get_train_sampler(*given)


def accuracy(predicted):
    """Share of right answers."""
    return {"accuracy": float((predicted.predictions.argmax(-1) == predicted.label_ids).mean())}


def main():
    """Trains."""
    run = start()
    draw = torch.Generator().manual_seed(run.seed)
    task = run.get("task", "causal")
    model, training, validation = {"causal": causal, "masked": masked, "classifier": classifier}[task](run, draw)
    if run.get("lora", 0):
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(r=4, lora_alpha=16, target_modules=["c_attn"], fan_in_fan_out=True))
        if run.has("both-adapters-zero"):
            for name, weights in model.named_parameters():
                if "lora_" in name:
                    torch.nn.init.zeros_(weights)
    if run.has("weights-in-bfloat16"):
        model = model.bfloat16()
    steps, rate = run.get("steps", 160), run.get("lr", 2e-3)
    rate *= 600 if run.has("rate-too-high") else 1
    rate = 5e-7 if run.has("rate-too-low") else rate
    warm = 40 * steps if run.has("warmup-longer-than-training") else run.get("warmup", 10)
    state = run.get("style", "state") == "state"
    args = TrainingArguments(
        output_dir=str(run.out / "trainer"), max_steps=steps, learning_rate=rate, warmup_steps=warm,
        lr_scheduler_type=run.get("schedule", "linear"),
        lr_scheduler_kwargs={"num_cycles": 3} if run.get("schedule", "") == "cosine_with_restarts" else {},
        per_device_train_batch_size=run.get("batch", 16), gradient_accumulation_steps=run.get("accumulate", 1),
        logging_steps=run.get("every", 10), eval_strategy="steps", eval_steps=run.get("evals", 40), save_strategy="no",
        weight_decay=30.0 if run.has("decay-too-strong") else run.get("wd", 0.0),
        max_grad_norm=1e-4 if run.has("clip-too-tight") else run.get("clip", 1.0), optim=run.get("opt", "adamw_torch"),
        adam_epsilon=0.1 if run.has("epsilon-large") else 1e-8, label_smoothing_factor=run.get("smoothing", 0.0),
        report_to=[], disable_tqdm=bool(run.get("no_bar", 1)), use_cpu=True, seed=run.seed % 10_000,
        dataloader_num_workers=0, logging_nan_inf_filter=False, logging_first_step=bool(run.get("first", 0)),
    )  # fmt: skip
    recording = Recording(run) if run.record else None
    Mine.run, Mine.recording = run, recording
    trainer = Mine(
        model=model, args=args, train_dataset=training, eval_dataset=validation,
        compute_metrics=accuracy if task == "classifier" else None, callbacks=[recording] if recording else [],
    )  # fmt: skip
    if run.get("resume_at", 0):
        resumed(run, trainer, args, training, validation)
    else:
        trainer.train()
        if state:
            trainer.state.save_to_json(str(run.out / "trainer_state.json"))
    shutil.rmtree(run.out / "trainer", ignore_errors=True)


def resumed(run, trainer, args, training, validation):
    """Stops in the middle, saves, and goes on as Trainer does, or with a part of the checkpoint gone."""
    from transformers.trainer_callback import TrainerCallback as Base

    at = run.get("resume_at", 0)

    class Stop(Base):
        def on_step_end(self, args, state, control, **_):
            if state.global_step == at:
                control.should_save = control.should_training_stop = True
            return control

    trainer.add_callback(Stop())
    trainer.train()
    folder = run.out / "trainer" / f"checkpoint-{at}"
    if run.has("resumes-without-optimizer"):
        (folder / "optimizer.pt").unlink()
        (folder / "scheduler.pt").unlink()
    again = Mine(model=trainer.model, args=args, train_dataset=training, eval_dataset=validation)
    again.train(resume_from_checkpoint=str(folder))
    if run.get("style", "state") == "state":
        again.state.save_to_json(str(run.out / "trainer_state.json"))


if __name__ == "__main__":
    main()
