"""Seq2seq with attention: write an order code backwards with every digit mapped. Codes get longer as training goes on."""
import argparse, csv, os
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

BOS, VOCAB = 10, 11
STAGES = [(0, 4), (200, 6), (400, 8)]  # (first step, code length)
MAP = torch.tensor([3, 7, 1, 9, 0, 5, 8, 2, 6, 4])


def batch(n, length, g=None):
    x = torch.randint(0, 10, (n, length), generator=g)
    return x, MAP[x].flip(1)


class Seq2Seq(nn.Module):
    def __init__(self, d=40):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, d)
        self.pos = nn.Embedding(8, d)
        self.enc = nn.GRU(d, d, batch_first=True)
        self.dec = nn.GRU(d, d, batch_first=True)
        self.q = nn.Linear(d, d)
        self.out = nn.Sequential(nn.Linear(2 * d, d), nn.ReLU(), nn.Linear(d, VOCAB))

    def forward(self, src, tgt_in):
        left = torch.arange(src.shape[1] - 1, -1, -1)
        e = self.emb(src) + self.pos(left)
        mem, h = self.enc(e)
        mem = mem + e
        d_in = self.emb(tgt_in) + self.pos(torch.arange(tgt_in.shape[1]))
        o, _ = self.dec(d_in, h)
        att = ((self.q(o) + d_in) @ mem.transpose(1, 2) / 6.3).softmax(-1)
        return self.out(torch.cat([o, att @ mem], -1))


def greedy(model, src):
    y = torch.full((len(src), 1), BOS)
    for _ in range(src.shape[1]):
        y = torch.cat([y, model(src, y)[:, -1].argmax(-1, keepdim=True)], 1)
    return y[:, 1:]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--steps", type=int, default=720)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(14)
    os.makedirs(args.out, exist_ok=True)
    model = Seq2Seq()
    opt = torch.optim.Adam(model.parameters(), lr=1.5e-3)
    sched = torch.optim.lr_scheduler.LinearLR(opt, 1.0, 0.1, total_iters=args.steps)
    xv, yv = batch(400, STAGES[-1][1], torch.Generator().manual_seed(77))
    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "length", "loss", "token_acc", "lr", "val_loss", "val_exact"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            length = [l for s, l in STAGES if step >= s][-1]
            x, y = batch(32, length)
            tin = torch.cat([torch.full((32, 1), BOS), y[:, :-1]], 1)
            opt.zero_grad()
            out = model(x, tin)
            loss = F.cross_entropy(out.flatten(0, 1), y.flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            sched.step()
            recorder.step(loss)
            v = ["", ""]
            if (step + 1) % 60 == 0:
                model.eval()
                with torch.no_grad():
                    o = model(xv, torch.cat([torch.full((400, 1), BOS), yv[:, :-1]], 1))
                    v = [F.cross_entropy(o.flatten(0, 1), yv.flatten()).item(), (greedy(model, xv) == yv).all(1).float().mean().item()]
                model.train()
                recorder.validation(v[0], correct=(o.argmax(-1) == yv).sum().item(), count=yv.numel())
                print(f"{step + 1} len {length} loss {loss.item():.3f} val {v[0]:.3f} exact {v[1]:.3f}")
            log.writerow([step, length, loss.item(), (out.argmax(-1) == y).float().mean().item(), sched.get_last_lr()[0], *v])
    f.close()


if __name__ == "__main__":
    main()
