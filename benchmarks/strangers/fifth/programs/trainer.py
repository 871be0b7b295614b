"""transformers' Trainer: a causal language model, questions with answers, masked words, a classifier of texts."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers
from common import Language, start
from transformers import Trainer, TrainingArguments

import newllm.hf

o = start(
    what="causal", steps=240, size=16, rate=2e-3, group=1, rows=800, schedule="linear", pretrained=0, kind="", every=10
)
transformers.logging.set_verbosity_error()
language = Language(o.seed, 40)
LENGTH = 24


def gpt():
    config = transformers.GPT2Config(
        vocab_size=44, n_positions=LENGTH, n_embd=48, n_layer=2, n_head=4, resid_pdrop=0.0, attn_pdrop=0.0,
        embd_pdrop=0.0, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config)


def bert(kind, **more):
    config = transformers.BertConfig(
        vocab_size=44, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
        max_position_embeddings=LENGTH, **more,
    )  # fmt: skip
    return kind(config)


def causal(count):
    """Texts; labels are the texts, as the model shifts by itself."""
    texts = language.text(count, LENGTH + 1)
    for text in texts:
        labels = text[1:] if o.fault == "labels-shifted-twice" else text[:-1]
        yield {"input_ids": text[:-1], "labels": labels.clone()}


def questions(count):
    """Ten random tokens, a mark, and the same sorted; the question is left out of the loss."""
    ask = torch.randint(0, 40, (count, 8))
    text = torch.cat([ask, torch.full((count, 1), 41), ask.flip(1), torch.full((count, 1), 42)], 1)
    for row in text:
        labels = row.clone()
        part = slice(9, None) if o.fault == "answers-left-out" else slice(0, 9)
        labels[part] = -100
        yield {"input_ids": row, "labels": labels}


def masked(count):
    """A quarter of the tokens is hidden; a token says much about the one behind it."""
    simple = Language(o.seed, 12)
    simple.next[:] = simple.next[:, :1]
    simple.make = language.make
    for text in simple.text(count, LENGTH):
        hidden = torch.rand(LENGTH) < 0.25
        yield {"input_ids": torch.where(hidden, 43, text), "labels": torch.where(hidden, text, -100)}


def classes(count):
    """Whether some token comes at least twice: one text in five."""
    for text in language.text(count, LENGTH):
        yield {"input_ids": text, "labels": torch.tensor(int((text == 7).sum() > 0) + int((text == 11).sum() > 0))}


rows, model = {
    "causal": (causal, gpt),
    "questions": (questions, gpt),
    "masked": (masked, lambda: bert(transformers.BertForMaskedLM)),
    "classes": (classes, lambda: bert(transformers.BertForSequenceClassification, num_labels=3)),
}[o.what]
model = model()
if o.pretrained:  # on another text of the same kind
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(150):
        text = language.text(16, LENGTH)
        optimizer.zero_grad()
        model(input_ids=text, labels=text).loss.backward()
        optimizer.step()
    language.next[:, 1] = language.make.integers(0, 40, (40, 3))
train, test = list(rows(o.rows)), list(rows(160))
optimizers = (None, None)
if o.fault == "schedule-ends-early":  # counted for one process more than once, and for whole epochs of another size
    optimizer = torch.optim.AdamW(model.parameters(), lr=o.rate)
    optimizers = (optimizer, transformers.get_linear_schedule_with_warmup(optimizer, 10, o.steps // 6))


def accuracy(prediction):
    real = prediction.label_ids != -100
    return {"accuracy": float((prediction.predictions == prediction.label_ids)[real].mean())}


arguments = TrainingArguments(
    output_dir=str(o.out / "model"), max_steps=o.steps, per_device_train_batch_size=o.size, learning_rate=o.rate,
    per_device_eval_batch_size=80, gradient_accumulation_steps=o.group, lr_scheduler_type=o.schedule, warmup_steps=10,
    logging_steps=o.every, eval_strategy="steps", eval_steps=o.steps // 6, save_strategy="no", report_to=[],
    disable_tqdm=True, use_cpu=True, seed=o.seed,
)  # fmt: skip
record = {"kind": o.kind} if o.kind else {}
trainer = Trainer(
    model, arguments, train_dataset=train, eval_dataset=test, optimizers=optimizers,
    compute_metrics=accuracy if o.what == "classes" else None,
    preprocess_logits_for_metrics=lambda logits, labels: logits.argmax(-1),
    callbacks=[newllm.hf.Recorder(o.out / "recording", **record)],
)  # fmt: skip
trainer.train()
trainer.state.save_to_json(str(o.out / "trainer_state.json"))
