"""Vectors of words by skip-gram with negative samples, on a made-up text about herbs in which few words are frequent."""

import argparse
import csv
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import newllm

WORDS, TOPICS, DIM, NEGATIVES = 5000, 20, 32, 5


class SkipGram(nn.Module):
    def __init__(self):
        super().__init__()
        self.centre = nn.Embedding(WORDS, DIM, sparse=True)
        self.context = nn.Embedding(WORDS, DIM, sparse=True)
        nn.init.uniform_(self.centre.weight, -0.5 / DIM, 0.5 / DIM)
        nn.init.zeros_(self.context.weight)

    def forward(self, words, contexts):
        return torch.einsum("bd,bkd->bk", self.centre(words), self.context(contexts))


class Text:
    """Pairs of neighbouring words: words of one topic stand together, by Zipf's law."""

    def __init__(self, seed):
        self.g = torch.Generator().manual_seed(seed)
        self.topic = torch.randint(TOPICS, (WORDS,), generator=self.g)
        self.frequency = 1 / torch.arange(1, WORDS + 1).float()
        self.by_topic = torch.stack([self.frequency * (self.topic == t) for t in range(TOPICS)])

    def pairs(self, n):
        word = torch.multinomial(self.frequency, n, replacement=True, generator=self.g)
        near = torch.multinomial(self.by_topic, n // 4, replacement=True, generator=self.g)
        context = near[self.topic[word], torch.arange(n) % near.shape[1]]
        anything = torch.multinomial(self.frequency, n, replacement=True, generator=self.g)
        return word, torch.where(torch.rand(n, generator=self.g) < 0.8, context, anything)

    def negatives(self, n):
        return torch.multinomial(self.frequency**0.75, n * NEGATIVES, True, generator=self.g).view(n, NEGATIVES)


def same_topic(model, topic, count=600):
    """Share of the frequent words whose nearest neighbour is of the same topic."""
    v = F.normalize(model.centre.weight.detach()[:count], dim=1)
    nearest = (v @ v.T - 2 * torch.eye(count)).argmax(1)
    return (topic[nearest] == topic[:count]).float().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(61)
    text = Text(61)
    model = SkipGram()
    optimizer = torch.optim.SparseAdam(model.parameters(), lr=0.01)
    with newllm.record(model, optimizer, args.out / "recording") as recorder, open(args.out / "log.csv", "w") as f:
        out = csv.writer(f)
        out.writerow(["step", "loss", "neighbours_of_same_topic"])
        for step in range(600):
            word, context = text.pairs(512)
            scores = model(word, torch.cat([context[:, None], text.negatives(len(word))], 1))
            loss = -(F.logsigmoid(scores[:, 0]) + F.logsigmoid(-scores[:, 1:]).sum(1)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            score = same_topic(model, text.topic) if step % 60 == 59 else None
            out.writerow([step, f"{loss.item():.5f}", "" if score is None else f"{score:.4f}"])
            if score is not None:
                recorder.metrics({"neighbours_of_same_topic": score})
                print(f"{step:4d} loss {loss.item():.4f} neighbours {score:.3f}")


if __name__ == "__main__":
    main()
