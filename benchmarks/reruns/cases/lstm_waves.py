# next-value prediction of sums of sines with an LSTM
import math
import torch
from torch import nn
import newllm

torch.manual_seed(34)


def waves(n, length=24):
    f = torch.rand(n, 2, 1) * 0.5 + 0.15
    p = torch.rand(n, 2, 1) * 2 * math.pi
    a = torch.rand(n, 2, 1) * 0.5 + 0.5
    t = torch.arange(length + 1.0)
    return (a * torch.sin(f * t + p)).sum(1)


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 40, batch_first=True)
        self.lin = nn.Linear(40, 1)

    def forward(self, x):
        h, _ = self.lstm(x[..., None])
        return self.lin(h)[..., 0]


net = Forecaster()
opt = torch.optim.Adam(net.parameters(), lr=8e-3)


def fresh_phase(optimizer):
    """The second phase begins with clean optimizer buffers."""
    for st in optimizer.state.values():
        st["exp_avg"].mul_(0.5)
        st["exp_avg_sq"].zero_()


vals = []
with newllm.record(net, opt, out="runs/lstm_waves") as recorder:
    for phase in (1, 2):
        for k in range(280 if phase == 1 else 130):
            if phase == 2 and k == 0:
                fresh_phase(opt)
            w = waves(48)
            loss = (net(w[:, :-1]) - w[:, 1:]).pow(2)[:, 4:].mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            recorder.step(loss)
            vals.append(loss.item())
with open("losses.txt", "w") as f:
    f.write("\n".join(repr(v) for v in vals) + "\n")
