import argparse, csv, os
import torch, torch.nn as nn, torch.nn.functional as F
import newllm
# GAN for 2-d points on a ring of 8 blobs. The generator and the discriminator have a recording each.
ap = argparse.ArgumentParser(); ap.add_argument("--out"); ap.add_argument("--sound", action="store_true"); a = ap.parse_args()
os.makedirs(a.out, exist_ok=True); torch.set_num_threads(1); torch.manual_seed(7)
th = torch.arange(8) * 6.28318 / 8; C = torch.stack([th.cos(), th.sin()], 1) * 2
def real(n): return C[torch.randint(0, 8, (n,))] + torch.randn(n, 2) * .08
G = nn.Sequential(nn.Linear(8, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 2))
D = nn.Sequential(nn.Linear(2, 96), nn.LeakyReLU(.2), nn.Linear(96, 96), nn.LeakyReLU(.2), nn.Linear(96, 1))
og = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(.5, .9)); od = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(.5, .9))
rows = []
with newllm.record(G, og, out=a.out + "/recording", kind="adversarial") as rg, newllm.record(D, od, out=a.out + "/recording_d", kind="adversarial") as rd:
    for it in range(1, 901):
        x = real(128); z = torch.randn(128, 8)
        fake = G(z)
        r, f = D(x), D(fake.detach())
        x_ = x.clone().requires_grad_(True); gp = torch.autograd.grad(D(x_).sum(), x_, create_graph=True)[0].pow(2).sum(1).mean()
        dl = F.softplus(-r).mean() + F.softplus(f).mean() + .1 * gp
        od.zero_grad(); dl.backward(); od.step(); rd.step(dl)
        gl = F.softplus(-D(fake)).mean()
        og.zero_grad(); gl.backward(); og.step(); rg.step(gl)
        row = [it, gl.item(), dl.item(), "", ""]
        if it % 50 == 0:
            with torch.no_grad(): s = G(torch.randn(1000, 8))
            d = torch.cdist(s, C); near, which = d.min(1); modes = len(set(which[near < .3].tolist())); good = (near < .3).float().mean().item()
            rg.metrics({"modes": modes, "good": good}); row[3:] = [modes, good]
            print(it, [round(q, 3) for q in row[1:]])
        rows.append(row)
with open(a.out + "/log.csv", "w") as fh:
    csv.writer(fh).writerows([["step", "loss", "d_loss", "modes", "share_near_a_mode"]] + rows)
