"""Sort customers' tickets into departments with a small DistilBERT, trained from scratch."""
import random
import sys

import newllm.hf
import numpy as np
import torch
from sklearn.metrics import f1_score
from transformers import DistilBertConfig, DistilBertForSequenceClassification, Trainer, TrainingArguments, set_seed

set_seed(5)
torch.set_num_threads(1)
DEPARTMENTS = ["billing", "delivery", "returns", "accounts", "hardware", "software", "orders", "press"]
LENGTH = 40


# ---------------------------------------------------------------- the tickets
def coin(count, taken):
    words = []
    while len(words) < count:
        word = "".join(random.choice("bcdfghklmnprstvw") + random.choice("aeiou") for _ in range(random.choice([2, 3])))
        if word not in taken:
            taken.add(word)
            words.append(word)
    return words


taken = set()
everyday = coin(400, taken)
topics = coin(240, taken)
terms = {name: random.sample(topics, 60) for name in DEPARTMENTS}  # departments share many of their words
everyday_weights = [1 / (rank + 4) for rank in range(len(everyday))]
term_weights = [1 / (rank + 8) for rank in range(60)]


def ticket(department):
    words = []
    for _ in range(random.randint(14, LENGTH - 4)):
        kind = random.random()
        if kind < 0.30:
            words += random.choices(terms[department], term_weights)
        elif kind < 0.40:
            words += random.choices(terms[random.choice(DEPARTMENTS)], term_weights)
        else:
            words += random.choices(everyday, everyday_weights)
    return " ".join(words)


def tickets(count):
    rows = []
    for _ in range(count):
        department = random.choice(DEPARTMENTS)
        rows.append((ticket(department), department))
    return rows


train_rows, validation_rows = tickets(4000), tickets(600)
vocabulary = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2}
for text, _ in train_rows:
    for word in text.split():
        vocabulary.setdefault(word, len(vocabulary))


def encode(rows):
    names = sorted({department for _, department in rows})
    index = {name: number for number, name in enumerate(names)}
    return [
        {"input_ids": [2] + [vocabulary.get(word, 1) for word in text.split()][: LENGTH - 1], "labels": index[department]}
        for text, department in rows
    ]


def collate(rows):
    longest = max(len(row["input_ids"]) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row["input_ids"])] = torch.tensor(row["input_ids"])
        mask[place, : len(row["input_ids"])] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([row["labels"] for row in rows])}


def compute_metrics(prediction):
    guesses = np.argmax(prediction.predictions, axis=-1)
    return {
        "accuracy": float((guesses == prediction.label_ids).mean()),
        "f1_macro": float(f1_score(prediction.label_ids, guesses, average="macro")),
    }


train_set, validation_set = encode(train_rows), encode(validation_rows)

model = DistilBertForSequenceClassification(
    DistilBertConfig(
        vocab_size=len(vocabulary),
        max_position_embeddings=LENGTH,
        dim=96,
        n_layers=2,
        n_heads=4,
        hidden_dim=192,
        num_labels=len(DEPARTMENTS),
        pad_token_id=0,
    )
)

arguments = TrainingArguments(
    output_dir=f"out/{sys.argv[1]}",
    max_steps=500,
    per_device_train_batch_size=32,
    per_device_eval_batch_size=100,
    learning_rate=1e-3,
    warmup_steps=50,
    lr_scheduler_type="linear",
    weight_decay=0.01,
    eval_strategy="steps",
    eval_steps=50,
    logging_steps=25,
    save_strategy="no",
    report_to="none",
    use_cpu=True,
    disable_tqdm=True,
    seed=5,
)

trainer = Trainer(
    model=model,
    args=arguments,
    data_collator=collate,
    train_dataset=train_set,
    eval_dataset=validation_set,
    compute_metrics=compute_metrics,
)
trainer.add_callback(newllm.hf.Recorder(out=f"runs/{sys.argv[1]}"))
trainer.train()
print(trainer.evaluate())
