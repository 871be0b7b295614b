"""Learns to tell five unknown signs apart from five drawings of each: prototypes in an embedding, episode by episode."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

SIDE, WAYS, SHOTS, QUERIES = 10, 5, 5, 6


class Signs:
    """Many signs: each is a random pattern, of which drawings differ by noise and a shift."""

    def __init__(self, count, seed):
        self.g = torch.Generator().manual_seed(seed)
        coarse = torch.randn(count, 1, 4, 4, generator=self.g)
        self.patterns = nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear")[:, 0]

    def draw(self, kinds):
        x = self.patterns[kinds].clone()
        for i in range(len(x)):
            shift = torch.randint(-1, 2, (2,), generator=self.g).tolist()
            x[i] = x[i].roll(shift, (0, 1))
        return (x + 1.1 * torch.randn(x.shape, generator=self.g))[:, None]

    def episode(self):
        """Five signs with numbers for this episode only: examples and questions."""
        kinds = torch.randperm(len(self.patterns), generator=self.g)[:WAYS]
        examples = self.draw(kinds.repeat_interleave(SHOTS))
        questions = self.draw(kinds.repeat_interleave(QUERIES))
        return examples, questions, torch.arange(WAYS).repeat_interleave(QUERIES)


class Embedding(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.GroupNorm(4, 16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.GroupNorm(4, 32),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 25, 32),
        )

    def forward(self, examples, questions):
        """Give each question's closeness to each prototype."""
        z = self.net(torch.cat([examples, questions]))
        prototypes = z[: len(examples)].view(WAYS, SHOTS, -1).mean(1)
        return -torch.cdist(z[len(examples) :], prototypes).square()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(90)
    train, unseen = Signs(200, 1), Signs(60, 2)
    model = Embedding()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    log = []
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for episode in range(500):
            examples, questions, answer = train.episode()
            scores = model(examples, questions)
            loss = nn.functional.cross_entropy(scores, answer)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            accuracy = (scores.argmax(1) == answer).float().mean().item()
            log.append([episode, loss.item(), accuracy, "", ""])
            if episode % 50 == 49:
                with torch.no_grad():
                    results = [(model(e, q), a) for e, q, a in (unseen.episode() for _ in range(20))]
                val = sum(nn.functional.cross_entropy(s, a).item() for s, a in results) / len(results)
                hits = sum((s.argmax(1) == a).sum().item() for s, a in results)
                recorder.validation(val, correct=hits, count=len(results) * WAYS * QUERIES)
                log[-1][3:] = [val, hits / (len(results) * WAYS * QUERIES)]
                print(log[-1])
    with open(args.out / "log.csv", "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["episode", "loss", "acc", "unseen_loss", "unseen_acc"])
        w.writerows(log)


if __name__ == "__main__":
    main()
