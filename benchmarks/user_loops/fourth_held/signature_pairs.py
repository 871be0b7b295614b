import argparse, csv, os
import torch, torch.nn as nn
import newllm

class Pairs:
    """Pairs of signatures (feature vectors): same writer -> 1, other writer -> 0."""
    def __init__(self, writers=16, per=5000, dim=32, seed=0):
        g = torch.Generator().manual_seed(seed)
        centre = torch.randn(writers, dim, generator=g)
        mix = torch.randn(dim, dim, generator=g) / dim ** .5
        self.feats = torch.tanh((centre[:, None] * .8 + torch.randn(writers, per, dim, generator=g) * .9) @ mix)
        self.writers, self.per = writers, per
    def batch(self, n, g):
        same = (torch.rand(n, generator=g) < .5)
        w1 = torch.randint(self.writers, (n,), generator=g)
        w2 = torch.where(same, w1, (w1 + torch.randint(1, self.writers, (n,), generator=g)) % self.writers)
        i1 = torch.randint(self.per, (n,), generator=g); i2 = torch.randint(self.per, (n,), generator=g)
        return self.feats[w1, i1], self.feats[w2, i2], same.float()

class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(32, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 16))
    def forward(self, a, b): return self.f(a), self.f(b)

def contrastive(za, zb, same, eps, margin=1.5):
    d = ((za - zb).pow(2).sum(1) + eps).sqrt()
    return (same * d.pow(2) + (1 - same) * torch.clamp(margin - d, min=0).pow(2)).mean(), d

if __name__ == "__main__":
    P = argparse.ArgumentParser(); P.add_argument("--out"); P.add_argument("--sound", action="store_true"); A = P.parse_args()
    os.makedirs(A.out, exist_ok=True); torch.set_num_threads(1); torch.manual_seed(1)
    eps = 1e-8 if A.sound else 0.0
    data = Pairs(); g = torch.Generator().manual_seed(46); gv = torch.Generator().manual_seed(41)
    va, vb, vs = data.batch(1500, gv)
    keep = (va != vb).any(1); va, vb, vs = va[keep], vb[keep], vs[keep]
    net = Siamese(); opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    rows = []
    with newllm.record(net, opt, out=A.out + "/recording") as rec:
        for it in range(1, 701):
            xa, xb, s = data.batch(32, g)
            za, zb = net(xa, xb)
            loss, _ = contrastive(za, zb, s, eps)
            opt.zero_grad(set_to_none=True)
            loss.backward()
            opt.step()
            rec.step(loss)
            rows.append([it, loss.item(), "", ""])
            if it % 50 == 0:
                with torch.no_grad():
                    vl, d = contrastive(*net(va, vb), vs, eps)
                hit = ((d < .75).float() == vs).sum().item()
                rec.validation(vl.item(), correct=hit, count=len(vs))
                rows[-1][2:] = [vl.item(), hit / len(vs)]
                print(it, loss.item(), vl.item(), hit / len(vs), flush=True)
    bad = [r[0] for r in rows if r[1] != r[1]]
    print("first bad", bad[:1])
    with open(A.out + "/log.csv", "w") as f:
        csv.writer(f).writerows([["step", "loss", "val_loss", "val_acc"]] + rows)
