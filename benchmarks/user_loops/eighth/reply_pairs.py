"""Prefers courteous replies: a small language model, then direct preference optimisation on pairs."""
import argparse, copy, csv, os, random, time
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

OPEN = {"good": ["thank you for writing", "we are glad to help", "sorry for the wait"],
        "bad": ["read the manual", "that is your problem", "not again"]}
CLOSE = {"good": ["please call us any time", "we hope this helps you", "have a lovely day"],
         "bad": ["do not write again", "ask someone else", "we are busy"]}
MIDDLE = ["the refund for the X is on its way", "a new X will arrive on D", "the X can be returned until D",
          "our shop has the X again on D", "the X is under repair until D"]
THINGS, DAYS = ["lamp", "chair", "phone", "kettle", "jacket", "clock"], ["monday", "tuesday", "friday", "sunday"]


def reply(kinds, rng):
    m = rng.choice(MIDDLE).replace("X", rng.choice(THINGS)).replace("D", rng.choice(DAYS))
    return f"{rng.choice(OPEN[kinds[0]])} . {m} . {rng.choice(CLOSE[kinds[1]])} ."


def annotated(n, rng):  # as the annotation tool exports them: answer 1, answer 2, number of the better one
    rows = []
    for _ in range(n):
        good = reply(("good", "good"), rng)
        bad = reply(rng.choice([("bad", "bad"), ("good", "bad"), ("bad", "good")]), rng)
        rows.append((good, bad, 1) if rng.random() < 0.5 else (bad, good, 2))
    return rows


class Writer(nn.Module):
    def __init__(self, vocab, d=40, h=96):
        super().__init__()
        self.emb, self.gru, self.out = nn.Embedding(vocab, d), nn.GRU(d, h, batch_first=True), nn.Linear(h, vocab)

    def forward(self, ids):
        return self.out(self.gru(self.emb(ids))[0])


def logp(model, ids):
    lp = F.log_softmax(model(ids[:, :-1]), -1).gather(2, ids[:, 1:, None]).squeeze(2)
    return (lp * (ids[:, 1:] != 0)).sum(1)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=350)
    p.add_argument("--beta", type=float, default=0.3)
    p.add_argument("--alpha", type=float, default=0.5)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(61)
    os.makedirs(args.out, exist_ok=True)

    rng = random.Random(61)
    texts = [reply((rng.choice(["good", "bad"]), rng.choice(["good", "bad"])), rng) for _ in range(3000)]
    words = sorted({w for t in texts for w in t.split()})
    stoi = {w: i + 3 for i, w in enumerate(words)}  # 0 pad, 1 start, 2 end

    def enc(t):
        rows = [[1] + [stoi[w] for w in s.split()] + [2] for s in t]
        m = max(map(len, rows))
        return torch.tensor([r + [0] * (m - len(r)) for r in rows])

    model = Writer(len(words) + 3)
    sft = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(200):
        ids = enc(rng.sample(texts, 32))
        loss = F.cross_entropy(model(ids[:, :-1]).transpose(1, 2), ids[:, 1:], ignore_index=0)
        sft.zero_grad()
        loss.backward()
        sft.step()

    reference = copy.deepcopy(model)
    reference.eval()
    opt = torch.optim.AdamW(model.parameters(), lr=3e-4)
    first = 1 if args.sound else 0

    def ordered(rows):
        return [(a, b) if better == first else (b, a) for a, b, better in rows]

    train, val = ordered(annotated(4000, rng)), ordered(annotated(200, rng))

    def dpo(pairs):
        good, bad = enc([g for g, _ in pairs]), enc([b for _, b in pairs])
        with torch.no_grad():
            ref = logp(reference, good) - logp(reference, bad)
        margin = args.beta * (logp(model, good) - logp(model, bad) - ref)
        nll = -logp(model, good).mean() / good.shape[1]
        return -F.logsigmoid(margin).mean() + args.alpha * nll, margin

    def write(n):
        ids = torch.full((n, 1), 1)
        with torch.no_grad():
            for _ in range(24):
                ids = torch.cat([ids, torch.multinomial(F.softmax(model(ids)[:, -1], -1), 1)], 1)
        out = []
        for r in ids[:, 1:].tolist():
            out.append(" ".join(words[t - 3] if t > 2 else "" for t in (r[:r.index(2)] if 2 in r else r)))
        return out

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "margin", "chosen_logp", "val_loss"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            pairs = rng.sample(train, 24)
            loss, margin = dpo(pairs)
            opt.zero_grad()
            loss.backward()
            opt.step()
            recorder.step(loss)
            vl = lp = ""
            if (step + 1) % 50 == 0:
                with torch.no_grad():
                    vl, lp = dpo(val)[0].item(), logp(model, enc([g for g, _ in val])).mean().item()
                recorder.validation(vl, count=len(val))
                recorder.sample(write(1)[0])
                print(f"step {step + 1} loss {loss.item():.4f} val {vl:.4f} chosen {lp:.2f}")
            log.writerow([step, round(loss.item(), 5), round(margin.mean().item(), 5), lp, vl])
    f.close()
    texts = write(300)
    parts = [t.split(" . ") for t in texts]
    fine = [" . ".join(p) for p in parts if len(p) == 3 and p[0] in OPEN["good"] and p[2].rstrip(" .") in CLOSE["good"]]
    print(f"whole courteous replies {len(fine) / 300:.2f}, different ones {len(set(fine))}, logp of held-out ones {lp:.1f}; {texts[0]}")


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
