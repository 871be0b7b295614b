"""Leaves of a new garden, with a backbone from the old garden: head first, then the whole network, gently."""
import argparse
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm


def garden(n, classes, seed, curl):
    """24 points of an outline; species differ in lobes and teeth, gardens in how far the leaves curl."""
    r = np.random.default_rng(seed)
    species = np.random.default_rng(77)
    amp = species.normal(0, .5, (12, 6)); phase = species.uniform(0, 6.28, (12, 6))
    y = r.integers(0, classes, n)
    t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    k = np.arange(1, 7)
    off = r.normal(0, .3, n)
    a = amp[y] * r.normal(1, .15, (n, 6))
    out = sum(a[:, j:j + 1] * np.cos(k[j] * (t + off[:, None]) + phase[y, j:j + 1]) for j in range(6))
    out = np.stack([out * np.cos(curl * out), out * np.sin(curl * out + .3 * curl)], 1) + r.normal(0, .25, (n, 2, 24))
    return torch.tensor(out, dtype=torch.float32), torch.tensor(y)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(2, 32, 5, padding=2, padding_mode="circular"), nn.BatchNorm1d(32), nn.ReLU())
        self.body = nn.Sequential(nn.Conv1d(32, 48, 5, padding=2, stride=2, padding_mode="circular"), nn.BatchNorm1d(48), nn.ReLU(),
                                  nn.Conv1d(48, 48, 3, padding=1, padding_mode="circular"), nn.BatchNorm1d(48), nn.ReLU())

    def forward(self, x):
        return self.body(self.stem(x)).flatten(1)


class Classifier(nn.Module):
    def __init__(self, backbone, classes):
        super().__init__()
        self.backbone, self.fc = backbone, nn.Linear(48 * 12, classes)

    def forward(self, x):
        return self.fc(self.backbone(x))


def pretrain():
    x, y = garden(4000, 12, 1, .2)
    net = Classifier(Backbone(), 12)
    opt = torch.optim.Adam(net.parameters(), 1e-3)
    for epoch in range(3):
        for i in torch.randperm(len(x)).split(100):
            opt.zero_grad(); F.cross_entropy(net(x[i]), y[i]).backward(); opt.step()
    return net.backbone


def set_parameter_requires_grad(module, flag):
    for p in module.parameters():
        p.requires_grad = flag


def main(args):
    torch.manual_seed(5)
    since = time.time()
    net = Classifier(pretrain(), 12)
    x, y = garden(3000, 12, 2, 2.2)
    xv, yv = garden(1000, 12, 3, 2.2)
    set_parameter_requires_grad(net.backbone, False)
    optimizer = torch.optim.Adam(net.fc.parameters(), lr=1e-3)
    rows, step = [], 0
    with newllm.record(net, optimizer, out=os.path.join(args.out, "recording"), kind="fine-tune") as recorder:
        for epoch in range(14):
            if epoch == 7:
                set_parameter_requires_grad(net.backbone, True)
                optimizer.add_param_group({"params": net.backbone.parameters(), "lr": 3e-4})
                recorder.note(step, "backbone unfrozen")
            net.train()
            if epoch < 7:
                net.backbone.eval()  # its statistics stay as they came
            for i in torch.randperm(len(x)).split(50):
                optimizer.zero_grad()
                logits = net(x[i])
                loss = F.cross_entropy(logits, y[i])
                loss.backward()
                optimizer.step()
                step += 1
                recorder.step(loss)
                rows.append((step, epoch, "head" if epoch < 7 else "all", loss.item(), (logits.argmax(1) == y[i]).float().mean().item(), "", ""))
            net.eval()
            with torch.no_grad():
                logits = net(xv)
                vl, hits = F.cross_entropy(logits, yv).item(), (logits.argmax(1) == yv).sum().item()
            recorder.validation(vl, correct=hits, count=len(yv))
            rows.append((step, epoch, "head" if epoch < 7 else "all", "", "", vl, hits / len(yv)))
            print(f"Epoch {epoch}/13 val Loss: {vl:.4f} Acc: {hits / len(yv):.4f}")
    with open(os.path.join(args.out, "log.csv"), "w") as f:
        f.write("step,epoch,phase,loss,acc,val_loss,val_acc\n")
        for r in rows:
            f.write(",".join(map(str, r)) + "\n")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    main(args)
