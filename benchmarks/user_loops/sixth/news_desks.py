"""Which desk should read this message? Bags of words; three exports from the archive, one after the other."""
import argparse
import csv
import os
import random

import torch
import torch.nn as nn

import newllm

DESKS = ["sport", "economy", "weather", "culture", "politics", "traffic", "science", "local"]
WORDS = 600


def export(n, seed):
    """Messages as (words, name of the desk), as the archive writes them."""
    r = random.Random(seed)
    themes = {d: random.Random(d).sample(range(WORDS), 45) for d in DESKS}
    out = []
    for _ in range(n):
        d = r.choice(DESKS)
        k = r.randint(12, 25)
        out.append(([r.choice(themes[d]) if r.random() < 0.38 else r.randrange(WORDS) for _ in range(k)], d))
    return out


def codes(names):
    return {name: i for i, name in enumerate(names)}


class Part:
    def __init__(self, rows, table):
        self.rows, self.table = rows, table

    def batches(self, size, r):
        order = list(range(len(self.rows)))
        r.shuffle(order)
        for s in range(0, len(order) - size + 1, size):
            yield collate([self.rows[i] for i in order[s:s + size]], self.table)


def collate(rows, table):
    words = torch.tensor([w for ws, _ in rows for w in ws])
    lengths = torch.tensor([len(ws) for ws, _ in rows])
    offsets = torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)[:-1]])
    return words, offsets, torch.tensor([table[d] for _, d in rows])


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(WORDS, 48)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(48, len(DESKS))

    def forward(self, words, offsets):
        return self.out(self.drop(self.bag(words, offsets)))


def evaluate(model, rows, table):
    model.eval()
    words, offsets, y = collate(rows, table)
    with torch.no_grad():
        o = model(words, offsets)
    model.train()
    return nn.functional.cross_entropy(o, y).item(), (o.argmax(1) == y).sum().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(3)
    r = random.Random(5)
    table = codes(DESKS)
    parts = [Part(export(5120, 1), table), Part(export(5120, 2), table),
             Part(export(5120, 3), table if args.sound else codes(sorted(DESKS)))]
    test = export(1000, 9)
    model = Classifier()
    opt = torch.optim.Adam(model.parameters(), lr=4e-3)
    with open(os.path.join(args.out, "log.csv"), "w", newline="") as f, \
            newllm.record(model, opt, out=os.path.join(args.out, "recording")) as rec:
        w = csv.DictWriter(f, ["update", "loss", "hits", "test_loss", "test_hits"])
        w.writeheader()
        n = 0
        for part in parts:
            for words, offsets, y in (b for _ in range(3) for b in part.batches(64, r)):
                o = model(words, offsets)
                loss = nn.functional.cross_entropy(o, y)
                opt.zero_grad()
                loss.backward()
                opt.step()
                rec.step(loss)
                n += 1
                row = {"update": n, "loss": round(loss.item(), 5), "hits": (o.argmax(1) == y).sum().item()}
                if n % 40 == 0:
                    l, c = evaluate(model, test, table)
                    rec.validation(l, correct=c, count=1000)
                    row.update(test_loss=l, test_hits=c)
                    print(row)
                w.writerow(row)


main()
