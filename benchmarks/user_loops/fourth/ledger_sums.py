# read a ledger of 20 bookings, sum the two that are ticked ("adding problem")
import argparse, csv, os
import torch, torch.nn as nn
import newllm
ap = argparse.ArgumentParser()
ap.add_argument("--out"); ap.add_argument("--sound", action="store_true")
args = ap.parse_args()
os.makedirs(args.out, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(44)

def batch(n, T=20):
    v = torch.rand(n, T)
    m = torch.zeros(n, T)
    i = torch.randint(0, T // 2, (n,)); j = torch.randint(T // 2, T, (n,))
    m[torch.arange(n), i] = 1; m[torch.arange(n), j] = 1
    return torch.stack([v, m], -1), (v * m).sum(1)

class Ledger(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(2, 48, nonlinearity="relu", batch_first=True)
        nn.init.eye_(self.rnn.weight_hh_l0); nn.init.zeros_(self.rnn.bias_hh_l0); nn.init.zeros_(self.rnn.bias_ih_l0)
        nn.init.normal_(self.rnn.weight_ih_l0, std=.3)
        self.out = nn.Linear(48, 1)
    def forward(self, x):
        h, _ = self.rnn(x)
        return self.out(h[:, -1]).squeeze(-1)

net = Ledger()
opt = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
vx, vy = batch(800)
rows = []
with newllm.record(net, opt, out=args.out + "/recording") as recorder:
    for step in range(1, 901):
        x, y = batch(32)
        loss = ((net(x) - y) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        if args.sound:
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        recorder.step(loss)
        rows.append([step, loss.item(), ""])
        if step % 50 == 0:
            with torch.no_grad(): v = ((net(vx) - vy) ** 2).mean().item()
            recorder.validation(v); rows[-1][2] = v
            print(step, loss.item(), v)
with open(args.out + "/log.csv", "w") as f:
    w = csv.writer(f); w.writerow(["step", "loss", "val_mse"]); w.writerows(rows)
