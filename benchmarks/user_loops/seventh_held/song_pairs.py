"""Self-supervised audio embeddings: two noisy excerpts of a song must find each other among a queue of others (MoCo)."""
import argparse, copy, csv, math, os
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

QUEUE, TAU = 2048, 0.1


def songs(n, seed):
    """Latent (genre, tempo, colour ...) -> 64-bin spectrum."""
    g = torch.Generator().manual_seed(3)
    centre, proj = torch.randn(10, 12, generator=g) * 1.0, torch.randn(12, 64, generator=g) / 3
    g = torch.Generator().manual_seed(seed)
    genre = torch.randint(0, 10, (n,), generator=g)
    return torch.tanh((centre[genre] + 0.7 * torch.randn(n, 12, generator=g)) @ proj), genre


EQ = torch.randn(8, 64, generator=torch.Generator().manual_seed(4)) / 8 ** 0.5


def excerpt(x):
    """A random part of the song as heard on some device: equaliser, loudness, noise."""
    x = x + 1.5 * torch.randn(len(x), 8) @ EQ
    return x * (0.8 + 0.4 * torch.rand(len(x), 1)) + 0.3 * torch.randn_like(x)


class Encoder(nn.Module):
    def __init__(self, h=128):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, h), nn.BatchNorm1d(h), nn.ReLU(), nn.Linear(h, h), nn.ReLU())
        self.proj = nn.Linear(h, 32)

    def forward(self, x):
        return F.normalize(self.proj(self.body(x)), dim=1)


def knn_accuracy(enc, bank, bank_y, x, y, k=15):
    enc.eval()
    rng = torch.get_rng_state()
    bank, x = excerpt(bank), excerpt(x)
    torch.set_rng_state(rng)
    with torch.no_grad():
        near = (enc.body(x) @ F.normalize(enc.body(bank), dim=1).T).topk(k, 1).indices
    enc.train()
    return (bank_y[near].mode(1).values == y).float().mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--steps", type=int, default=600)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(18)
    os.makedirs(args.out, exist_ok=True)
    x, genre = songs(8000, 1)
    xv, gv = songs(800, 2)
    enc = Encoder()
    key = copy.deepcopy(enc).requires_grad_(False)
    opt = torch.optim.SGD(enc.parameters(), lr=0.06, momentum=0.9, weight_decay=1e-4)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.steps)
    queue = torch.empty(0, 32)
    print(f"knn before training {knn_accuracy(enc, x[:3000], genre[:3000], xv, gv):.3f}")
    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "queue", "pair_acc", "lr", "knn_acc"])
    with newllm.record(enc, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            b = x[torch.randint(0, len(x), (64,))]
            q = enc(excerpt(b))
            with torch.no_grad():
                for pk, p in zip(key.parameters(), enc.parameters()):
                    pk.lerp_(p, 0.02)
                k = key(excerpt(b))
            logits = q @ torch.cat([k, queue]).T / TAU
            target = torch.arange(64)
            loss = F.cross_entropy(logits, target)
            opt.zero_grad()
            loss.backward()
            opt.step()
            queue = torch.cat([k, queue])[:QUEUE]
            recorder.step(loss)
            row = [step, loss.item(), len(queue), (logits.argmax(1) == target).float().mean().item(), sched.get_last_lr()[0], ""]
            sched.step()
            if (step + 1) % 60 == 0:
                row[-1] = knn_accuracy(enc, x[:3000], genre[:3000], xv, gv)
                recorder.metrics({"knn_acc": row[-1]})
                print(f"{step + 1} loss {loss.item():.3f} (chance {math.log(64 + len(queue)):.2f}) pair acc {row[3]:.3f} knn {row[-1]:.3f}")
            log.writerow(row)
    f.close()


if __name__ == "__main__":
    main()
