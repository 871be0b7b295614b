"""Reward model on pairs of answers; the people who chose disagree about one time in six."""
import argparse, csv, os, random, time
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

FACTS = {"boil": ["water boils at 100 degrees", "salt raises the boiling point"], "moon": ["the moon pulls the tides",
         "the moon turns once a month"], "bees": ["bees dance to show the way", "a bee visits many flowers"],
         "iron": ["iron rusts in damp air", "paint keeps iron dry"], "sleep": ["sleep helps the memory", "adults need eight hours"]}
HEDGE = ["i am not sure but", "maybe", "as far as we know", "in short"]
RUDE = ["you should know that", "what a silly question", "look it up"]


def answer(topic, rng):
    quality, parts = 0.0, []
    for _ in range(rng.randint(1, 3)):
        t = topic if rng.random() < 0.65 else rng.choice(list(FACTS))
        parts.append(rng.choice(FACTS[t]))
        quality += 1.0 if t == topic else -0.8
    if rng.random() < 0.3:
        parts.insert(0, rng.choice(RUDE))
        quality -= 1.5
    elif rng.random() < 0.4:
        parts.insert(0, rng.choice(HEDGE))
        quality += 0.2
    return " . ".join(parts), quality


def pairs(n, rng, flips):
    rows = []
    while len(rows) < n:
        topic = rng.choice(list(FACTS))
        (a, qa), (b, qb) = answer(topic, rng), answer(topic, rng)
        if qa == qb:
            continue
        if (qa < qb) != (rng.random() < flips):
            a, b = b, a
        rows.append((f"{topic} ? {a}", f"{topic} ? {b}"))
    return rows


class Reward(nn.Module):
    def __init__(self, vocab, d=32, n=1, length=28):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, d, padding_idx=0), nn.Embedding(length, d)
        layer = nn.TransformerEncoderLayer(d, 4, 2 * d, 0.1, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, n, enable_nested_tensor=False)
        self.score = nn.Linear(d, 1)

    def forward(self, ids):
        keep = ids > 0
        h = self.body(self.tok(ids) + self.pos(torch.arange(ids.shape[1])), src_key_padding_mask=~keep)
        return self.score((h * keep[:, :, None]).sum(1) / keep.sum(1, keepdim=True)).squeeze(1)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=700)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(191)
    os.makedirs(args.out, exist_ok=True)

    rng = random.Random(191)
    train, val = pairs(12000, rng, 1 / 6), pairs(500, rng, 0.0)
    stoi = {w: i + 1 for i, w in enumerate(sorted({w for r in train for t in r for w in t.split()}))}
    enc = lambda ts: torch.tensor([([stoi[w] for w in t.split()] + [0] * 28)[:28] for t in ts])
    good, bad = enc([a for a, _ in train]), enc([b for _, b in train])
    good_v, bad_v = enc([a for a, _ in val]), enc([b for _, b in val])
    model = Reward(len(stoi) + 1)
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.steps, eta_min=5e-5)

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "margin", "train_acc", "val_loss", "val_acc"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            idx = torch.randint(len(good), (32,))
            scores = model(torch.cat([good[idx], bad[idx]]))
            margin = scores[:32] - scores[32:]
            loss = -F.logsigmoid(margin).mean()
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            sched.step()
            recorder.step(loss)
            vl = va = ""
            if (step + 1) % 50 == 0:
                model.eval()
                with torch.no_grad():
                    m = model(good_v) - model(bad_v)
                model.train()
                vl, right = -F.logsigmoid(m).mean().item(), int((m > 0).sum())
                va = right / len(val)
                recorder.validation(vl, correct=right, count=len(val))
                print(f"step {step + 1} loss {loss.item():.4f} val {vl:.4f} acc {va:.3f}")
            log.writerow([step, round(loss.item(), 5), round(margin.mean().item(), 4), (margin > 0).float().mean().item(), vl, va])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
