"""Distil a wide teacher into a small student: temperature, label smoothing on the hard part, mixup on the inputs."""
import argparse, csv, os
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm


def objects(n, seed):
    g = torch.Generator().manual_seed(1000)
    proto, w = torch.randn(10, 4, 8, generator=g), torch.randn(8, 60, generator=g) / 2.5
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 10, (n,), generator=g)
    z = proto[y, torch.randint(0, 4, (n,), generator=g)] * 1.4 + 0.45 * torch.randn(n, 8, generator=g)
    return torch.sin(z @ w) + 0.3 * torch.randn(n, 60, generator=g), y


def mlp(h):
    return nn.Sequential(nn.Linear(60, h), nn.BatchNorm1d(h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, 10))


def train_teacher(x, y, steps=400):
    net = mlp(320)
    opt = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=1e-4)
    for _ in range(steps):
        i = torch.randint(0, len(x), (128,))
        opt.zero_grad()
        F.cross_entropy(net(x[i]), y[i]).backward()
        opt.step()
    return net.eval().requires_grad_(False)


def kd_loss(student, teacher, t=3.0):
    return F.kl_div(F.log_softmax(student / t, 1), F.softmax(teacher / t, 1), reduction="batchmean") * t * t


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--steps", type=int, default=800)
    ap.add_argument("--alpha", type=float, default=0.5)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(29)
    os.makedirs(args.out, exist_ok=True)
    x, y = objects(10000, 1)
    xv, yv = objects(1000, 2)
    teacher = train_teacher(x, y)
    print(f"teacher acc {(teacher(xv).argmax(1) == yv).float().mean():.3f}")
    student = mlp(80)
    opt = torch.optim.AdamW(student.parameters(), lr=3e-3, weight_decay=0.01)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.steps)
    beta = torch.distributions.Beta(0.4, 0.4)
    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "kd", "hard", "train_acc", "lr", "val_loss", "val_acc"])
    with newllm.record(student, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            i = torch.randint(0, len(x), (64,))
            j = i[torch.randperm(64)]
            lam = beta.sample().item()
            xm = lam * x[i] + (1 - lam) * x[j]
            out = student(xm)
            kd = kd_loss(out, teacher(xm))
            hard = lam * F.cross_entropy(out, y[i], label_smoothing=0.1) + (1 - lam) * F.cross_entropy(out, y[j], label_smoothing=0.1)
            loss = args.alpha * kd + (1 - args.alpha) * hard
            opt.zero_grad()
            loss.backward()
            opt.step()
            recorder.step(loss)
            acc = (out.argmax(1) == (y[i] if lam >= 0.5 else y[j])).float().mean().item()
            row = [step, loss.item(), kd.item(), hard.item(), acc, sched.get_last_lr()[0], "", ""]
            sched.step()
            if (step + 1) % 80 == 0:
                student.eval()
                with torch.no_grad():
                    o = student(xv)
                student.train()
                ok = (o.argmax(1) == yv).sum().item()
                row[6:] = [F.cross_entropy(o, yv).item(), ok / len(yv)]
                recorder.validation(row[6], correct=ok, count=len(yv))
                print(f"{step + 1} loss {loss.item():.3f} kd {kd.item():.3f} acc {acc:.2f} val {row[6]:.3f} acc {row[7]:.3f}")
            log.writerow(row)
    f.close()


if __name__ == "__main__":
    main()
