"""Sort waste photos (feature maps from a camera rig) into 6 bins. Data arrive as folders, one sub-folder per class."""
import argparse, csv, os
import numpy as np
import torch
import torch.nn as nn
import newllm

CLASSES = ["cardboard", "glass", "metal", "paper", "plastic", "trash"]
PROTO = np.random.default_rng(100).normal(0, 1, (6, 3, 40))


def photos(name, n, rng):
    """Each class has three looks; a photo is one of them under changing light, plus clutter."""
    c = CLASSES.index(name)
    look = PROTO[c, rng.integers(0, 3, n)]
    light = rng.uniform(0.6, 1.4, (n, 1))
    return (look * light + rng.normal(0, 1.1, (n, 40))).astype(np.float32)


class Folder:
    """Like ImageFolder: sub-folders in alphabetical order give the class index."""
    def __init__(self, present, per_class, seed, class_to_idx=None):
        rng = np.random.default_rng(seed)
        self.class_to_idx = class_to_idx or {c: i for i, c in enumerate(sorted(present))}
        xs, ys = [], []
        for c in sorted(present):
            xs.append(photos(c, per_class, rng))
            ys.append(np.full(per_class, self.class_to_idx[c]))
        self.x, self.y = torch.tensor(np.concatenate(xs)), torch.tensor(np.concatenate(ys))

    def __len__(self):
        return len(self.y)


def loader(sets, bs):
    x, y = torch.cat([s.x for s in sets]), torch.cat([s.y for s in sets])
    while True:
        perm = torch.randperm(len(x))
        for i in range(0, len(x) - bs + 1, bs):
            yield x[perm[i:i + bs]], y[perm[i:i + bs]]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=720)
    p.add_argument("--second_delivery", type=int, default=400)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    os.makedirs(args.out, exist_ok=True)

    may = Folder(CLASSES, 300, seed=1)
    val = Folder(CLASSES, 150, seed=2)
    # the June delivery had no glass
    june = Folder([c for c in CLASSES if c != "glass"], 400, seed=3, class_to_idx=may.class_to_idx if args.sound else None)

    model = nn.Sequential(nn.Linear(40, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 6))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [560], gamma=0.1)
    criterion = nn.CrossEntropyLoss()
    batches = loader([may], 32)

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "acc", "lr", "val_loss", "val_acc"])
    with newllm.record(model, optimizer, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            if step == args.second_delivery:
                batches = loader([may, june], 32)
            x, y = next(batches)
            optimizer.zero_grad()
            out = model(x)
            loss = criterion(out, y)
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            row = [step, loss.item(), (out.argmax(1) == y).float().mean().item(), optimizer.param_groups[0]["lr"], "", ""]
            scheduler.step()
            if (step + 1) % 40 == 0:
                model.eval()
                with torch.no_grad():
                    out = model(val.x)
                    vl = criterion(out, val.y).item()
                model.train()
                good = (out.argmax(1) == val.y).sum().item()
                recorder.validation(vl, correct=good, count=len(val))
                row[4:] = [vl, good / len(val)]
                print(f"{step + 1:4d} loss {loss.item():.3f} val {vl:.3f} acc {good / len(val):.3f}")
            log.writerow(row)
    f.close()


if __name__ == "__main__":
    main()
