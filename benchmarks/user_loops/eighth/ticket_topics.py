"""Sorts support tickets by urgency; the encoder comes from a language model on product pages."""
import argparse, csv, os, random, time
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

THINGS = "router printer screen battery keyboard charger speaker tablet camera drive".split()
PAGES = ["the T is small and light", "our new T works with every T", "buy a T and get a T free", "this T never fails",
         "a T that lasts for years", "the T does not need a T", "customers say the T is great now"]
CLAIMS = [("the T is broken", 1), ("the T is not broken", 0), ("my T works again now", 0), ("my T never works now", 1),
          ("the T does not work", 1), ("the T does work again", 0), ("a small T fails every day", 1),
          ("no T fails now", 0), ("the T was broken but works again", 0), ("the T was great but is broken now", 1)]
CALM = ["there is no hurry", "take your time", "i can wait", "that is not urgent"]
RUSH = ["please hurry", "i can not wait", "there is no time", "that is urgent", "we need it today"]


def fill(t, rng):
    return " ".join(rng.choice(THINGS) if w == "T" else w for w in t.split())


def make_tickets(n, rng):  # 0 ignore, 1 queue, 2 soon, 3 at once
    rows = []
    for _ in range(n):
        claim, bad = rng.choice(CLAIMS)
        rush = rng.randint(0, 1)
        parts = [fill(claim, rng), rng.choice(RUSH if rush else CALM)]
        if rng.random() < 0.5:
            parts.reverse()
        rows.append((" . ".join(parts), 2 * bad + rush))
    return rows


class Encoder(nn.Module):
    def __init__(self, vocab, d=48, h=64):
        super().__init__()
        self.emb = nn.Embedding(vocab, d, padding_idx=0)
        self.gru = nn.GRU(d, h, batch_first=True)

    def forward(self, ids):
        return self.gru(self.emb(ids))[0]


class Sorter(nn.Module):
    def __init__(self, encoder, h=64, classes=4):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(h, classes)

    def forward(self, ids):
        h = self.encoder(ids)
        return self.head(h[torch.arange(len(ids)), (ids > 0).sum(1) - 1])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=700)
    p.add_argument("--unfreeze-at", type=int, default=200)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(31)
    os.makedirs(args.out, exist_ok=True)

    rng = random.Random(31)
    pages = [fill(rng.choice(PAGES), rng) for _ in range(2000)]
    train, val = make_tickets(3000, rng), make_tickets(600, rng)
    stoi = {w: i + 1 for i, w in enumerate(sorted({w for t in pages + [t for t, _ in train] for w in t.split()}))}
    enc = lambda t: torch.tensor([[stoi[w] for w in s.split()] + [0] * (18 - len(s.split())) for s in t])
    x, y = enc([t for t, _ in train]), torch.tensor([c for _, c in train])
    xv, yv = enc([t for t, _ in val]), torch.tensor([c for _, c in val])

    encoder, lm_head = Encoder(len(stoi) + 1), nn.Linear(64, len(stoi) + 1)
    pre = torch.optim.Adam([*encoder.parameters(), *lm_head.parameters()], lr=3e-3)
    xp = enc(pages)
    for _ in range(200):
        b = xp[torch.randint(len(xp), (32,))]
        loss = F.cross_entropy(lm_head(encoder(b[:, :-1])).transpose(1, 2), b[:, 1:], ignore_index=0)
        pre.zero_grad()
        loss.backward()
        pre.step()

    model = Sorter(encoder)
    for q in model.encoder.parameters():
        q.requires_grad_(False)
    opt = torch.optim.Adam([q for q in model.parameters() if q.requires_grad], lr=2e-3)

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "val_loss", "val_acc"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording"), kind="fine-tune") as recorder:
        for step in range(args.steps):
            if step == args.unfreeze_at:
                for q in model.encoder.parameters():
                    q.requires_grad_(True)
                if args.sound:
                    opt.add_param_group({"params": list(model.encoder.parameters()), "lr": 1e-3})
                print("encoder unfrozen")
            idx = torch.randint(len(x), (32,))
            loss = F.cross_entropy(model(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            recorder.step(loss)
            vl = va = ""
            if (step + 1) % 50 == 0:
                model.eval()
                with torch.no_grad():
                    out = model(xv)
                    vl, right = F.cross_entropy(out, yv).item(), int((out.argmax(1) == yv).sum())
                model.train()
                va = right / len(yv)
                recorder.validation(vl, correct=right, count=len(yv))
                print(f"step {step + 1} loss {loss.item():.4f} val {vl:.4f} acc {va:.3f}")
            log.writerow([step, round(loss.item(), 5), vl, va])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
