"""Species classifier on tabular moth traits: trained head first, then layers are released one after the other (ULMFiT style)."""
import argparse, csv, os
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm


def traits(n, n_cls, seed, centre_seed, noise=0.55):
    g = torch.Generator().manual_seed(centre_seed)
    low = torch.randn(n_cls, 2, 5, generator=g)
    g2 = torch.Generator().manual_seed(7)
    mix1, mix2 = torch.randn(5, 24, generator=g2), torch.randn(24, 48, generator=g2) / 4
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, n_cls, (n,), generator=g)
    z = low[y, torch.randint(0, 2, (n,), generator=g)] * 1.3 + noise * torch.randn(n, 5, generator=g)
    return torch.tanh(torch.tanh(z @ mix1) @ mix2) + 0.2 * torch.randn(n, 48, generator=g), y


class Net(nn.Module):
    def __init__(self, n_cls):
        super().__init__()
        self.l1 = nn.Sequential(nn.Linear(48, 96), nn.LayerNorm(96), nn.GELU())
        self.l2 = nn.Sequential(nn.Linear(96, 64), nn.LayerNorm(64), nn.GELU())
        self.head = nn.Linear(64, n_cls)

    def forward(self, x):
        return self.head(self.l2(self.l1(x)))


def freeze(module, frozen=True):
    for p in module.parameters():
        p.requires_grad = not frozen


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--steps", type=int, default=600)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(9)
    os.makedirs(args.out, exist_ok=True)

    net = Net(4)
    px, py = traits(3000, 4, 50, centre_seed=1)
    pre = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(150):  # butterflies, the source task
        i = torch.randint(0, len(px), (64,))
        pre.zero_grad()
        F.cross_entropy(net(px[i]), py[i]).backward()
        pre.step()

    net.head = nn.Linear(64, 9)
    x, y = traits(6000, 9, 51, centre_seed=2)
    xv, yv = traits(1000, 9, 52, centre_seed=2)
    freeze(net.l1), freeze(net.l2)
    opt = torch.optim.AdamW(net.head.parameters(), lr=3e-3, weight_decay=0.01)
    release = {200: (net.l2, 1e-3), 350: (net.l1, 5e-4)}

    out = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(out)
    log.writerow(["step", "loss", "lr_head", "trainable", "grad_norm", "val_loss", "val_acc"])
    with newllm.record(net, opt, out=os.path.join(args.out, "recording"), kind="fine-tune") as recorder:
        for step in range(args.steps):
            if step in release:
                part, lr = release[step]
                freeze(part, False)
                opt.add_param_group({"params": list(part.parameters()), "lr": lr})
                recorder.note(step, "unfreeze")
            for g in opt.param_groups:  # linear decay of every group over the last 200 steps
                g.setdefault("base", g["lr"])
                g["lr"] = g["base"] * min(1.0, max(args.steps - step, 1) / 200)
            i = torch.randint(0, len(x), (64,))
            opt.zero_grad()
            loss = F.cross_entropy(net(x[i]), y[i])
            loss.backward()
            gn = nn.utils.clip_grad_norm_([p for p in net.parameters() if p.requires_grad], 2.0)
            opt.step()
            recorder.step(loss)
            v = ["", ""]
            if (step + 1) % 50 == 0:
                net.eval()
                with torch.no_grad():
                    o = net(xv)
                net.train()
                n_ok = (o.argmax(1) == yv).sum().item()
                v = [F.cross_entropy(o, yv).item(), n_ok / len(yv)]
                recorder.validation(v[0], correct=n_ok, count=len(yv))
                print(f"{step + 1} loss {loss.item():.3f} val {v[0]:.3f} acc {v[1]:.3f}")
            log.writerow([step, loss.item(), opt.param_groups[0]["lr"], sum(p.numel() for p in net.parameters() if p.requires_grad), gn.item(), *v])
    out.close()


if __name__ == "__main__":
    main()
