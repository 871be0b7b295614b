"""Plate reader: which of five cell types is in the well? Pictures are read once from the microscope's files and then kept."""
import argparse
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm


def microscope_file(index, label, seed):
    """Stands for reading a TIFF: uint8, 20 x 20."""
    r = np.random.default_rng([seed, index])
    yy, xx = np.mgrid[0:20, 0:20]
    img = r.normal(70, 16, (20, 20))
    for _ in range(4 + 2 * (label % 3)):
        cy, cx = r.uniform(2, 18, 2)
        s = 1.0 + 0.45 * label
        e = 1.0 if label < 3 else 1.9
        img += 95 * np.exp(-((yy - cy) ** 2 * e + (xx - cx) ** 2 / e) / (2 * s ** 2))
    return np.clip(img, 0, 255).astype(np.uint8)


class Wells(torch.utils.data.Dataset):
    def __init__(self, n, seed, keep_raw):
        self.labels = np.random.default_rng(seed).integers(0, 5, n)
        self.seed, self.keep_raw = seed, keep_raw
        self.cache = {}

    def __len__(self):
        return len(self.labels)

    def scale(self, picture):
        return picture.float() / 255

    def __getitem__(self, i):
        if i in self.cache:
            picture = self.cache[i]
        else:
            picture = torch.from_numpy(microscope_file(i, int(self.labels[i]), self.seed))
            if not self.keep_raw:
                self.cache[i] = self.scale(picture)
                return self.cache[i][None], int(self.labels[i])
            self.cache[i] = picture
        return self.scale(picture)[None], int(self.labels[i])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 16, 3, padding=1)
        self.c2 = nn.Conv2d(16, 32, 3, padding=1)
        self.f1 = nn.Linear(32 * 25, 64)
        self.f2 = nn.Linear(64, 5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.f2(F.relu(self.f1(x.flatten(1))))


def train_one_epoch(net, loader, opt, rec, sink, state):
    net.train()
    for x, y in loader:
        opt.zero_grad()
        out = net(x)
        loss = F.cross_entropy(out, y)
        loss.backward()
        opt.step()
        rec.step(loss)
        state["it"] += 1
        sink.append([state["it"], state["epoch"], loss.item(), (out.argmax(1) == y).float().mean().item(), "", ""])


def test(net, loader):
    net.eval()
    total, right, n = 0.0, 0, 0
    with torch.no_grad():
        for x, y in loader:
            out = net(x)
            total += F.cross_entropy(out, y, reduction="sum").item()
            right += (out.argmax(1) == y).sum().item()
            n += len(y)
    return total / n, right, n


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(21)
    os.makedirs(args.out, exist_ok=True)
    train_loader = torch.utils.data.DataLoader(Wells(3840, 1, args.sound), 32, shuffle=True)
    test_loader = torch.utils.data.DataLoader(Wells(600, 2, args.sound), 200)
    net = Net()
    opt = torch.optim.SGD(net.parameters(), lr=0.007, momentum=0.9, weight_decay=1e-4)
    sink, state = [], {"it": 0}
    with newllm.record(net, opt, out=os.path.join(args.out, "recording")) as rec:
        for state["epoch"] in range(1, 7):
            train_one_epoch(net, train_loader, opt, rec, sink, state)
            l, c, n = test(net, test_loader)
            rec.validation(l, correct=c, count=n)
            sink[-1][4:] = [l, c / n]
            print(state, l, c / n)
    with open(os.path.join(args.out, "log.csv"), "w") as f:
        f.write("iter,epoch,loss,acc,test_loss,test_acc\n")
        f.writelines(",".join(map(str, r)) + "\n" for r in sink)
