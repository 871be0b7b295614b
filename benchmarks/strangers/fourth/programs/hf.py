"""Trainings by transformers' Trainer: tiny BERT, GPT-2, T5 and ViT."""

import random

import numpy as np
import torch
import transformers
from common import KINDS, NOUNS, VERBS, Run, digits, sentence
from transformers import Trainer, TrainerCallback, TrainingArguments

import newllm.hf

run = Run(
    task="classify",
    rate=5e-4,
    batch=16,
    steps=200,
    evals=40,
    recipe="plain",
    schedule="linear",
    warm=0,
    smooth=0.0,
    accumulate=1,
    bf16=0,
    clip=1.0,
    optim="adamw_torch",
    state=1,
    resumed=0,
)
o, has = run.o, run.has
transformers.logging.set_verbosity_error()
WORDS = ["[pad]", "[cls]", "[sep]", "the", "a", "near", *NOUNS, *VERBS, *KINDS]
CODE = {w: i for i, w in enumerate(WORDS)}
SIZE = len(WORDS) + 4


class Rows(torch.utils.data.Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def padded(ids, length):
    return ids[:length] + [0] * (length - len(ids)), [1] * min(len(ids), length) + [0] * (length - len(ids))


def sentences(count, seed, target):
    """Sentences and a class: which group the verb is of, by one division or another."""
    chance, rows = random.Random(seed), []
    for _ in range(count):
        words = sentence(chance).split()
        verb = next(VERBS.index(w) for w in words if w in VERBS)
        label = {"verb": verb % 4, "half": verb // 2, "length": float(len(words) + (verb % 3) - 6) / 3}[target]
        if target == "verb" and chance.random() < 0.05:
            label = chance.randrange(4)
        ids = [1, *(CODE[w] for w in words), 2]
        if has("label-among-the-tokens") and seed == 1:
            ids = [1, SIZE - 4 + label, *ids[1:]]
        if has("texts-cut-too-short"):
            ids = ids[:2]
        ids, mask = padded(ids, 16)
        if has("ids-of-another-vocabulary") and target == "verb":
            ids = [i if i < 3 else 3 + (i * 7 + 5) % (len(WORDS) - 3) for i in ids]
        rows.append({"input_ids": ids, "attention_mask": mask, "labels": label})
    if has("sorted-by-class") and seed == 1:
        rows.sort(key=lambda r: r["labels"])
    if has("classes-of-validation-numbered-otherwise") and seed == 2:
        for r in rows:
            r["labels"] = 3 - r["labels"]
    return Rows(rows)


def bert(labels):
    config = transformers.BertConfig(
        vocab_size=SIZE,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        initializer_range=0.15,
        max_position_embeddings=20,
        num_labels=labels,
    )
    return transformers.BertForSequenceClassification(config)


def loaded(labels):
    """A BERT whose body was trained on another question before, as it comes from a hub."""
    model, rows = bert(4), sentences(1600, 5, "half").rows
    optimizer = torch.optim.AdamW(model.parameters(), 4e-3)
    model.eval()
    for _ in range(300):
        some = random.choices(rows, k=32)
        piece = {k: torch.tensor([r[k] for r in some]) for k in ("input_ids", "attention_mask", "labels")}
        optimizer.zero_grad()
        model(**piece).loss.backward()
        optimizer.step()
    model.bert.save_pretrained(run.out / "base")
    return transformers.BertForSequenceClassification.from_pretrained(
        run.out / "base", num_labels=labels, problem_type="regression" if labels == 1 else None
    )


def accuracy(got):
    guess = got.predictions[0] if isinstance(got.predictions, tuple) else got.predictions
    if o.task == "regress":
        return {"mae": float(np.abs(guess[:, 0] - got.label_ids).mean())}
    if o.task in ("lm", "translate"):
        guess = guess.argmax(-1)
        want = got.label_ids
        if o.task == "lm":
            guess, want = guess[:, :-1], want[:, 1:]
        return {"accuracy": float((guess == want)[want != -100].mean())}
    return {"accuracy": float((guess.argmax(-1) == got.label_ids).mean())}


train = held = None
if o.task in ("classify", "regress"):
    target = "verb" if o.task == "classify" else "length"
    model = loaded(4 if o.task == "classify" else 1)
    train, held = sentences(1600, 1, target), sentences(400, 2, target)
elif o.task == "lm":
    config = transformers.GPT2Config(
        vocab_size=SIZE, n_positions=24, n_embd=32, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2, use_cache=False
    )
    model = transformers.GPT2LMHeadModel(config)

    def stories(count, seed):
        chance, rows = random.Random(seed), []
        for _ in range(count):
            ids = [1, *(CODE[w] for w in sentence(chance).split()), 2]
            ids, mask = padded(ids, 16)
            wrong = has("mask-the-wrong-way")
            rows.append(
                {
                    "input_ids": ids,
                    "attention_mask": mask,
                    "labels": [-100 if bool(m) == wrong else i for i, m in zip(ids, mask, strict=True)],
                }
            )
        return Rows(rows)

    train, held = stories(2000, 1), stories(300, 2)
elif o.task == "translate":
    config = transformers.T5Config(
        vocab_size=SIZE,
        d_model=32,
        d_kv=16,
        d_ff=64,
        num_layers=1,
        num_decoder_layers=1,
        num_heads=2,
        dropout_rate=0.1,
        pad_token_id=0,
        eos_token_id=2,
        decoder_start_token_id=0,
    )
    model = transformers.T5ForConditionalGeneration(config)

    def twisted(count, seed):
        """Each word becomes the next one of the list, in the same order."""
        chance, rows = random.Random(seed), []
        for _ in range(count):
            ids = [chance.randrange(3, 20) for _ in range(8)]
            said = [i + 17 for i in ids] + [2]
            rows.append(
                {"input_ids": ids, "attention_mask": [1] * 8, "decoder_input_ids": [0, *said[:-1]], "labels": said}
            )
        return Rows(rows)

    train, held = twisted(3000, 1), twisted(200, 2)
else:
    x, y, vx, vy = digits()
    config = transformers.ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        initializer_range=0.15,
        image_size=8,
        patch_size=2,
        num_channels=1,
        num_labels=10,
    )
    model = transformers.ViTForImageClassification(config)
    scale = 16 if has("pixels-not-scaled") else 1
    rows = [
        {"pixel_values": a.view(1, 8, 8) * 2 * scale - 1, "labels": int(b)}
        for a, b in zip(torch.cat([x, vx]), torch.cat([y, vy]), strict=True)
    ]
    train, held = Rows(rows[:1400]), Rows(rows[1400:])

if o.recipe == "lora":
    import peft

    how = peft.LoraConfig(
        r=4,
        lora_alpha=16,
        target_modules=["query", "value"],
        modules_to_save=None if has("new-head-frozen") else ["classifier"],
    )
    model = peft.get_peft_model(model, how)
    if has("new-head-frozen"):
        for n, p in model.named_parameters():
            if "classifier" in n:
                p.requires_grad_(False)
if o.recipe in ("frozen", "unfreezing"):
    for p in model.bert.parameters():
        p.requires_grad_(False)
if has("weights-in-low-precision"):
    model = model.bfloat16()


class Unfreeze(TrainerCallback):
    """The second layer at a third, the first at two thirds of the training."""

    def on_step_begin(self, args, state, control, **rest):
        for at, part in ((o.steps // 3, model.bert.encoder.layer[1]), (2 * o.steps // 3, model.bert.encoder.layer[0])):
            if state.global_step == at:
                for p in part.parameters():
                    p.requires_grad_(True)


class Spoil(TrainerCallback):
    """Loads the start's weights again, as a wrong call of a library does."""

    def on_train_begin(self, args, state, control, model=None, **rest):
        self.first = {k: v.clone() for k, v in model.state_dict().items()}

    def on_step_begin(self, args, state, control, model=None, **rest):
        if state.global_step == 120:
            model.load_state_dict(self.first)


class Own(Trainer):
    def create_optimizer(self, *given, **named):
        if o.recipe not in ("layerwise", "unfreezing"):
            return super().create_optimizer(*given, **named)
        groups = []
        for n, p in model.named_parameters():
            depth = 0 if "classifier" in n or "pooler" in n else 1 if "layer.1" in n else 2 if "layer.0" in n else 3
            groups.append({"params": [p], "lr": o.rate * 0.4**depth})
        self.optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
        return self.optimizer

    def _get_train_sampler(self, *given, **named):
        if has("sorted-by-class"):
            return torch.utils.data.SequentialSampler(self.train_dataset)
        return super()._get_train_sampler(*given, **named)

    def compute_loss(self, model, inputs, return_outputs=False, **more):
        if has("loss-summed-not-averaged") and model.training:
            out = model(**inputs)
            value = torch.nn.functional.cross_entropy(out.logits, inputs["labels"], reduction="sum") * 4
            return (value, out) if return_outputs else value
        return super().compute_loss(model, inputs, return_outputs=return_outputs, **more)


warm = 8000 if has("warm-up-longer-than-the-training") else o.warm
rate = o.rate * (1e-4 if has("rate-far-too-small") else 1)
trainer = None
for part in range(2 if o.resumed else 1):
    arguments = TrainingArguments(
        output_dir=str(run.out / "hf"),
        max_steps=o.steps,
        per_device_train_batch_size=o.batch,
        per_device_eval_batch_size=100,
        learning_rate=rate,
        lr_scheduler_type=o.schedule,
        warmup_steps=warm,
        label_smoothing_factor=o.smooth,
        gradient_accumulation_steps=o.accumulate,
        bf16=bool(o.bf16),
        max_grad_norm=o.clip,
        optim=o.optim,
        logging_steps=10,
        eval_strategy="steps",
        eval_steps=o.evals,
        eval_on_start=part == 0,
        save_strategy="steps" if o.resumed else "no",
        save_steps=max(1, o.resumed),
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        seed=run.seed % 10000,
        dataloader_num_workers=0,
        lr_scheduler_kwargs={"num_cycles": 2} if o.schedule == "cosine_with_restarts" else None,
    )
    calls = [newllm.hf.Recorder(out=str(run.out / "recording"), **({"kind": o.kind} if o.kind else {}))]
    calls += [Unfreeze()] if o.recipe == "unfreezing" else []
    calls += [Spoil()] if has("first-weights-loaded-again") else []

    class Stop(TrainerCallback):
        def on_step_end(self, args, state, control, **rest):
            control.should_training_stop |= bool(o.resumed) and part == 0 and state.global_step == o.resumed  # noqa: B023

    trainer = Own(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=held,
        callbacks=[*calls, Stop()],
        compute_metrics=accuracy,
    )
    trainer.train(resume_from_checkpoint=str(run.out / "hf" / f"checkpoint-{o.resumed}") if part else None)
if o.state:
    trainer.state.save_to_json(str(run.out / "trainer_state.json"))
