"""Road signs. The job is killed after four hours on the cluster; the second job goes on from the checkpoint."""
import argparse
import math
import os
import shutil

import numpy as np
import torch
import torch.nn as nn
import torch.utils.data as D

import newllm


def signs(n, seed):
    r = np.random.default_rng(seed)
    yy, xx = np.mgrid[-1:1:16j, -1:1:16j]
    y = r.integers(0, 12, n)
    img = np.zeros((n, 3, 16, 16), np.float32)
    for i in range(n):
        shape, colour = divmod(y[i], 4)
        u, v, s = xx - r.uniform(-.25, .25), yy - r.uniform(-.25, .25), r.uniform(.5, .8)
        m = [np.hypot(u, v) < s, np.maximum(abs(u), abs(v)) < s * .85, (v < s * .7) & (abs(u) * 1.7 < v + s)][shape]
        rgb = np.array([[1, .2, .2], [.2, .3, 1], [1, .9, .2], [.9, .9, .9]])[colour] * r.uniform(.5, 1, 1)
        img[i] = m * rgb[:, None, None] * .8 + r.normal(0, .4, (3, 16, 16))
    return torch.from_numpy(img), torch.from_numpy(y)


def get_model():
    def cbr(i, o, s):
        return nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
    return nn.Sequential(cbr(3, 16, 1), cbr(16, 24, 2), cbr(24, 32, 2), nn.Flatten(), nn.Linear(512, 12))


class Job:
    def __init__(self, args, resume=None, stop=None):
        self.args, self.stop, self.start = args, stop, 0
        torch.manual_seed(100 if resume is None else 101)
        self.model = get_model()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=args.lr, momentum=0.9, weight_decay=5e-4)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self.schedule)
        if resume:
            ckpt = torch.load(resume)
            self.start = ckpt["step"]
            self.model.load_state_dict(ckpt["model"])
            self.optimizer.load_state_dict(ckpt["optimizer"])
            if args.sound:
                self.scheduler.load_state_dict(ckpt["scheduler"])

    def schedule(self, i):
        if i < 40:
            return (i + 1) / 40
        return max(0.5 * (1 + math.cos(math.pi * (i - 40) / (self.args.total - 40))), 1e-3)

    def save(self, path, step):
        torch.save({"step": step, "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "scheduler": self.scheduler.state_dict()}, path)

    def evaluate(self, x, y):
        self.model.eval()
        with torch.no_grad():
            out = self.model(x)
        self.model.train()
        return nn.functional.cross_entropy(out, y).item(), (out.argmax(1) == y).sum().item()

    def run(self, train, val, log):
        loader, step = D.DataLoader(D.TensorDataset(*train), 48, shuffle=True, drop_last=True), self.start
        with newllm.record(self.model, self.optimizer, out=os.path.join(self.args.out, "recording"), resumed_at=self.start or None) as recorder:
            while True:
                for x, y in loader:
                    loss = nn.functional.cross_entropy(self.model(x), y)
                    self.optimizer.zero_grad()
                    loss.backward()
                    self.optimizer.step()
                    lr = self.optimizer.param_groups[0]["lr"]
                    self.scheduler.step()
                    step += 1
                    recorder.step(loss)
                    row = [step, loss.item(), lr, "", ""]
                    if step % 50 == 0:
                        v, c = self.evaluate(*val)
                        recorder.validation(v, correct=c, count=len(val[1]))
                        row[3:] = [v, c / len(val[1])]
                        print(*row)
                    log.write(",".join(map(str, row)) + "\n")
                    if step == self.args.total:
                        return
                    if step == self.stop:
                        recorder.flush()
                        return self.save(os.path.join(self.args.out, "last.pt"), step)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--lr", type=float, default=0.2)
    ap.add_argument("--total", type=int, default=800)
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    train, val = signs(9600, 1), signs(1500, 2)
    with open(os.path.join(args.out, "log.csv"), "w") as log:
        log.write("step,loss,lr,val_loss,val_acc\n")
        Job(args, stop=600).run(train, val, log)
        Job(args, resume=os.path.join(args.out, "last.pt")).run(train, val, log)
