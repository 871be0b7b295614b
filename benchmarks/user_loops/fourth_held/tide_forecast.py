import argparse, csv, math, os
import numpy as np, torch
from torch import nn
import newllm

TOTAL, WARM, PEAK = 600, 40, 4e-2

def series(n=9000):
    r = np.random.default_rng(0); t = np.arange(n)
    s = np.sin(t / 12.42 * 6.283) + .4 * np.sin(t / 12 * 6.283 + 1) + .25 * np.sin(t / 25.8 * 6.283) + .1 * np.sin(t / 6.21 * 6.283)
    surge = np.zeros(n)
    for i in range(1, n): surge[i] = .9 * surge[i - 1] + r.normal(0, .03)
    return torch.tensor(s + surge + r.normal(0, .01, n), dtype=torch.float32)

class TideGRU(nn.Module):
    def __init__(self, h=40):
        super().__init__(); self.gru = nn.GRU(1, h, batch_first=True); self.out = nn.Linear(h, 6)
    def forward(self, x):
        h, _ = self.gru(x[..., None]); return self.out(h[:, -1])

def lr_at(step):
    if step < WARM: return (step + 1) / WARM
    return .5 * (1 + math.cos(math.pi * min(1, (step - WARM) / (TOTAL - WARM)))) + 1e-3

def build():
    net = TideGRU(); opt = torch.optim.Adam(net.parameters(), lr=PEAK)
    return net, opt, torch.optim.lr_scheduler.LambdaLR(opt, lr_at)

def cut(s, i): return torch.stack([s[j:j + 36] for j in i]), torch.stack([s[j + 36:j + 42] for j in i])

def validate(net, s):
    x, y = cut(s, torch.arange(7600, 8900, 7))
    with torch.no_grad(): return (net(x) - y).pow(2).mean().item()

def work(net, opt, sched, start, stop, s, recorder, log):
    for step in range(start + 1, stop + 1):
        x, y = cut(s, torch.randint(0, 7400, (32,)))
        loss = (net(x) - y).pow(2).mean()
        opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(net.parameters(), 1.0); opt.step()
        row = [step, loss.item(), opt.param_groups[0]["lr"], ""]
        sched.step(); recorder.step(loss)
        if step % 25 == 0:
            row[3] = validate(net, s); recorder.validation(row[3])
            if step % 50 == 0: print(row)
        log.writerow(row)

def main():
    ap = argparse.ArgumentParser(); ap.add_argument("--out"); ap.add_argument("--sound", action="store_true"); a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True); torch.set_num_threads(1); torch.manual_seed(30); s = series(); rec = os.path.join(a.out, "recording")
    f = open(os.path.join(a.out, "log.csv"), "w"); log = csv.writer(f); log.writerow(["step", "loss", "lr", "val_mse"])
    net, opt, sched = build(); ck = os.path.join(a.out, "ckpt.pt")
    with newllm.record(net, opt, out=rec) as recorder:
        work(net, opt, sched, 0, 480, s, recorder, log)
        recorder.flush()
        torch.save({"step": 480, "net": net.state_dict(), "opt": opt.state_dict(), "sched": sched.state_dict()}, ck)
    # the job's time was over; the second job of the queue goes on
    torch.manual_seed(31); c = torch.load(ck)
    net, opt, sched = build(); net.load_state_dict(c["net"])
    if a.sound:
        opt.load_state_dict(c["opt"]); sched.load_state_dict(c["sched"])
    with newllm.record(net, opt, out=rec, resumed_at=c["step"]) as recorder:
        work(net, opt, sched, c["step"], TOTAL, s, recorder, log)
    f.close()
main()
