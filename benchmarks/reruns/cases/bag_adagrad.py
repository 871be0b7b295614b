"""Sentiment of made-up reviews: a bag of embeddings, Adagrad."""
import argparse
import random
import torch
import torch.nn as nn
from torch.utils.data import DataLoader
import newllm

GOOD = "fine good great lovely warm bright kind".split()
BAD = "bad poor dull cold rude broken late".split()
PLAIN = "the a room table food and was with view of city in it day we there".split()


def review(rng):
    y = rng.randint(0, 1)
    words = []
    for _ in range(rng.randint(6, 20)):
        u = rng.random()
        words.append(rng.choice(GOOD if y else BAD) if u < 0.2 else rng.choice(BAD if y else GOOD) if u < 0.27 else rng.choice(PLAIN))
    return words, y


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=7)
    ap.add_argument("--epochs", type=int, default=6)
    a = ap.parse_args()
    rng = random.Random(a.seed)
    torch.manual_seed(a.seed)
    vocab = {w: i for i, w in enumerate(GOOD + BAD + PLAIN)}
    data = [review(rng) for _ in range(2400)]

    def collate(rows):
        flat, off, ys = [], [], []
        for ws, y in rows:
            off.append(len(flat))
            flat += [vocab[w] for w in ws]
            ys.append(float(y))
        return torch.tensor(flat), torch.tensor(off), torch.tensor(ys)

    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.e = nn.EmbeddingBag(len(vocab), 16, mode="mean")
            self.o = nn.Linear(16, 1)

        def forward(self, f, o):
            return self.o(self.e(f, o))[:, 0]

    net = Bag()
    opt = torch.optim.Adagrad(net.parameters(), lr=0.05)
    dl = DataLoader(data, batch_size=32, shuffle=True, num_workers=0, collate_fn=collate)
    with open("losses.txt", "w") as f, newllm.record(net, opt, out="runs/bag_adagrad") as recorder:
        for _ in range(a.epochs):
            for flat, off, y in dl:
                loss = nn.functional.binary_cross_entropy_with_logits(net(flat, off), y)
                opt.zero_grad()
                loss.backward()
                opt.step()
                recorder.step(loss)
                f.write(f"{loss.item()!r}\n")


if __name__ == "__main__":
    main()
