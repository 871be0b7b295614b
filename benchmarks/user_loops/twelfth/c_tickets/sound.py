"""Support tickets find their department: an encoder is pretrained on unlabelled tickets and fine-tuned on a few labelled ones."""
import os
import sys
from collections import Counter

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import newllm

DEPARTMENTS = 8
WORDS = 24
WIDTH = 64
TABLE = 1400
PAD, UNKNOWN, MASK = 0, 1, 2
PRETRAINING = 1000
UPDATES = 400
BATCH = 16
EVALUATE_EVERY = 40


class Language:
    """Pseudo-words: 240 common ones, 140 of each department."""

    def __init__(self):
        random = np.random.default_rng(0)
        syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
        words = set()
        while len(words) < 240 + 140 * DEPARTMENTS:
            words.add("".join(random.choice(syllables, random.integers(2, 4))))
        words = random.permutation(sorted(words))
        self.common, self.special = words[:240], words[240:].reshape(DEPARTMENTS, 140)
        self.weights = {n: (1 / np.arange(3, n + 3) ** 0.7) / (1 / np.arange(3, n + 3) ** 0.7).sum() for n in (240, 140)}

    def tickets(self, count, seed):
        random = np.random.default_rng(seed)
        texts, labels = [], random.integers(0, DEPARTMENTS, count)
        for label in labels:
            words = []
            for _ in range(random.integers(14, WORDS + 1)):
                kind = random.random()
                if kind < 0.45:
                    words.append(random.choice(self.common, p=self.weights[240]))
                else:
                    department = label if kind < 0.76 else random.integers(DEPARTMENTS)
                    words.append(random.choice(self.special[department], p=self.weights[140]))
            texts.append(" ".join(words))
        return texts, torch.from_numpy(labels)


def build_vocabulary(texts):
    counts = Counter(word for text in texts for word in text.split())
    return {word: i + 3 for i, (word, _) in enumerate(counts.most_common(TABLE - 3))}


def encode(texts, vocabulary):
    ids = torch.full((len(texts), WORDS), PAD)
    for row, text in enumerate(texts):
        words = [vocabulary.get(word, UNKNOWN) for word in text.split()][:WORDS]
        ids[row, : len(words)] = torch.tensor(words)
    return ids


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(TABLE, WIDTH, padding_idx=PAD)
        self.positions = nn.Parameter(torch.zeros(WORDS, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 2 * WIDTH, dropout=0.1, activation="gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(WIDTH)
        nn.init.normal_(self.words.weight, std=0.1)

    def forward(self, ids):
        x = self.words(ids) + self.positions
        x = self.layers(x, src_key_padding_mask=ids == PAD)
        there = (ids != PAD).unsqueeze(-1)
        return self.norm((x * there).sum(dim=1) / there.sum(dim=1))


class Sorter(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(WIDTH, DEPARTMENTS)

    def forward(self, ids):
        return self.head(self.dropout(self.encoder(ids)))


def pretrain(language, path):
    texts, _ = language.tickets(8000, seed=1)
    vocabulary = build_vocabulary(texts)
    ids = encode(texts, vocabulary)
    encoder = Encoder()
    bias = nn.Parameter(torch.zeros(TABLE))
    optimizer = torch.optim.AdamW([*encoder.parameters(), bias], lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=PRETRAINING)
    for update in range(1, PRETRAINING + 1):
        batch = ids[torch.randint(0, len(ids), (64,))]
        hidden = (torch.rand(batch.shape) < 0.25) & (batch != PAD)
        logits = encoder(batch.masked_fill(hidden, MASK)) @ encoder.words.weight.T + bias
        loss = F.cross_entropy(logits.repeat_interleave(hidden.sum(dim=1), dim=0), batch[hidden])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if update % 100 == 0:
            print(f"pretraining {update}: loss {loss.item():.4f}", flush=True)
    torch.save({"encoder": encoder.state_dict(), "vocabulary": vocabulary}, path)


@torch.no_grad()
def evaluate(model, ids, labels):
    model.eval()
    logits = model(ids)
    model.train()
    return F.cross_entropy(logits, labels).item(), (logits.argmax(dim=1) == labels).float().mean().item()


def finetune(language, path, name):
    texts, labels = language.tickets(240, seed=2)
    held_out_texts, held_out_labels = language.tickets(1000, seed=3)

    saved = torch.load(path)
    encoder = Encoder()
    encoder.load_state_dict(saved["encoder"])
    model = Sorter(encoder)
    vocabulary = saved["vocabulary"]
    ids, held_out = encode(texts, vocabulary), encode(held_out_texts, vocabulary)

    optimizer = torch.optim.AdamW(
        [{"params": model.encoder.parameters(), "lr": 3e-4}, {"params": model.head.parameters(), "lr": 3e-3}], weight_decay=0.05
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda u: min(1.0, (u + 1) / 20) * max(0.05, 1 - u / UPDATES))
    update = 0
    with newllm.record(model, optimizer, out=f"runs/{name}", kind="fine-tune") as recorder:
        while update < UPDATES:
            for rows in torch.randperm(len(ids)).split(BATCH):
                loss = F.cross_entropy(model(ids[rows]), labels[rows])
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                recorder.step(loss)
                update += 1
                if update % EVALUATE_EVERY == 0:
                    validation, accuracy = evaluate(model, held_out, held_out_labels)
                    recorder.validation(validation, accuracy=accuracy)
                    print(f"update {update}: loss {loss.item():.4f}, validation {validation:.4f}, accuracy {accuracy:.4f}", flush=True)


def main(name):
    torch.manual_seed(7)
    torch.set_num_threads(1)
    language = Language()
    os.makedirs("checkpoints", exist_ok=True)
    path = f"checkpoints/{name}.pt"
    pretrain(language, path)
    finetune(language, path, name)


if __name__ == "__main__":
    main(sys.argv[1])
