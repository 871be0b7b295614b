"""Card fraud, 3 % positives: weighted BCE, small batches, one-cycle schedule."""
import argparse, csv, os
import numpy as np
import torch
import torch.nn as nn
import newllm


def transactions(n, seed):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.03).astype(np.float32)
    x = rng.normal(0, 1, (n, 20))
    kind = rng.integers(0, 2, n)
    x[:, 0] += 2.0 * y
    x[:, 1] += np.where(y > 0, np.where(kind == 0, 2.2, -2.2), 0)
    x[:, 2] += np.where(y > 0, np.where(kind == 0, 1.5, -1.5), 0)
    x[:, 3] *= 1 + 1.2 * y
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


def auc(score, y):
    order = score.argsort()
    rank = torch.empty_like(score)
    rank[order] = torch.arange(1, len(score) + 1, dtype=score.dtype)
    p = y.sum()
    return ((rank[y > 0].sum() - p * (p + 1) / 2) / (p * (len(y) - p))).item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--steps", type=int, default=900)
    ap.add_argument("--bs", type=int, default=48)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(10)
    os.makedirs(args.out, exist_ok=True)
    x, y = transactions(30000, 1)
    xv, yv = transactions(6000, 2)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    weight = ((y == 0).sum() / (y == 1).sum()).sqrt()
    criterion = nn.BCEWithLogitsLoss(pos_weight=weight)
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=4e-3, total_steps=args.steps, pct_start=0.25)
    perm = torch.randperm(len(x))
    pos = 0
    with open(os.path.join(args.out, "log.csv"), "w", newline="") as f, newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        w = csv.writer(f)
        w.writerow(["step", "loss", "lr", "val_loss", "val_auc", "val_recall@1%fpr"])
        for step in range(args.steps):
            if pos + args.bs > len(x):
                perm, pos = torch.randperm(len(x)), 0
            j = perm[pos:pos + args.bs]
            pos += args.bs
            opt.zero_grad()
            loss = criterion(model(x[j]).squeeze(1), y[j])
            loss.backward()
            opt.step()
            recorder.step(loss)
            row = [step, loss.item(), sched.get_last_lr()[0], "", "", ""]
            sched.step()
            if (step + 1) % 75 == 0:
                model.eval()
                with torch.no_grad():
                    s = model(xv).squeeze(1)
                model.train()
                cut = s[yv == 0].quantile(0.99)
                row[3:] = [criterion(s, yv).item(), auc(s, yv), (s[yv > 0] > cut).float().mean().item()]
                recorder.validation(row[3], count=len(yv))
                print(f"{step + 1} loss {loss.item():.3f} val {row[3]:.3f} auc {row[4]:.4f} recall@1%fpr {row[5]:.3f}")
            w.writerow(row)


if __name__ == "__main__":
    main()
