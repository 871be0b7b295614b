"""Language model on packed user manuals; the window grows in three planned stages."""
import argparse, csv, os, random, time
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

PARTS = "lid cable filter valve switch lamp tank lever panel hose".split()
STEPS = ["remove the A before you open the B", "press the A until the B clicks", "clean the A with a dry cloth",
         "never pull the A while the B is hot", "turn the A twice to the left", "check that the A fits the B",
         "if the A is wet , dry the B too", "close the A and wait for one minute"]
STAGES = [(0, 16, 32), (200, 32, 16), (400, 64, 8)]  # from update, window, batch


def manual(rng):
    a, b = rng.sample(PARTS, 2)
    s = f"manual for the {a} and the {b} :".split()
    for k in range(rng.randint(2, 6)):
        s += [f"{k + 1}."] + [a if w == "A" else b if w == "B" else w for w in rng.choice(STEPS).split()]
        if rng.random() < 0.3:
            a, b = b, a
    return s + ["<eos>"]


class PackedModel(nn.Module):
    def __init__(self, vocab, d=48, n=2, ctx=64):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, d), nn.Embedding(ctx, d)
        layer = nn.TransformerEncoderLayer(d, 4, 3 * d, 0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, n, enable_nested_tensor=False)
        self.norm, self.out = nn.LayerNorm(d), nn.Linear(d, vocab)

    def forward(self, ids, doc):
        t = ids.shape[1]
        start = torch.cat([torch.ones_like(doc[:, :1], dtype=torch.bool), doc[:, 1:] != doc[:, :-1]], 1)
        at = torch.arange(t).expand_as(ids)
        pos = at - torch.where(start, at, 0).cummax(1).values
        block = (doc[:, :, None] != doc[:, None, :]) | torch.triu(torch.ones(t, t, dtype=torch.bool), 1)
        h = self.blocks(self.tok(ids) + self.pos(pos), mask=block.repeat_interleave(4, 0))
        return self.out(self.norm(h))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=650)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(171)
    os.makedirs(args.out, exist_ok=True)

    rng = random.Random(171)
    docs, docs_v = [manual(rng) for _ in range(3000)], [manual(rng) for _ in range(150)]
    stoi = {w: i for i, w in enumerate(sorted({w for d in docs + docs_v for w in d}))}

    def pack(ds):
        ids = torch.tensor([stoi[w] for d in ds for w in d])
        return ids, torch.tensor([k for k, d in enumerate(ds) for _ in d])

    train, val = pack(docs), pack(docs_v)

    def loss_of(pack, starts, window):
        ids = torch.stack([pack[0][i:i + window + 1] for i in starts])
        doc = torch.stack([pack[1][i:i + window + 1] for i in starts])
        y = ids[:, 1:].masked_fill(doc[:, 1:] != doc[:, :-1], -100)  # no guess of the next manual's first word
        return F.cross_entropy(model(ids[:, :-1], doc[:, :-1]).transpose(1, 2), y, ignore_index=-100)

    model = PackedModel(len(stoi))
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / 40) * (1 - 0.9 * s / args.steps))

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "window", "loss", "lr", "val_loss"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            for first, w, b in STAGES:
                if step == first:
                    window, batch = w, b
                    if step:
                        recorder.note(step, f"curriculum: window {window}")
            loss = loss_of(train, torch.randint(len(train[0]) - window, (batch,)).tolist(), window)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            sched.step()
            recorder.step(loss)
            vl = ""
            if (step + 1) % 50 == 0:
                model.eval()
                with torch.no_grad():
                    vl = loss_of(val, range(0, len(val[0]) - 65, 64), 64).item()
                model.train()
                recorder.validation(vl, count=len(val[0]) // 64)
                print(f"step {step + 1} window {window} loss {loss.item():.4f} val {vl:.4f}")
            log.writerow([step, window, round(loss.item(), 5), sched.get_last_lr()[0], vl])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
