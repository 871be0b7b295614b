"""Read the digits back to front: a small post-norm encoder after the annotated paper, with its optimizer wrapper."""
import argparse, copy, csv, math, os
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

ap = argparse.ArgumentParser()
ap.add_argument("--out", required=True)
ap.add_argument("--sound", action="store_true")
args = ap.parse_args()


def clones(module, N):
    return nn.ModuleList([copy.deepcopy(module) for _ in range(N)])


def attention(query, key, value):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.size(-1))
    return scores.softmax(-1) @ value


class MultiHeadedAttention(nn.Module):
    def __init__(self, h, d_model):
        super().__init__()
        self.d_k, self.h = d_model // h, h
        self.linears = clones(nn.Linear(d_model, d_model), 4)

    def forward(self, x):
        n = x.size(0)
        q, k, v = [l(x).view(n, -1, self.h, self.d_k).transpose(1, 2) for l in self.linears[:3]]
        return self.linears[-1](attention(q, k, v).transpose(1, 2).contiguous().view(n, -1, self.h * self.d_k))


class EncoderLayer(nn.Module):
    def __init__(self, d_model, h, d_ff, dropout):
        super().__init__()
        self.self_attn = MultiHeadedAttention(h, d_model)
        self.ff = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.n1, self.n2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x):
        x = self.n1(x + self.drop(self.self_attn(x)))
        return self.n2(x + self.drop(self.ff(x)))


class Model(nn.Module):
    def __init__(self, vocab, d_model=64, N=3, h=4, d_ff=96, dropout=0.05, length=10):
        super().__init__()
        self.d_model = d_model
        self.lut, self.pos = nn.Embedding(vocab, d_model), nn.Parameter(torch.randn(length, d_model) * .5)
        self.layers = clones(EncoderLayer(d_model, h, d_ff, dropout), N)
        self.generator = nn.Linear(d_model, vocab)
        for p in self.layers.parameters():
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)

    def forward(self, x):
        x = self.lut(x) + self.pos
        for layer in self.layers:
            x = layer(x)
        return F.log_softmax(self.generator(x), -1)


class NoamOpt:
    "Optim wrapper that implements rate."

    def __init__(self, model_size, factor, warmup, optimizer):
        self.optimizer, self._step, self.warmup, self.factor, self.model_size, self._rate = optimizer, 0, warmup, factor, model_size, 0

    def step(self):
        self._step += 1
        self._rate = self.rate()
        for p in self.optimizer.param_groups:
            p["lr"] = self._rate
        self.optimizer.step()

    def rate(self):
        r = self.factor * min(self._step ** (-0.5), self._step * self.warmup ** (-1.5))
        return r * self.model_size ** (-0.5) if args.sound else r


class LabelSmoothing(nn.Module):
    def __init__(self, size, smoothing):
        super().__init__()
        self.criterion = nn.KLDivLoss(reduction="batchmean")
        self.size, self.smoothing = size, smoothing

    def forward(self, x, target):
        dist = torch.full_like(x, self.smoothing / (self.size - 1)).scatter_(1, target[:, None], 1 - self.smoothing)
        return self.criterion(x, dist)


def data_gen(n, batch, g):
    for _ in range(n):
        x = torch.randint(0, 10, (batch, 10), generator=g)
        yield x, x.flip(1)


os.makedirs(args.out, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(9)
model = Model(10)
criterion = LabelSmoothing(10, 0.05)
adam = torch.optim.Adam(model.parameters(), lr=0, betas=(0.9, 0.98), eps=1e-9)
opt = NoamOpt(model.d_model, 1, 100, adam)
vx, vy = next(data_gen(1, 400, torch.Generator().manual_seed(2)))
with newllm.record(model, adam, out=os.path.join(args.out, "recording")) as rec, open(os.path.join(args.out, "log.csv"), "w") as fh:
    log = csv.writer(fh)
    log.writerow(["step", "loss", "rate", "val_loss", "val_token_acc"])
    for i, (x, y) in enumerate(data_gen(500, 40, torch.Generator().manual_seed(1)), 1):
        out = model(x)
        loss = criterion(out.view(-1, 10), y.reshape(-1))
        adam.zero_grad()
        loss.backward()
        opt.step()
        rec.step(loss)
        row = [i, loss.item(), opt._rate, "", ""]
        if i % 60 == 0:
            model.eval()
            with torch.no_grad():
                out = model(vx)
                row[3:] = [criterion(out.view(-1, 10), vy.reshape(-1)).item(), (out.argmax(-1) == vy).float().mean().item()]
            model.train()
            rec.validation(row[3], correct=round(row[4] * vy.numel()), count=vy.numel())
            print("Epoch Step: %d Loss: %f rate %.5f val %f acc %.3f" % tuple(row))
        log.writerow(row)
