"""GRU character LM on generated couplets: bf16 autocast, 3 accumulated micro-batches, warm-up + cosine."""
import argparse, csv, math, os, random
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

SUBJ = "the moon|a river|the old oak|my heart|the night wind|a sparrow|the sea|winter".split("|")
VERB = "sings|waits|burns|sleeps|turns|weeps|wanders|shines".split("|")
PLACE = "above the hill|beside the door|in silver rain|upon the shore|below the town|along the lane|among the leaves".split("|")


def verses(n, seed):
    r = random.Random(seed)
    return "\n".join(f"{r.choice(SUBJ)} {r.choice(VERB)} {r.choice(PLACE)}," + f" and {r.choice(SUBJ)} {r.choice(VERB)} {r.choice(PLACE)}." for _ in range(n))


class CharGRU(nn.Module):
    def __init__(self, v, d=64):
        super().__init__()
        self.emb, self.rnn = nn.Embedding(v, d), nn.GRU(d, d, batch_first=True)
        self.out = nn.Linear(d, v)

    def forward(self, x):
        h, _ = self.rnn(self.emb(x))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.out(h)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--steps", type=int, default=400)
    ap.add_argument("--accum", type=int, default=3)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(15)
    os.makedirs(args.out, exist_ok=True)
    a, b = verses(3000, 1), verses(120, 2)
    chars = sorted(set(a))
    code = {c: i for i, c in enumerate(chars)}
    data, held = [torch.tensor([code[c] for c in t]) for t in (a, b)]
    L = 28
    hv = torch.stack([held[i:i + L + 1] for i in range(0, len(held) - L - 1, L)])
    model = CharGRU(len(chars))
    opt = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.01)

    def lr_at(s, warm=40):
        return (s + 1) / warm if s < warm else 0.5 * (1 + math.cos(math.pi * (s - warm) / (args.steps - warm))) + 0.01

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "lr", "grad_norm", "val_loss"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            for g in opt.param_groups:
                g["lr"] = 5e-3 * lr_at(step)
            opt.zero_grad()
            total = 0.0
            for _ in range(args.accum):
                s = torch.randint(0, len(data) - L - 1, (8,)).tolist()
                w = torch.stack([data[i:i + L + 1] for i in s])
                loss = F.cross_entropy(model(w[:, :-1]).float().flatten(0, 1), w[:, 1:].flatten()) / args.accum
                loss.backward()
                total += loss.item()
            gn = nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
            opt.step()
            recorder.step(total)
            vl = ""
            if (step + 1) % 40 == 0:
                model.eval()
                with torch.no_grad():
                    vl = F.cross_entropy(model(hv[:, :-1]).float().flatten(0, 1), hv[:, 1:].flatten()).item()
                model.train()
                recorder.validation(vl, count=hv[:, 1:].numel())
                print(f"{step + 1} loss {total:.3f} val {vl:.4f} ppl {math.exp(vl):.2f}")
            log.writerow([step, total, opt.param_groups[0]["lr"], gn, vl])
    f.close()


if __name__ == "__main__":
    main()
