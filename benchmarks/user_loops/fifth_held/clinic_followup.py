"""How soon do patients come back? Proportional hazards by a small network (partial likelihood, Breslow ties)."""
import argparse, csv, os
import numpy as np
import torch
from torch import nn
import newllm

def cohort(n, seed):
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 12))
    risk = .3 * x[:, 0] - .25 * x[:, 1] + .25 * (x[:, 2] * x[:, 3]) + .2 * np.abs(x[:, 4])
    t = r.exponential(np.exp(-risk))           # most of it is luck
    c = r.exponential(1.3, n)
    return (torch.tensor(x, dtype=torch.float32), torch.tensor(np.minimum(t, c), dtype=torch.float32), torch.tensor(t <= c).float())

class CoxPHLoss(nn.Module):
    def forward(self, log_h, durations, events):
        idx = durations.sort(descending=True).indices
        events, log_h = events[idx], log_h[idx].view(-1)
        log_cum = torch.logcumsumexp(log_h, 0)
        return -((log_h - log_cum) * events).sum() / events.sum().clamp(min=1)

def concordance(risk, t, e):
    order = (t[:, None] < t[None, :]) & (e[:, None] > 0)
    d = risk[:, None] - risk[None, :]
    return (((d > 0) & order).sum() / order.sum()).item()

class DeepSurv(nn.Module):
    def __init__(self, d_in, hidden=(32, 32), p=.1):
        super().__init__()
        layers = []
        for h in hidden:
            layers += [nn.Linear(d_in, h), nn.ReLU(), nn.Dropout(p)]
            d_in = h
        self.net = nn.Sequential(*layers, nn.Linear(d_in, 1, bias=False))
    def forward(self, x):
        return self.net(x)

if __name__ == '__main__':
    ap = argparse.ArgumentParser(); ap.add_argument('--out', required=True); ap.add_argument('--sound', action='store_true')
    args = ap.parse_args(); os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1); torch.manual_seed(8)
    X, T, E = cohort(20000, 1); Xv, Tv, Ev = cohort(2000, 2)
    net = DeepSurv(12); criterion = CoxPHLoss()
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-2)
    n_iter = 0
    with newllm.record(net, opt, out=os.path.join(args.out, 'recording')) as rec, open(os.path.join(args.out, 'log.csv'), 'w') as fh:
        log = csv.DictWriter(fh, ['iter', 'epoch', 'partial_nll', 'val_partial_nll', 'val_cindex']); log.writeheader()
        for epoch in range(6):
            net.train()
            for b in torch.randperm(len(X)).split(200):
                opt.zero_grad()
                loss = criterion(net(X[b]), T[b], E[b])
                loss.backward()
                opt.step()
                rec.step(loss); n_iter += 1
                row = dict(iter=n_iter, epoch=epoch, partial_nll=loss.item())
                if n_iter % 50 == 0:
                    net.eval()
                    with torch.no_grad():
                        h = net(Xv)
                        v = np.mean([criterion(h[k], Tv[k], Ev[k]).item() for k in torch.arange(len(Xv)).split(200)])
                        ci = concordance(h.view(-1), Tv, Ev)
                    net.train()
                    rec.validation(float(v))
                    row.update(val_partial_nll=v, val_cindex=ci)
                    print(n_iter, round(loss.item(), 4), round(float(v), 4), round(ci, 4))
                log.writerow(row)
