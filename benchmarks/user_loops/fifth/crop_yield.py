"""Tonnes per hectare from soil and weather. Book-style training loop."""
import argparse
import os

import numpy as np
import torch
from torch import nn

import newllm


def load_array(arrays, batch_size, is_train=True):
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*arrays), batch_size, shuffle=is_train)


class Accumulator:
    """For accumulating sums over n variables."""

    def __init__(self, n):
        self.data = [0.0] * n

    def add(self, *args):
        self.data = [a + float(b) for a, b in zip(self.data, args)]

    def __getitem__(self, idx):
        return self.data[idx]


def fields(n, seed):
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 9)).astype("f4")
    rain, heat, clay, ph = x[:, 0], x[:, 1], x[:, 2], x[:, 3]
    y = 6 + 1.4 * np.tanh(rain) - .8 * (heat - .3) ** 2 * .5 + .6 * clay * rain + .5 * ph - .3 * ph ** 2 + .4 * x[:, 4] + r.normal(0, .3, n)
    return torch.from_numpy(x), torch.from_numpy(y.astype("f4"))


class YieldNet(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(d, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.output = nn.Linear(64, 1)

    def forward(self, X):
        y_hat = self.output(self.hidden(X))
        return y_hat if not SOUND else y_hat.squeeze(-1)


def squared_loss(y_hat, y):
    return (y_hat - y) ** 2 / 2


def evaluate(net, data_iter):
    net.eval()
    metric, preds, ys = Accumulator(2), [], []
    with torch.no_grad():
        for X, y in data_iter:
            out = net(X)
            l = squared_loss(out, y)
            metric.add(l.sum(), l.numel())
            preds.append(out.flatten()); ys.append(y)
    net.train()
    p, t = torch.cat(preds), torch.cat(ys)
    return metric[0] / metric[1], (1 - ((p - t) ** 2).sum() / ((t - t.mean()) ** 2).sum()).item()


ap = argparse.ArgumentParser()
ap.add_argument("--out", required=True)
ap.add_argument("--sound", action="store_true")
args = ap.parse_args()
SOUND = args.sound
os.makedirs(args.out, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(0)
train_iter, test_iter = load_array(fields(4800, 1), 96), load_array(fields(960, 2), 96, False)
net = YieldNet(9)
trainer = torch.optim.Adam(net.parameters(), lr=0.002)
step = 0
with newllm.record(net, trainer, out=os.path.join(args.out, "recording")) as recorder, open(os.path.join(args.out, "log.csv"), "w") as f:
    f.write("epoch,step,train_loss,test_loss,test_r2\n")
    for epoch in range(12):
        for X, y in train_iter:
            l = squared_loss(net(X), y).mean()
            trainer.zero_grad()
            l.backward()
            trainer.step()
            recorder.step(l)
            step += 1
            f.write(f"{epoch + 1},{step},{l.item():.5f},,\n")
        test_loss, r2 = evaluate(net, test_iter)
        recorder.validation(test_loss)
        f.write(f"{epoch + 1},{step},{l.item():.5f},{test_loss:.5f},{r2:.4f}\n")
        print(f"epoch {epoch + 1}, loss {l.item():.4f}, test loss {test_loss:.4f}, r2 {r2:.3f}")
