"""Star ratings of film reviews on top of a pretrained encoder that is thawed layer by layer."""
import argparse, csv, os, random, time
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

PARTS = "plot cast music ending camera humour pace dialogue".split()
GOOD, BAD = "brilliant moving clever warm fresh".split(), "dull clumsy cold noisy empty".split()


def review(rng):
    score, out = 0, []
    for part in rng.sample(PARTS, 3):
        good, neg = rng.random() < 0.5, rng.random() < 0.35
        out.append(f"the {part} is {'not ' if neg else ''}{rng.choice(GOOD if good else BAD)}")
        score += good != neg
    return " , ".join(out), score


class Encoder(nn.Module):
    def __init__(self, vocab, d=48):
        super().__init__()
        self.emb = nn.Embedding(vocab, d, padding_idx=0)
        self.low = nn.LSTM(d, d, batch_first=True)
        self.high = nn.LSTM(d, d, batch_first=True)

    def forward(self, ids):
        return self.high(self.low(self.emb(ids))[0])[0]


class Rater(nn.Module):
    def __init__(self, encoder, d=48):
        super().__init__()
        self.encoder, self.drop, self.head = encoder, nn.Dropout(0.1), nn.Linear(2 * d, 4)

    def forward(self, ids):
        h = self.encoder(ids)
        keep = (ids > 0)[:, :, None]
        mean = (h * keep).sum(1) / keep.sum(1)
        top = h.masked_fill(~keep, -1e9).amax(1)
        return self.head(self.drop(torch.cat([mean, top], 1)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=700)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(181)
    os.makedirs(args.out, exist_ok=True)

    rng = random.Random(181)
    raw, train, val = [review(rng)[0] for _ in range(2500)], [review(rng) for _ in range(2500)], [review(rng) for _ in range(500)]
    stoi = {w: i + 1 for i, w in enumerate(sorted({w for t in raw for w in t.split()}))}
    enc = lambda ts: nn.utils.rnn.pad_sequence([torch.tensor([stoi[w] for w in t.split()]) for t in ts], batch_first=True)
    x, y, xv, yv = enc([t for t, _ in train]), torch.tensor([s for _, s in train]), enc([t for t, _ in val]), torch.tensor([s for _, s in val])

    encoder, lm = Encoder(len(stoi) + 1), nn.Linear(48, len(stoi) + 1)
    pre = torch.optim.Adam([*encoder.parameters(), *lm.parameters()], lr=3e-3)
    xr = enc(raw)
    for _ in range(250):
        b = xr[torch.randint(len(xr), (32,))]
        loss = F.cross_entropy(lm(encoder(b[:, :-1])).transpose(1, 2), b[:, 1:], ignore_index=0)
        pre.zero_grad()
        loss.backward()
        pre.step()

    model = Rater(encoder)
    for q in encoder.parameters():
        q.requires_grad_(False)
    opt = torch.optim.AdamW(model.head.parameters(), lr=3e-3)
    thaw = {150: (encoder.high, 1e-3), 300: (encoder.low, 1e-3), 450: (encoder.emb, 5e-4)}

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "trainable", "val_loss", "val_acc"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording"), kind="fine-tune") as recorder:
        for step in range(args.steps):
            if step in thaw:
                layer, lr = thaw[step]
                for q in layer.parameters():
                    q.requires_grad_(True)
                opt.add_param_group({"params": list(layer.parameters()), "lr": lr})
            idx = torch.randint(len(x), (32,))
            loss = F.cross_entropy(model(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
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
            log.writerow([step, round(loss.item(), 5), sum(q.numel() for q in model.parameters() if q.requires_grad), vl, va])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
