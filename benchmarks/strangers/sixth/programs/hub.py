"""transformers' Trainer on small models. python hub.py --out DIR [--fault F] [--set k=v ...]"""

import random
import re

import torch
import transformers
from common import NAMES, Given, sentence, text
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments

import newllm.hf

given = Given()
what, steps, rate, batch = given("what", "adapter"), given("steps", 250), given("rate", 0.002), given("batch", 16)
draw = random.Random(given.seed)
SIZE = {"n_embd": 48, "n_layer": 2, "n_head": 4, "n_positions": 64}


class Rows(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return dict(self.rows[i])


def trainer_of(model, train, validation, collate=None, metrics=None, **more):
    options = {
        "output_dir": str(given.out / "output"), "max_steps": steps, "learning_rate": rate, "per_device_train_batch_size": batch,
        "per_device_eval_batch_size": 64, "logging_steps": 10, "eval_strategy": "steps", "eval_steps": given("evaluate", 50),
        "save_strategy": "no", "report_to": [], "use_cpu": True, "seed": given.seed, "dataloader_pin_memory": False,
        "gradient_accumulation_steps": given("group", 1), "warmup_steps": given("warm", 10), "disable_tqdm": True,
        "lr_scheduler_type": given("schedule", "linear"), "weight_decay": given("decay", 0.0),
        "label_smoothing_factor": given("smooth", 0.0), "optim": given("optimizer", "adamw_torch"),
    } | more  # fmt: skip
    if given.has("warmup-of-the-default-length"):
        options["warmup_steps"] = 500
    trainer = Trainer(model=model, args=TrainingArguments(**options), train_dataset=train, eval_dataset=validation,
                      data_collator=collate, compute_metrics=metrics)  # fmt: skip
    trainer.add_callback(newllm.hf.Recorder(out=given.recording, **given.extra))
    trainer.train()
    trainer.state.save_to_json(str(given.out / "trainer_state.json"))


def pieces(written, letters, length=48):
    ids = [letters.index(c) for c in written]
    return Rows([{"input_ids": torch.tensor(ids[i : i + length]), "labels": torch.tensor(ids[i : i + length])}
                 for i in range(0, len(ids) - length, length)])  # fmt: skip


def pretrained(model, rows, rounds):
    """Trained elsewhere, before this training."""
    optimizer = torch.optim.AdamW(model.parameters(), 0.003)
    for _ in range(rounds):
        chosen = [rows[draw.randrange(len(rows))] for _ in range(16)]
        loss = model(**{k: torch.stack([r[k] for r in chosen]) for k in chosen[0]}).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def adapter():
    """LoRA on a small GPT-2 that has read another text; the new one speaks in another way."""
    import peft

    old = text(900, given.seed)
    new = re.sub(r"\bthe\b", "ye", text(1200, given.seed + 1)).replace("ed ", "eth ")
    letters = sorted(set(old + new))
    model = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=len(letters), bos_token_id=0, eos_token_id=0, **SIZE)
    )
    pretrained(model, pieces(old, letters), 250)
    if given("frozen", 0):
        for name, p in model.named_parameters():
            p.requires_grad = "h.1" in name or "ln_f" in name
    else:
        config = peft.LoraConfig(
            r=8, lora_alpha=16, target_modules=["c_attn", "c_fc", "c_proj"], lora_dropout=0.05, fan_in_fan_out=True
        )
        model = peft.get_peft_model(model, config)
        model.print_trainable_parameters()
    cut = int(0.9 * len(new))
    low = {"learning_rate": 2e-5} if given.has("rate-of-a-full-fine-tuning") else {}
    trainer_of(model, pieces(new[:cut], letters), pieces(new[cut:], letters), **low)


def lines():
    """Single sentences, each with an end."""
    sentences = [sentence(draw) for _ in range(1500)]
    sentences = [s for s in sentences if len(s) < 60]
    letters = ["<end>", "<pad>", *sorted(set("".join(sentences)))]
    pad = 0 if given.has("padding-is-the-end") else 1

    def collate(rows):
        longest = max(len(r["ids"]) for r in rows)
        ids = torch.full((len(rows), longest), pad)
        for i, r in enumerate(rows):
            ids[i, : len(r["ids"])] = torch.tensor(r["ids"])
        labels = torch.where(ids == pad, -100, ids)
        mask = torch.zeros_like(ids)
        for i, r in enumerate(rows):
            mask[i, : len(r["ids"])] = 1
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    rows = [{"ids": [0, *[letters.index(c) for c in s], 0], "labels": 0} for s in sentences]
    model = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=len(letters), bos_token_id=0, eos_token_id=0, **SIZE)
    )
    trainer_of(model, Rows(rows[:-150]), Rows(rows[-150:]), collate, remove_unused_columns=False)
    model.eval()
    ids = torch.zeros(20, 1, dtype=torch.long)
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=60, do_sample=True, eos_token_id=0, pad_token_id=1
    )
    ends = [int((row[1:] == 0).nonzero()[0]) if (row[1:] == 0).any() else 60 for row in out]
    print({"generated_length": sum(ends) / len(ends), "ended": sum(e < 60 for e in ends)})


def names():
    """BERT marks the words of a sentence that are names."""
    sentences = [sentence(draw).replace(".", " .").replace(",", " ,").split() for _ in range(1200)]
    words = ["<pad>", *sorted({w for s in sentences for w in s})]
    strange = {n: n for n in NAMES}

    def row(s):
        ids = ([words.index(w) for w in s] + [0] * 20)[:20]
        marks = (
            [int(w in strange) if draw.random() > given("noise", 0.0) else 1 - int(w in strange) for w in s]
            + [-100] * 20
        )[:20]
        return {
            "input_ids": torch.tensor(ids),
            "attention_mask": torch.tensor([int(i > 0) for i in ids]),
            "labels": torch.tensor(marks),
        }

    rows = [row(s) for s in sentences]

    def metrics(found):
        right = found.predictions.argmax(-1) == found.label_ids
        return {"accuracy": right[found.label_ids != -100].mean()}

    config = transformers.BertConfig(vocab_size=len(words), hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
                                     intermediate_size=96, max_position_embeddings=32, num_labels=2)  # fmt: skip
    model = transformers.BertForTokenClassification(config)
    trainer_of(model, Rows(rows[:-200]), Rows(rows[-200:]), None, metrics)


def translate():
    """T5 writes numbers in words as figures."""
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    vocabulary = ["<pad>", "</s>", *words, *"0123456789"]

    def row():
        figures = [draw.randrange(10) for _ in range(draw.randint(2, 6))]
        source = [vocabulary.index(words[f]) for f in figures] + [1]
        target = [vocabulary.index(str(f)) for f in reversed(figures)] + [1]
        return {"input_ids": torch.tensor(source + [0] * (7 - len(source))), "labels": torch.tensor(target + [-100] * (7 - len(target))),
                "attention_mask": torch.tensor([1] * len(source) + [0] * (7 - len(source)))}  # fmt: skip

    rows = [row() for _ in range(3000)]
    config = transformers.T5Config(vocab_size=len(vocabulary), d_model=48, d_kv=12, num_heads=4, d_ff=96, num_layers=2,
                                   decoder_start_token_id=0, pad_token_id=0, eos_token_id=1, dropout_rate=0.0)  # fmt: skip
    trainer_of(transformers.T5ForConditionalGeneration(config), Rows(rows[:-300]), Rows(rows[-300:]))


if __name__ == "__main__":
    {"adapter": adapter, "lines": lines, "names": names, "translate": translate}[what]()
