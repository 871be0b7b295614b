"""Fine-tunes a small GPT-2 of letters, pretrained on one made-up language, on a dialect of it."""

import random
import sys
import tempfile

import torch
from torch.utils.data import Dataset
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, set_seed

import newllm.hf

torch.set_num_threads(1)
set_seed(3)

LETTERS = "abcdefghijklmnopqrstuvwxyz .,"
INDEX = {c: i for i, c in enumerate(LETTERS)}
BLOCK = 64


def language(seed, words=300):
    rng = random.Random(seed)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    vocabulary = ["".join(rng.choice(syllables) for _ in range(rng.randint(1, 3))) for _ in range(words)]
    follows = {w: rng.choices(vocabulary, k=4) for w in vocabulary}
    return vocabulary, follows


def text(spoken, n, seed, change=None):
    vocabulary, follows = spoken
    rng = random.Random(seed)
    out, word, length = [], rng.choice(vocabulary), 0
    while length < n:
        shown = change(word) if change else word
        out.append(shown + rng.choices([" ", ", ", ". "], [8, 1, 1])[0])
        length += len(out[-1])
        word = rng.choice(follows[word]) if rng.random() < 0.9 else rng.choice(vocabulary)
    return torch.tensor([INDEX[c] for c in "".join(out)[:n]])


SHIFT = str.maketrans("pbtdkgaeiou", "fvszhyeioua")


def dialect(word):
    return word.translate(SHIFT) + ("n" if word[-1] in "ae" else "")


class Blocks(Dataset):
    def __init__(self, ids):
        self.ids = ids

    def __len__(self):
        return len(self.ids) // BLOCK

    def __getitem__(self, i):
        block = self.ids[i * BLOCK:(i + 1) * BLOCK]
        return {"input_ids": block, "labels": block}


def pretrained(folder):
    ids = text(language(1), 300_000, 1)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=len(LETTERS), n_positions=BLOCK, n_embd=96, n_layer=2, n_head=4,
                                       resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(160):
        start = torch.randint(len(ids) - BLOCK, (24,))
        batch = torch.stack([ids[s:s + BLOCK] for s in start])
        loss = model(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    print("pretrained:", loss.item())
    model.to(torch.bfloat16).save_pretrained(folder)  # half the size on disk


with tempfile.TemporaryDirectory() as folder:
    pretrained(folder)
    model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)

train = Blocks(text(language(1), 400_000, 2, dialect))
held_out = Blocks(text(language(1), 20_000, 3, dialect))

trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir="out/dialect", max_steps=400, per_device_train_batch_size=16, per_device_eval_batch_size=50,
        learning_rate=3e-5, warmup_steps=20, lr_scheduler_type="cosine", weight_decay=0.01,
        eval_strategy="steps", eval_steps=50, logging_steps=25, save_strategy="no", report_to=[], use_cpu=True, seed=3),
    train_dataset=train,
    eval_dataset=held_out,
)
trainer.add_callback(newllm.hf.Recorder(out="runs/" + sys.argv[1]))
trainer.train()
print(trainer.evaluate())
