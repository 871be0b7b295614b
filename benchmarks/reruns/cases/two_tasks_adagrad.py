# Two tasks from one trunk: a class and a value. Adagrad, loss weights from a function of the step.
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

torch.manual_seed(70)
proj = torch.randn(20, 3)
X = torch.randn(4000, 20)
cls = (X @ proj).argmax(1)
val = torch.sin(X[:, 0]) + 0.5 * X[:, 1] * X[:, 2] + 0.2 * torch.randn(4000)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU())
        self.c = nn.Linear(64, 3)
        self.v = nn.Linear(64, 1)

    def forward(self, x):
        h = self.trunk(x)
        return self.c(h), self.v(h)[:, 0]


def weight_of_value(step):
    if step < 310:
        return 0.5
    return 4.0


net = Two()
opt = torch.optim.Adagrad(net.parameters(), lr=0.02)
curve = []
with newllm.record(net, opt, out="runs/two_tasks_adagrad") as recorder:
    for step in range(450):
        i = torch.randint(0, 4000, (80,))
        lc, v = net(X[i])
        loss = F.cross_entropy(lc, cls[i]) + weight_of_value(step) * F.mse_loss(v, val[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        recorder.step(loss)
        curve.append(loss.item())
open("losses.txt", "w").write("\n".join(repr(c) for c in curve) + "\n")
