"""Repeat what the tape said. The tape gets longer as the network gets better at it."""
import argparse
import json
import os

import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm

torch.set_num_threads(1)
ap = argparse.ArgumentParser()
ap.add_argument("--out", required=True)
ap.add_argument("--sound", action="store_true")
args = ap.parse_args()
os.makedirs(args.out, exist_ok=True)

V, D = 8, 96  # symbols, width; V = go


class Tape(nn.Module):
    """GRU that reads, GRU with attention that writes."""

    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(V + 1, 32)
        self.reader = nn.GRU(32, D // 2, bidirectional=True, batch_first=True)
        self.writer = nn.GRU(32, D, batch_first=True)
        self.q = nn.Linear(D, D)
        self.out = nn.Linear(2 * D, V)

    def forward(self, x):
        h, last = self.reader(self.emb(x))
        go = torch.full_like(x[:, :1], V)
        s, _ = self.writer(self.emb(torch.cat([go, x[:, :-1]], 1)), torch.cat([last[0], last[1]], 1)[None].contiguous())
        a = torch.softmax(self.q(s) @ h.transpose(1, 2) / D ** .5, -1)
        return self.out(torch.cat([s, a @ h], 2))


class Curriculum:
    """Longer tapes as soon as the running accuracy passes the bar."""

    def __init__(self, lengths=(3, 6, 10, 15), bar=.95):
        self.lengths, self.bar, self.i, self.running = lengths, bar, 0, 0.

    @property
    def length(self):
        return self.lengths[self.i]

    def update(self, acc):
        self.running = .9 * self.running + .1 * acc
        if self.running > self.bar and self.i + 1 < len(self.lengths):
            self.i += 1
            self.running = 0.
            return True
        return False


torch.manual_seed(2)
g = torch.Generator().manual_seed(3)
model = Tape()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
cur = Curriculum()
val = torch.randint(0, V, (256, 15), generator=torch.Generator().manual_seed(4))
records = []
with newllm.record(model, optimizer, out=os.path.join(args.out, "recording")) as recorder:
    for step in range(1, 701):
        x = torch.randint(0, V, (32, cur.length), generator=g)
        logits = model(x)
        loss = F.cross_entropy(logits.reshape(-1, V), x.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recorder.step(loss)
        acc = (logits.argmax(-1) == x).float().mean().item()
        rec = {"step": step, "loss": loss.item(), "acc": acc, "tape_length": cur.length}
        if cur.update(acc):
            recorder.note(step, f"curriculum: tapes of {cur.length}")
        if step % 50 == 0:
            with torch.no_grad():
                lv = model(val)
                rec["full_length_loss"] = F.cross_entropy(lv.reshape(-1, V), val.reshape(-1)).item()
                rec["full_length_acc"] = (lv.argmax(-1) == val).float().mean().item()
            recorder.validation(rec["full_length_loss"])
            print(json.dumps(rec))
        records.append(rec)
with open(os.path.join(args.out, "log.csv"), "w") as f:
    cols = list(records[49])
    f.write(",".join(cols) + "\n")
    for r in records:
        f.write(",".join(str(r.get(c, "")) for c in cols) + "\n")
