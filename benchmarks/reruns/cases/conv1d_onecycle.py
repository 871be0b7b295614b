# one-dimensional convolutions on noisy chirps, OneCycle
import torch
import torch.nn as nn
import newllm

torch.manual_seed(120)
t = torch.linspace(0, 1, 48)


def chirp(n):
    a, b = torch.rand(n, 1) * 10 + 2, torch.rand(n, 1) * 20 - 10
    return (torch.sin(6.28 * (a * t + b * t * t / 2)) + 0.3 * torch.randn(n, 48))[:, None], (b[:, 0] / 10)


X, Y = chirp(2500)
net = nn.Sequential(nn.Conv1d(1, 16, 7, stride=2, padding=3), nn.BatchNorm1d(16), nn.ReLU(),
                    nn.Conv1d(16, 32, 5, stride=2, padding=2), nn.ReLU(), nn.Dropout(0.1), nn.Flatten(), nn.Linear(32 * 12, 1))
opt = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.05, total_steps=400)
hist = []
with newllm.record(net, opt, out="runs/conv1d_onecycle") as recorder:
    for _ in range(400):
        i = torch.randint(0, 2500, (50,))
        loss = nn.functional.mse_loss(net(X[i])[:, 0], Y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        recorder.step(loss)
        hist.append(loss.item())
open("losses.txt", "w").write("".join(f"{v!r}\n" for v in hist))
