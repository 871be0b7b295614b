"""
Character-level GPT on a made-up village chronicle. Single file, in the manner of the small GPT trainers.
"""
import argparse
import csv
import math
import os
import random
from contextlib import nullcontext
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch.nn import functional as F

import newllm

parser = argparse.ArgumentParser()
parser.add_argument("--out", required=True)
parser.add_argument("--sound", action="store_true")
args = parser.parse_args()

# -----------------------------------------------------------------------------
eval_interval = 100
eval_iters = 8
gradient_accumulation_steps = 2
batch_size = 10
block_size = 48
n_layer, n_head, n_embd = 2, 2, 48
learning_rate = 4e-3
max_iters = 400
weight_decay = 1e-1
beta1, beta2 = 0.9, 0.95
grad_clip = 1.0
dtype = "float32"
warmup_iters, lr_decay_iters, min_lr = 40, 400, 4e-4
# -----------------------------------------------------------------------------


def chronicle(seed, sentences):
    r = random.Random(seed)
    who = ["the miller", "old anna", "the smith", "a pedlar", "the bishop", "young tom"]
    did = {"the miller": ["ground", "sold"], "old anna": ["baked", "blessed"], "the smith": ["forged", "mended"],
           "a pedlar": ["sold", "lost"], "the bishop": ["blessed", "bought"], "young tom": ["lost", "found"]}
    what = {"ground": "rye", "sold": "a goose", "baked": "bread", "blessed": "the well", "forged": "a gate",
            "mended": "the plough", "lost": "a shoe", "bought": "wine", "found": "a coin"}
    when = ["at dawn", "on sunday", "in the rain", "before lent"]
    out = []
    for _ in range(sentences):
        w = r.choice(who)
        d = r.choice(did[w])
        out.append(f"{w} {d} {what[d]} {r.choice(when)}.")
    return " ".join(out)


@dataclass
class GPTConfig:
    block_size: int
    vocab_size: int
    n_layer: int
    n_head: int
    n_embd: int


class CausalSelfAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c_attn = nn.Linear(c.n_embd, 3 * c.n_embd, bias=False)
        self.c_proj = nn.Linear(c.n_embd, c.n_embd, bias=False)
        self.n_head = c.n_head

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = (t.view(B, T, self.n_head, C // self.n_head).transpose(1, 2) for t in self.c_attn(x).split(C, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).contiguous().view(B, T, C))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(c.n_embd), CausalSelfAttention(c)
        self.ln_2 = nn.LayerNorm(c.n_embd)
        self.mlp = nn.Sequential(nn.Linear(c.n_embd, 4 * c.n_embd, bias=False), nn.GELU(), nn.Linear(4 * c.n_embd, c.n_embd, bias=False))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(c.vocab_size, c.n_embd), nn.Embedding(c.block_size, c.n_embd)
        self.h = nn.ModuleList([Block(c) for _ in range(c.n_layer)])
        self.ln_f = nn.LayerNorm(c.n_embd)
        self.lm_head = nn.Linear(c.n_embd, c.vocab_size, bias=False)
        self.wte.weight = self.lm_head.weight
        self.apply(self._init_weights)
        for n, p in self.named_parameters():
            if n.endswith("c_proj.weight") or n.endswith("mlp.2.weight"):
                nn.init.normal_(p, 0.0, 0.02 / math.sqrt(2 * c.n_layer))

    def _init_weights(self, m):
        if isinstance(m, (nn.Linear, nn.Embedding)):
            nn.init.normal_(m.weight, 0.0, 0.02)

    def forward(self, idx, targets=None):
        x = self.wte(idx) + self.wpe(torch.arange(idx.size(1)))
        for block in self.h:
            x = block(x)
        logits = self.lm_head(self.ln_f(x))
        loss = F.cross_entropy(logits.view(-1, logits.size(-1)).float(), targets.view(-1)) if targets is not None else None
        return logits, loss

    def configure_optimizers(self):
        params = [p for p in self.parameters() if p.requires_grad]
        groups = [{"params": [p for p in params if p.dim() >= 2], "weight_decay": weight_decay},
                  {"params": [p for p in params if p.dim() < 2], "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=learning_rate, betas=(beta1, beta2))


torch.set_num_threads(1)
torch.manual_seed(1337)
os.makedirs(args.out, exist_ok=True)
text = {"train": chronicle(1, 6000), "val": chronicle(2, 600)}
itos = sorted(set(text["train"]))
stoi = {c: i for i, c in enumerate(itos)}
data = {k: torch.tensor([stoi[c] for c in t]) for k, t in text.items()}
g = torch.Generator().manual_seed(7)


def get_batch(split):
    d = data[split]
    ix = torch.randint(len(d) - block_size, (batch_size,), generator=g)
    return torch.stack([d[i:i + block_size] for i in ix]), torch.stack([d[i + 1:i + 1 + block_size] for i in ix])


ctx = nullcontext() if dtype == "float32" else torch.amp.autocast(device_type="cpu", dtype=getattr(torch, dtype))
model = GPT(GPTConfig(block_size, len(itos), n_layer, n_head, n_embd))
optimizer = model.configure_optimizers()


@torch.no_grad()
def estimate_loss():
    out = {}
    model.eval()
    for split in ("train", "val"):
        losses = torch.zeros(eval_iters)
        for k in range(eval_iters):
            with ctx:
                losses[k] = model(*get_batch(split))[1]
        out[split] = losses.mean().item()
    model.train()
    return out


def get_lr(it):
    if it < warmup_iters:
        return learning_rate * (it + 1) / (warmup_iters + 1)
    ratio = (it - warmup_iters) / (lr_decay_iters - warmup_iters)
    return min_lr + 0.5 * (1.0 + math.cos(math.pi * min(ratio, 1.0))) * (learning_rate - min_lr)


with newllm.record(model, optimizer, out=os.path.join(args.out, "recording")) as recorder, open(os.path.join(args.out, "log.csv"), "w", newline="") as fh:
    log = csv.DictWriter(fh, ["iter", "loss", "train/loss", "val/loss", "lr"])
    log.writeheader()
    X, Y = get_batch("train")
    for iter_num in range(max_iters):
        lr = get_lr(iter_num)
        for group in optimizer.param_groups:
            group["lr"] = lr
        lossf = 0.0
        for micro_step in range(gradient_accumulation_steps):
            with ctx:
                logits, loss = model(X, Y)
                loss = loss / gradient_accumulation_steps
            X, Y = get_batch("train")
            loss.backward()
            lossf += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        recorder.step(lossf)
        row = {"iter": iter_num, "loss": lossf, "lr": lr}
        if (iter_num + 1) % eval_interval == 0:
            losses = estimate_loss()
            recorder.validation(losses["val"])
            row.update({"train/loss": losses["train"], "val/loss": losses["val"]})
            print(f"step {iter_num + 1}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}")
        log.writerow(row)
