"""Tags the words of sentences with a bidirectional GRU over packed rows; many words can have two or three tags."""

import argparse
import csv
import random
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

import newllm

TAGS = ["DET", "ADJ", "NOUN", "VERB", "PREP", "ADV"]
NEXT = {
    None: {"DET": 6, "NOUN": 2, "ADV": 1, "PREP": 1},
    "DET": {"ADJ": 3, "NOUN": 7},
    "ADJ": {"NOUN": 8, "ADJ": 2},
    "NOUN": {"VERB": 6, "PREP": 3, "ADV": 1},
    "VERB": {"DET": 5, "PREP": 2, "ADV": 2, "NOUN": 1},
    "PREP": {"DET": 7, "NOUN": 3},
    "ADV": {"VERB": 4, "ADJ": 3, "DET": 3},
}
WORDS = 400


def lexicon(rng):
    table = {tag: [] for tag in TAGS}
    for word in range(2, WORDS):
        for tag in rng.sample(TAGS, rng.choice([1, 1, 2, 3])):
            table[tag].append(word)
    return table


def sentence(rng, table):
    words, tags, last = [], [], None
    for _ in range(rng.randint(4, 18)):
        options = NEXT[last]
        last = rng.choices(list(options), weights=list(options.values()))[0]
        words.append(rng.choice(table[last]))
        tags.append(TAGS.index(last))
    return torch.tensor(words), torch.tensor(tags)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 32, padding_idx=0)
        self.drop = nn.Dropout(0.2)
        self.rnn = nn.GRU(32, 40, batch_first=True, bidirectional=True)
        self.out = nn.Linear(80, len(TAGS))

    def forward(self, words, lengths):
        packed = pack_padded_sequence(self.drop(self.embed(words)), lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return self.out(self.drop(hidden))


def collate(rows):
    words = pad_sequence([r[0] for r in rows], batch_first=True)
    tags = pad_sequence([r[1] for r in rows], batch_first=True, padding_value=-100)
    return words, tags, torch.tensor([len(r[0]) for r in rows])


def evaluate(model, batches):
    model.eval()
    total, right, count = 0.0, 0, 0
    with torch.no_grad():
        for words, tags, lengths in batches:
            scores = model(words, lengths)
            total += nn.functional.cross_entropy(scores.flatten(0, 1), tags.flatten(), ignore_index=-100,
                                                 reduction="sum").item()
            real = tags != -100
            right += (scores.argmax(-1)[real] == tags[real]).sum().item()
            count += real.sum().item()
    model.train()
    return total / count, right, count


parser = argparse.ArgumentParser()
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--sound", action="store_true")
parser.add_argument("--seed", type=int, default=3)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
rng = random.Random(args.seed)
table = lexicon(random.Random(99))
train = [sentence(rng, table) for _ in range(3200)]
valid = [sentence(rng, table) for _ in range(400)]
val_batches = [collate(valid[i:i + 100]) for i in range(0, 400, 100)]

model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
args.out.mkdir(parents=True, exist_ok=True)
with open(args.out / "log.csv", "w", newline="") as handle:
    log = csv.DictWriter(handle, ["epoch", "train_loss", "val_loss", "val_accuracy"])
    log.writeheader()
    with newllm.record(model, optimizer, out=args.out / "recording", vocabulary=len(TAGS)) as recorder:
        for epoch in range(1, 6):
            rng.shuffle(train)
            losses = []
            for i in range(0, len(train), 32):
                words, tags, lengths = collate(train[i:i + 32])
                scores = model(words, lengths)
                loss = nn.functional.cross_entropy(scores.flatten(0, 1), tags.flatten(), ignore_index=-100)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                recorder.step(loss)
                losses.append(loss.item())
            val_loss, right, count = evaluate(model, val_batches)
            recorder.validation(val_loss, correct=right, count=count)
            log.writerow({"epoch": epoch, "train_loss": sum(losses) / len(losses), "val_loss": val_loss,
                          "val_accuracy": right / count})
