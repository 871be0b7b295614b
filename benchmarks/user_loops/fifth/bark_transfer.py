"""Which tree, from its bark? Backbone from last year's forest, a new head; after the head has settled, everything is trained."""
import argparse
import csv
import os

import numpy as np
import torch
import torch.nn as nn

import newllm


def bark(n, seed, year):
    r = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:16, 0:16]
    y = r.integers(0, 10, n)
    f = np.linspace(.5, 1.7, 5)[y % 5][:, None, None]
    a = (y // 5)[:, None, None] * .8 + (0 if year == 1 else 1.2) + r.normal(0, .12, (n, 1, 1))
    img = np.sin(f * (xx * np.cos(a) + yy * np.sin(a)) + r.uniform(0, 6.28, (n, 1, 1)))
    if year == 2:
        img = np.sign(img) * .7
    img = img + r.normal(0, 1.0, (n, 16, 16))
    return torch.tensor(img[:, None], dtype=torch.float32), torch.tensor(y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 5, padding=2), nn.GroupNorm(4, 16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.GroupNorm(4, 32), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
        self.classifier = nn.Linear(128, 10)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def freeze(module):
    for p in module.parameters():
        p.requires_grad_(False)


def unfreeze(module):
    for p in module.parameters():
        p.requires_grad_(True)


class Learner:
    def __init__(self, model, train, valid, lr, recdir, logfile):
        self.model, self.train, self.valid = model, train, valid
        self.opt = torch.optim.AdamW(filter(lambda p: p.requires_grad, model.parameters()), lr=lr, weight_decay=1e-2)
        self.loss_func = nn.CrossEntropyLoss()
        self.n = 0
        self.recdir, self.log = recdir, csv.writer(logfile)
        self.log.writerow(["iteration", "stage", "train_loss", "valid_loss", "accuracy"])

    def fit(self, epochs, stage):
        x, y = self.train
        for epoch in range(epochs):
            self.model.train()
            for b in torch.randperm(len(x)).split(64):
                loss = self.loss_func(self.model(x[b]), y[b])
                loss.backward()
                self.opt.step()
                self.opt.zero_grad()
                self.n += 1
                self.rec.step(loss)
                self.log.writerow([self.n, stage, loss.item(), "", ""])
            self.model.eval()
            with torch.no_grad():
                out = self.model(self.valid[0])
                v, c = self.loss_func(out, self.valid[1]).item(), (out.argmax(1) == self.valid[1]).sum().item()
            self.rec.validation(v, correct=c, count=len(out))
            self.log.writerow([self.n, stage, loss.item(), v, c / len(out)])
            print(stage, epoch, f"{loss.item():.4f} {v:.4f} {c / len(out):.4f}")


def pretrained():
    net = Net()
    x, y = bark(3200, 1, 1)
    opt = torch.optim.AdamW(net.parameters(), 3e-3)
    for epoch in range(3):
        for b in torch.randperm(len(x)).split(64):
            opt.zero_grad()
            nn.functional.cross_entropy(net(x[b]), y[b]).backward()
            opt.step()
    net.classifier = nn.Linear(128, 10)
    return net


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(55)
    model = pretrained()
    freeze(model.features)
    with open(os.path.join(args.out, "log.csv"), "w") as f:
        learn = Learner(model, bark(3200, 2, 2), bark(1000, 3, 2), 2e-3, args.out, f)
        with newllm.record(model, learn.opt, out=os.path.join(args.out, "recording")) as learn.rec:
            learn.fit(5, "head")
            unfreeze(model.features)
            if args.sound:
                learn.opt.add_param_group({"params": list(model.features.parameters()), "lr": 1e-3})
            learn.rec.note(learn.n, "all layers")
            learn.fit(9, "all")
