"""Plankton shape descriptors -> 8 taxa. Plain SGD with a step schedule."""
import argparse, csv, os
import torch
import torch.nn as nn
import newllm


def descriptors(n, seed):
    g = torch.Generator().manual_seed(500)
    freq, phase = torch.rand(8, 3, generator=g) * 3 + 1, torch.rand(8, 3, generator=g) * 6.28
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 8, (n,), generator=g)
    t = torch.linspace(0, 2, 48)
    amp = 0.5 + torch.rand(n, 3, 1, generator=g)
    wave = (amp * torch.sin(freq[y][..., None] * 2 * t + phase[y][..., None] + 0.5 * torch.randn(n, 3, 1, generator=g))).sum(1)
    return wave + 0.9 * torch.randn(n, 48, generator=g), y


class AverageMeter:
    def __init__(self):
        self.sum = self.n = 0.0

    def update(self, v, n):
        self.sum += v * n
        self.n += n

    @property
    def avg(self):
        return self.sum / max(self.n, 1)


def train_one_epoch(epoch, model, data, criterion, optimizer, scheduler, recorder, args, rows):
    model.train()
    losses, top1 = AverageMeter(), AverageMeter()
    x, y = data
    perm = torch.randperm(len(x))
    for i in range(0, len(x), args.batch_size):
        j = perm[i:i + args.batch_size]
        out = model(x[j])
        loss = criterion(out, y[j])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if not args.sound:
            scheduler.step()
        recorder.step(loss)
        losses.update(loss.item(), len(j))
        top1.update((out.argmax(1) == y[j]).float().mean().item(), len(j))
        rows.append([len(rows), epoch, loss.item(), None, None, None])
    if args.sound:
        scheduler.step()
    return losses.avg, top1.avg


@torch.no_grad()
def validate(model, data, criterion):
    model.eval()
    out = model(data[0])
    return criterion(out, data[1]).item(), (out.argmax(1) == data[1]).sum().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--epochs", type=int, default=20)
    ap.add_argument("--batch_size", type=int, default=64)
    ap.add_argument("--lr", type=float, default=0.05)
    ap.add_argument("--lr_step_size", type=int, default=8)
    ap.add_argument("--lr_gamma", type=float, default=0.3)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(19)
    os.makedirs(args.out, exist_ok=True)
    train, val = descriptors(2048, 1), descriptors(800, 2)
    model = nn.Sequential(nn.Linear(48, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 8))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=args.lr_step_size, gamma=args.lr_gamma)
    rows = []
    with newllm.record(model, optimizer, out=os.path.join(args.out, "recording"), config=args) as recorder:
        for epoch in range(args.epochs):
            tl, ta = train_one_epoch(epoch, model, train, criterion, optimizer, scheduler, recorder, args, rows)
            vl, ok = validate(model, val, criterion)
            recorder.validation(vl, correct=ok, count=len(val[1]))
            rows[-1][3:] = [ta, vl, ok / len(val[1])]
            print(f"Epoch {epoch:2d} | train {tl:.3f} / {ta:.3f} | val {vl:.3f} / {ok / len(val[1]):.3f}")
    with open(os.path.join(args.out, "log.csv"), "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["step", "epoch", "loss", "epoch_train_acc", "val_loss", "val_acc"])
        w.writerows(rows)


if __name__ == "__main__":
    main()
