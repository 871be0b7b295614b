"""Learning from pairs: SimCLR, two towers, BYOL, preferences."""

import copy

import torch
from common import Batches, Run, digits, fit
from torch import nn
from torch.nn import functional as F

run = Run(recipe="simclr", rate=2e-3, batch=64, steps=240, evals=40, beta=0.5)
o, has = run.o, run.has
x, y, vx, vy = digits()
pool = Batches(x, y, size=o.batch, seed=run.seed)


def tower(wide, out=16):
    return nn.Sequential(nn.Linear(wide, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, out))


def blur(a):
    """A noisy view with holes."""
    return a * (torch.rand_like(a) > 0.2) + 0.1 * torch.randn_like(a)


class SimCLR(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = tower(64, 32), nn.Sequential(nn.ReLU(), nn.Linear(32, 16))

    def forward(self, a):
        return self.head(self.body(a))

    def loss(self, a, b):
        first = self(blur(a))
        second = self(blur(a[torch.randperm(len(a))] if has("views-of-other-pictures") else a))
        z = torch.cat([first, second])
        z = z if has("not-normalized") else F.normalize(z)
        scores = z @ z.T / (50.0 if has("temperature-far-too-high") else 0.2)
        if not has("itself-among-the-candidates"):
            scores = scores.masked_fill(torch.eye(len(z), dtype=torch.bool), -1e9)
        n = len(a)
        return F.cross_entropy(scores, torch.cat([torch.arange(n) + n, torch.arange(n)]))


class Towers(nn.Module):
    """Upper and lower halves of a digit find each other; the temperature is learnt."""

    def __init__(self):
        super().__init__()
        self.upper, self.lower = tower(32), tower(32)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def loss(self, a, b):
        u, v = F.normalize(self.upper(a[:, :32])), F.normalize(self.lower(a[:, 32:]))
        if has("one-side-shuffled"):
            v = v[torch.randperm(len(v))]
        scores = u @ v.T * self.scale.exp().clamp(max=100)
        want = torch.arange(len(a))
        return (F.cross_entropy(scores, want) + F.cross_entropy(scores.T, want)) / 2


class BYOL(nn.Module):
    def __init__(self):
        super().__init__()
        self.online, self.guess = tower(64), tower(16)
        self.target = copy.deepcopy(self.online).requires_grad_(False)

    def loss(self, a, b):
        p, z = self.guess(self.online(blur(a))), self.target(blur(a))
        if has("gradient-into-both-sides"):
            p, z = self.online(blur(a)), self.online(blur(a))
        return 2 - 2 * F.cosine_similarity(p, z, dim=1).mean()


class Policy(nn.Module):
    """A little writer of 6 letters out of 12; the better answer has fewer repeated letters."""

    def __init__(self):
        super().__init__()
        self.token, self.gru, self.head = nn.Embedding(13, 24), nn.GRU(24, 48, batch_first=True), nn.Linear(48, 12)

    def forward(self, ids):
        start = torch.full((len(ids), 1), 12)
        h, _ = self.gru(self.token(torch.cat([start, ids[:, :-1]], 1)))
        return self.head(h).log_softmax(-1).gather(2, ids[..., None])[..., 0].sum(1)


if o.recipe == "dpo":
    chance = torch.Generator().manual_seed(4)
    answers = torch.randint(12, (3000, 2, 6), generator=chance)
    score = torch.tensor([[len(set(a.tolist())) + 0.3 * float(a.float().mean()) for a in two] for two in answers])
    best = score.argmax(1)
    best = torch.where(torch.rand(3000, generator=chance) < 0.1, 1 - best, best)
    chosen, rejected = answers[torch.arange(3000), best], answers[torch.arange(3000), 1 - best]
    if has("chosen-and-rejected-swapped-for-half"):
        swap = torch.rand(3000, generator=chance) < 0.5
        swap[2500:] = False
        chosen, rejected = torch.where(swap[:, None], rejected, chosen), torch.where(swap[:, None], chosen, rejected)
    model = Policy()
    for p in model.parameters():
        p.data.mul_(0.7)
    reference = model if has("reference-is-the-policy") else copy.deepcopy(model).requires_grad_(False)
    pool = Batches(chosen[:2500], rejected[:2500], size=o.batch, seed=run.seed)
    vx, vy = chosen[2500:], rejected[2500:]
else:
    model = {"simclr": SimCLR, "towers": Towers, "byol": BYOL}[o.recipe]()
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], o.rate)


def margin(a, b):
    if has("reference-is-the-policy"):
        ra, rb = reference(a), reference(b)
        return o.beta * ((model(a) - ra) - (model(b) - rb))
    with torch.no_grad():
        ra, rb = reference(a), reference(b)
    return o.beta * ((model(a) - ra) - (model(b) - rb))


def loss(rows, step):
    return -F.logsigmoid(margin(*rows)).mean() if o.recipe == "dpo" else model.loss(*rows)


def matched(body):
    """Share of validation digits that find their own other view among 397."""
    u, v = F.normalize(body(blur(vx))), F.normalize(body(blur(vx)))
    return float(((u @ v.T).argmax(1) == torch.arange(len(vx))).float().mean())


def evaluate():
    if o.recipe == "dpo":
        m = margin(vx, vy)
        return {
            "loss": float(-F.logsigmoid(m).mean()),
            "margin": float(m.mean()),
            "preferred": float((m > 0).float().mean()),
        }
    kept = torch.get_rng_state()
    torch.manual_seed(8)
    value = float(model.loss(vx[: o.batch], vy[: o.batch]))
    found = matched(model if o.recipe == "simclr" else model.online) if o.recipe != "towers" else 0
    torch.set_rng_state(kept)
    if o.recipe == "towers":
        u, v = F.normalize(model.upper(vx[:200, :32])), F.normalize(model.lower(vx[:200, 32:]))
        return {
            "loss": value,
            "recall_at_5": float(((u @ v.T).topk(5).indices == torch.arange(200)[:, None]).any(1).float().mean()),
        }
    return {"loss": value, "matched": found}


def after(step):
    if o.recipe == "byol":
        with torch.no_grad():
            for t, p in zip(model.target.parameters(), model.online.parameters(), strict=True):
                t.lerp_(p, 0.05)


fit(run, model, optimizer, pool, loss, evaluate=evaluate, steps=o.steps, evals=o.evals, after=after)
