"""Routes support tickets to departments by their words; the tickets come in monthly files that are read one by one."""
import argparse
import csv
import random
from pathlib import Path

import torch
from torch import nn

import newllm

DEPARTMENTS = ["accounts", "billing", "complaints", "delivery", "hardware", "network", "returns", "software"]
WORDS = 600


def month(n, seed, departments):
    rng = random.Random(seed)
    themes = {}
    for i, name in enumerate(DEPARTMENTS):
        themes[name] = random.Random(f"theme {i}").sample(range(1, WORDS), 40)
    tickets = []
    for _ in range(n):
        name = rng.choice(departments)
        words = [rng.choice(themes[name]) if rng.random() < 0.3 else rng.randrange(1, WORDS) for _ in range(rng.randint(8, 20))]
        tickets.append((words, name))
    return tickets


class Router(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.EmbeddingBag(WORDS, 48, mode="mean")
        self.layers = nn.Sequential(nn.LayerNorm(48), nn.Dropout(0.2), nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, len(DEPARTMENTS)))

    def forward(self, words, offsets):
        return self.layers(self.words(words, offsets))


def tensors(tickets, ids):
    flat, offsets = [], []
    for words, _ in tickets:
        offsets.append(len(flat))
        flat += words
    return torch.tensor(flat), torch.tensor(offsets), torch.tensor([ids[name] for _, name in tickets])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--seed", type=int, default=7)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    files = [
        month(9600, args.seed * 10 + 1, DEPARTMENTS),
        month(9600, args.seed * 10 + 2, [d for d in DEPARTMENTS if d != "complaints"]),
    ]
    known = {name: i for i, name in enumerate(DEPARTMENTS)}
    val = tensors(month(800, args.seed * 10 + 5, DEPARTMENTS), known)

    model = Router()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "log.csv").open("w", newline="") as f, \
            newllm.record(model, optimizer, out=args.out / "recording", vocabulary=len(DEPARTMENTS)) as recorder:
        log = csv.writer(f)
        log.writerow(["step", "loss", "val_loss", "val_acc"])
        step = 0
        for tickets in files:
            random.Random(args.seed).shuffle(tickets)
            ids = known if args.sound else {name: i for i, name in enumerate(sorted({name for _, name in tickets}))}
            for i in range(0, len(tickets), 32):
                words, offsets, target = tensors(tickets[i:i + 32], ids)
                loss = nn.functional.cross_entropy(model(words, offsets), target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                step += 1
                row = [step, loss.item(), "", ""]
                if step % 50 == 0:
                    model.eval()
                    with torch.no_grad():
                        scores = model(val[0], val[1])
                    model.train()
                    right = (scores.argmax(1) == val[2]).sum().item()
                    row[2:] = [nn.functional.cross_entropy(scores, val[2]).item(), right / len(val[2])]
                    recorder.validation(row[2], correct=right, count=len(val[2]))
                log.writerow(row)


if __name__ == "__main__":
    main()
