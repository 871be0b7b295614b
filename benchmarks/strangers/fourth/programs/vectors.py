"""Tables of vectors: words by negative samples, a graph network on one graph, ratings."""

import torch
from common import Batches, Run, fit
from torch import nn
from torch.nn import functional as F

run = Run(recipe="words", rate=0.01, batch=64, steps=240, evals=40, dropout=0.5, decay=5e-3)
o, has = run.o, run.has
chance = torch.Generator().manual_seed(6)


class Words(nn.Module):
    """Skip-grams over 300 words of 10 topics, sparse gradients."""

    def __init__(self):
        super().__init__()
        self.center, self.context = nn.Embedding(300, 24, sparse=True), nn.Embedding(300, 24, sparse=True)
        nn.init.uniform_(self.center.weight, -0.02, 0.02)
        nn.init.zeros_(self.context.weight)
        if has("both-tables-zero"):
            nn.init.zeros_(self.center.weight)

    def forward(self, a, b, wrong):
        c = self.center(a)
        near = F.logsigmoid((c * self.context(b)).sum(1))
        far = F.logsigmoid(-(self.context(wrong) @ c[..., None])[..., 0]).sum(1)
        return -(near + (0 if has("no-negatives") else far)).mean()


def skipgrams(many, g):
    topic = torch.randint(10, (many,), generator=g)
    weights = 1 / (torch.arange(30) + 2.0)
    pick = lambda: topic * 30 + torch.multinomial(weights, many, True, generator=g)  # noqa: E731
    return pick(), pick(), torch.randint(300, (many, 5), generator=g)


# A graph of 300 nodes in 5 communities; 60 nodes have labels.
group = torch.arange(300) % 5
odds = torch.where(group[:, None] == group[None], 0.06, 0.008)
links = (torch.rand(300, 300, generator=chance) < odds).float().triu(1)
links = links + links.T + torch.eye(300)
degree = links.sum(1)
smooth = links / (degree[:, None] * degree[None]).sqrt()
if has("adjacency-not-normalized"):
    smooth = links * 3
facts = torch.randn(300, 16, generator=chance) + 0.8 * F.one_hot(group, 16).float()
known, rest = torch.randperm(300, generator=chance)[:60], torch.randperm(300, generator=chance)[60:160]
rest = torch.tensor([i for i in range(300) if i not in set(known.tolist())])


class Graph(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = nn.Linear(16, 32), nn.Linear(32, 32), nn.Linear(32, 5)

    def forward(self):
        h = F.dropout(facts, o.dropout, self.training)
        h = F.relu(smooth @ self.first(h))
        for _ in range(24 if has("far-too-many-hops") else 0):
            h = smooth @ h
        h = F.dropout(F.relu(smooth @ self.second(h)), o.dropout, self.training)
        return smooth @ self.third(h)


class Ratings(nn.Module):
    """Users and items with biases; few ratings each."""

    def __init__(self):
        super().__init__()
        self.user, self.item, self.ub, self.ib = (
            nn.Embedding(200, 8),
            nn.Embedding(150, 8),
            nn.Embedding(200, 1),
            nn.Embedding(150, 1),
        )
        for e in (self.user, self.item):
            nn.init.normal_(e.weight, std=0.1)
        self.mean = nn.Parameter(torch.tensor(3.0))

    def forward(self, u, i):
        return self.mean + (self.ub(u) + self.ib(i))[:, 0] + (self.user(u) * self.item(i)).sum(1)


pu, pi = torch.randn(200, 4, generator=chance), torch.randn(150, 4, generator=chance)
us, its = torch.randint(200, (9000,), generator=chance), torch.randint(150, (9000,), generator=chance)
stars = (3.3 + 0.6 * (pu[us] * pi[its]).sum(1) + 0.5 * pu[us, 0] + 0.3 * torch.randn(9000, generator=chance)).clamp(
    1, 5
)
draw = Batches(us[:8000], its[:8000], stars[:8000], size=o.batch, seed=run.seed)

model = {"words": Words, "graph": Graph, "ratings": Ratings}[o.recipe]()
if o.recipe == "words":
    optimizer = torch.optim.SparseAdam(model.parameters(), o.rate)
else:
    some = [p for n, p in model.named_parameters() if not (has("items-not-in-the-optimizer") and n.startswith("item"))]
    optimizer = torch.optim.Adam(some, o.rate, weight_decay=o.decay)
source = torch.Generator().manual_seed(run.seed)


def batch(step):
    return skipgrams(o.batch, source) if o.recipe == "words" else draw(step) if o.recipe == "ratings" else ()


def loss(rows, step):
    if o.recipe == "words":
        return model(*rows)
    if o.recipe == "ratings":
        return F.mse_loss(model(*rows[:2]), rows[2])
    return F.cross_entropy(model()[known], group[known])


def evaluate():
    if o.recipe == "words":
        g = torch.Generator().manual_seed(1)
        v = F.normalize(model.center.weight)
        near = (v @ v.T).fill_diagonal_(-9).argmax(1)
        return {
            "loss": float(model(*skipgrams(1500, g))),
            "same_topic": float((near // 30 == torch.arange(300) // 30).float().mean()),
        }
    if o.recipe == "ratings":
        return {"loss": float(F.mse_loss(model(us[8000:], its[8000:]), stars[8000:]))}
    out = model()[rest]
    return {
        "loss": float(F.cross_entropy(out, group[rest])),
        "correct": int((out.argmax(1) == group[rest]).sum()),
        "count": len(rest),
    }


fit(run, model, optimizer, batch, loss, evaluate=evaluate, steps=o.steps, evals=o.evals)
