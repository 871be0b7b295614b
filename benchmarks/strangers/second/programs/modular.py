"""Addition modulo a prime: learnt by heart first, understood late."""

import torch
import torch.nn.functional as F
from torch import nn

from .common import Options


def train(o: Options) -> None:
    prime, steps = o.get("prime", 29), o.get("steps", 3000)
    pairs = torch.cartesian_prod(torch.arange(prime), torch.arange(prime))
    pairs = pairs[torch.randperm(len(pairs))]
    cut = int(o.get("share", 0.5) * len(pairs))
    answers = pairs.sum(1) % prime
    embedding = nn.Embedding(prime, 64)
    body = nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, prime))
    optimizer = torch.optim.AdamW(
        [*embedding.parameters(), *body.parameters()], lr=o.get("lr", 2e-3), weight_decay=o.get("decay", 1.0)
    )
    for step in range(steps):
        optimizer.zero_grad()
        out = body(embedding(pairs[:cut]).flatten(1))
        loss = F.cross_entropy(out, answers[:cut])
        loss.backward()
        optimizer.step()
        if step % o.get("every", 50) == 0:
            with torch.no_grad():
                held = body(embedding(pairs[cut:]).flatten(1))
                val = F.cross_entropy(held, answers[cut:])
                good = (held.argmax(1) == answers[cut:]).float().mean()
            accuracy = (out.argmax(1) == answers[:cut]).float().mean()
            o.log.row(step=step, train_loss=loss, train_acc=accuracy, val_loss=val, val_acc=good)
    o.log.close()
