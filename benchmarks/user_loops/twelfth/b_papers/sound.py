"""Classifying the papers of a citation graph with a graph neural network."""
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import newllm

PAPERS, FIELDS, FEATURES = 3000, 7, 48


def make_graph(seed=5):
    """Papers cite mostly papers of their own field; their features tell the field only weakly."""
    rng = np.random.default_rng(seed)
    field = rng.integers(0, FIELDS, PAPERS)
    members = [np.flatnonzero(field == k) for k in range(FIELDS)]
    fame = rng.pareto(2.5, PAPERS) + 0.3
    chances = [fame[m] / fame[m].sum() for m in members]
    pairs = set()
    for paper in range(PAPERS):
        for _ in range(rng.poisson(6) + 1):
            other = field[paper] if rng.random() < 0.65 else rng.integers(0, FIELDS)
            cited = rng.choice(members[other], p=chances[other])
            if cited != paper:
                pairs.add((min(paper, cited), max(paper, cited)))
    pairs = np.array(sorted(pairs))
    edges = np.concatenate([pairs, pairs[:, ::-1]]).T
    centres = rng.standard_normal((FIELDS, FEATURES))
    features = 0.22 * centres[field] + rng.standard_normal((PAPERS, FEATURES))
    order = rng.permutation(PAPERS)
    split = {"train": order[:900], "valid": order[900:1700], "test": order[1700:]}
    return (
        torch.from_numpy(features).float(),
        torch.from_numpy(edges.copy()).long(),
        torch.from_numpy(field).long(),
        {name: torch.from_numpy(ids) for name, ids in split.items()},
    )


class MeanConvolution(nn.Module):
    """What a paper says itself, and the mean of what its neighbours say."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.own = nn.Linear(inputs, outputs)
        self.neighbours = nn.Linear(inputs, outputs, bias=False)

    def forward(self, x, edges):
        source, target = edges
        degree = torch.bincount(target, minlength=len(x)).clamp(min=1).unsqueeze(-1)
        total = torch.zeros_like(x)
        total.index_add_(0, target, x[source])
        return self.own(x) + self.neighbours(total / degree)


class PaperNet(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.first = MeanConvolution(FEATURES, width)
        self.second = MeanConvolution(width, width)
        self.norm_first = nn.LayerNorm(width)
        self.norm_second = nn.LayerNorm(width)
        self.head = nn.Linear(width, FIELDS)
        self.dropout = nn.Dropout(0.4)

    def forward(self, x, edges):
        x = self.dropout(F.relu(self.norm_first(self.first(x, edges))))
        x = self.dropout(F.relu(self.norm_second(self.second(x, edges))))
        return self.head(x)


@torch.no_grad()
def evaluate(model, features, edges, field, ids):
    model.eval()
    logits = model(features, edges)[ids]
    model.train()
    loss = F.cross_entropy(logits, field[ids]).item()
    return loss, (logits.argmax(-1) == field[ids]).float().mean().item()


def main(name):
    torch.manual_seed(0)
    features, edges, field, split = make_graph()
    print(f"{PAPERS} papers, {edges.shape[1]} directed edges")
    model = PaperNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=5e-4)
    updates, batch = 400, 256
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=updates)

    with newllm.record(model, optimizer, out=f"runs/{name}") as recorder:
        for step in range(1, updates + 1):
            ids = split["train"][torch.randperm(len(split["train"]))[:batch]]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(features, edges)[ids], field[ids])
            loss.backward()
            optimizer.step()
            schedule.step()
            recorder.step(loss)
            if step % 25 == 0:
                valid_loss, accuracy = evaluate(model, features, edges, field, split["valid"])
                recorder.validation(valid_loss, accuracy=accuracy)
                print(f"step {step} train {loss.item():.4f} valid {valid_loss:.4f} accuracy {accuracy:.4f}")
    test_loss, accuracy = evaluate(model, features, edges, field, split["test"])
    print(f"test loss {test_loss:.4f} accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main(sys.argv[1])
