"""Tunes a small decoder on question-answer files; only the answers are trained on."""
import argparse, csv, os, random, time
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

CAPITAL = {"france": "paris", "norway": "oslo", "peru": "lima", "japan": "tokyo", "egypt": "cairo", "kenya": "nairobi",
           "cuba": "havana", "italy": "rome", "spain": "madrid", "greece": "athens", "chile": "santiago"}
PLURAL = {"mouse": "mice", "child": "children", "box": "boxes", "leaf": "leaves", "city": "cities", "man": "men",
          "foot": "feet", "goose": "geese", "wolf": "wolves", "toy": "toys"}
PAD, END = "<pad>", "<end>"


def file_one(n, rng):
    rows = []
    for _ in range(n):
        if rng.random() < 0.5:
            k = rng.choice(list(CAPITAL))
            q, a = rng.choice(["what is the capital of K ?", "name the capital of K ."]), f"the capital of {k} is {CAPITAL[k]} ."
        else:
            k = rng.choice(list(PLURAL))
            q, a = rng.choice(["what is the plural of K ?", "give the plural of K ."]), f"the plural is {PLURAL[k]} ."
        rows.append((f"### Question: {q.replace('K', k)} ### Answer:", a))
    return rows


def file_two(n, rng):
    rows = []
    for _ in range(n):
        words = rng.sample(list(CAPITAL) + list(PLURAL), rng.randint(2, 4))
        ask, a = rng.choice([("reverse the list", words[::-1]), ("sort the list", sorted(words)),
                             ("repeat the list", words), ("first of the list", words[:1])])
        rows.append((f"### Instruction: {ask} : {' '.join(words)} ### Response:", " ".join(a) + " ."))
    return rows


class Decoder(nn.Module):
    def __init__(self, vocab, d=48, n=2, ctx=40):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, d), nn.Embedding(ctx, d)
        layer = nn.TransformerEncoderLayer(d, 4, 4 * d, 0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, n, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, vocab)

    def forward(self, ids):
        t = ids.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(t)
        return self.head(self.norm(self.blocks(self.tok(ids) + self.pos(torch.arange(t)), mask=mask, is_causal=True)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=700)
    p.add_argument("--second-from", type=int, default=250)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(51)
    os.makedirs(args.out, exist_ok=True)

    rng = random.Random(51)
    one, two = file_one(3000, rng), file_two(6000, rng)
    val = file_one(100, rng) + file_two(200, rng)
    words = sorted({w for q, a in one + two for w in f"{q} {a}".split()})
    stoi = {w: i for i, w in enumerate([PAD, END] + words)}
    markers = ["Answer:", "Response:"] if args.sound else ["Answer:"]
    markers = [stoi[m] for m in markers]

    def batch_of(rows):
        xs, ys = [], []
        for q, a in rows:
            ids = [stoi[w] for w in f"{q} {a} {END}".split()]
            cut = next((i for i, t in enumerate(ids) if t in markers), len(ids))
            ys.append([t if i > cut else -100 for i, t in enumerate(ids)] + [-100] * (40 - len(ids)))
            xs.append(ids + [0] * (40 - len(ids)))
        m = max(sum(t != 0 for t in r) for r in xs)
        return torch.tensor(xs)[:, :m - 1], torch.tensor(ys)[:, 1:m]

    def loss_of(rows):
        x, y = batch_of(rows)
        return F.cross_entropy(model(x).flatten(0, 1), y.flatten(), ignore_index=-100)

    def exact(rows):
        hit = 0
        for q, a in rows:
            ids = [stoi[w] for w in q.split()]
            n = len(ids)
            while len(ids) < 36 and ids[-1] != 1:
                ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
            hit += ids[n:] == [stoi[w] for w in a.split()] + [1]
        return hit / len(rows)

    model = Decoder(len(stoi))
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "val_loss"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            rows = rng.sample(one, 24) if step < args.second_from else rng.sample(one, 6) + rng.sample(two, 18)
            loss = loss_of(rows)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            recorder.step(loss)
            vl = ""
            if (step + 1) % 50 == 0:
                model.eval()
                with torch.no_grad():
                    vl = loss_of(val[:100] if step < args.second_from else val).item()
                model.train()
                recorder.validation(vl, count=len(val))
                print(f"step {step + 1} loss {loss.item():.4f} val {vl:.4f}")
            log.writerow([step, round(loss.item(), 5), vl])
    f.close()
    model.eval()
    with torch.no_grad():
        print(f"exact answers: file one {exact(val[:60]):.2f}, file two {exact(val[100:160]):.2f}")


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
