"""Route support tickets to one of 8 teams with a small transformer encoder."""
import argparse, csv, random
from pathlib import Path
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

TOPICS = {
    0: "invoice refund payment card charge vat".split(), 1: "login password account locked reset token".split(),
    2: "parcel delivery late courier tracking address".split(), 3: "crash error freeze update install bug".split(),
    4: "return damaged broken replace warranty box".split(), 5: "cancel subscription plan upgrade monthly trial".split(),
    6: "feature request wish export api button".split(), 7: "privacy delete data gdpr consent export".split()}
FILLER = "hello please the my i is not can you when was for and it still thanks help with since yesterday again why".split()
VOCAB = {w: i + 1 for i, w in enumerate(sorted(set(FILLER) | {w for t in TOPICS.values() for w in t}))}
L = 20

def ticket(rng):
    k = rng.randrange(8)
    words = [rng.choice(TOPICS[k]) if rng.random() < .25 else (rng.choice(TOPICS[rng.randrange(8)]) if rng.random() < .12 else rng.choice(FILLER)) for _ in range(L)]
    return [VOCAB[w] for w in words], k

class Router(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.emb = nn.Embedding(len(VOCAB) + 1, d)
        self.pos = nn.Parameter(torch.randn(L, d) * .02)
        layer = nn.TransformerEncoderLayer(d, 4, 96, dropout=0.1, batch_first=True)
        self.enc = nn.TransformerEncoder(layer, 3)
        self.head = nn.Linear(d, 8)
    def forward(self, x):
        return self.head(self.enc(self.emb(x) + self.pos).mean(1))

def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", type=Path); ap.add_argument("--sound", action="store_true")
    args = ap.parse_args(); args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1); torch.manual_seed(21); rng = random.Random(21)
    data = [ticket(rng) for _ in range(5000)]
    X = torch.tensor([d[0] for d in data]); Y = torch.tensor([d[1] for d in data])
    lr = 5e-4 if args.sound else 2e-2
    net = Router()
    opt = torch.optim.AdamW(net.parameters(), lr=lr)
    hist = []
    with newllm.record(net, opt, out=args.out / "recording", config={"lr": lr, "batch": 32}) as recorder:
        for step in range(1, 501):
            b = torch.randint(0, 4500, (32,))
            loss = F.cross_entropy(net(X[b]), Y[b])
            opt.zero_grad(); loss.backward(); opt.step()
            recorder.step(loss)
            row = {"step": step, "loss": loss.item(), "lr": lr, "val_loss": "", "val_acc": ""}
            if step % 50 == 0:
                net.eval()
                with torch.no_grad():
                    o = net(X[4500:]); v = F.cross_entropy(o, Y[4500:]).item(); c = (o.argmax(-1) == Y[4500:]).sum().item()
                net.train()
                recorder.validation(v, correct=c, count=500)
                row["val_loss"], row["val_acc"] = v, c / 500
                print(step, round(loss.item(), 3), round(v, 3), c / 500)
            hist.append(row)
    with open(args.out / "log.csv", "w", newline="") as f:
        w = csv.DictWriter(f, hist[0].keys()); w.writeheader(); w.writerows(hist)

main()
