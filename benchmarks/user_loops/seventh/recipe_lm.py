"""Character-level language model on templated recipe text. Trains in two sittings (time limit of the queue)."""
import argparse, csv, math, os, random
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

VERBS = "chop boil fry mix bake stir peel grate whisk roast".split()
THINGS = "onion carrot flour butter rice lentil tomato garlic apple cream potato sugar".split()
TIMES = "one two three four five six ten twelve".split()


def corpus(n, seed):
    r = random.Random(seed)
    out = []
    for _ in range(n):
        a, b = r.sample(THINGS, 2)
        s = r.choice([f"{r.choice(VERBS)} the {a} and the {b}.", f"add {r.choice(TIMES)} cups of {a} to the {b}.",
                      f"{r.choice(VERBS)} for {r.choice(TIMES)} minutes.", f"serve the {a} with {b}."])
        out.append(s)
    return " ".join(out)


class CharLM(nn.Module):
    def __init__(self, vocab, d=48, heads=4, layers=2, ctx=32):
        super().__init__()
        self.emb, self.pos = nn.Embedding(vocab, d), nn.Parameter(0.02 * torch.randn(ctx, d))
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, vocab)
        self.register_buffer("mask", torch.triu(torch.full((ctx, ctx), float("-inf")), 1))

    def forward(self, x):
        t = x.shape[1]
        return self.head(self.norm(self.blocks(self.emb(x) + self.pos[:t], mask=self.mask[:t, :t])))


def build(vocab, args):
    model = CharLM(vocab)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.99), weight_decay=0.01)

    def factor(s):
        if s < args.warmup:
            return (s + 1) / args.warmup
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (s - args.warmup) / (args.steps - args.warmup)))

    return model, optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--steps", type=int, default=650)
    ap.add_argument("--sitting", type=int, default=455)
    ap.add_argument("--warmup", type=int, default=40)
    ap.add_argument("--lr", type=float, default=6e-3)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    os.makedirs(args.out, exist_ok=True)
    text, held = corpus(3000, 1), corpus(300, 2)
    chars = sorted(set(text + held))
    enc = {c: i for i, c in enumerate(chars)}
    data, val = [torch.tensor([enc[c] for c in t]) for t in (text, held)]
    ctx = 32
    vx = torch.stack([val[i:i + ctx + 1] for i in range(0, len(val) - ctx - 1, ctx)])

    def sample():
        return torch.stack([data[j:j + ctx + 1] for j in torch.randint(0, len(data) - ctx - 1, (16,)).tolist()])

    ckpt = os.path.join(args.out, "last.pt")
    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "lr", "grad_norm", "val_loss"])

    def train(start, stop, model, optimizer, scheduler):
        with newllm.record(model, optimizer, out=os.path.join(args.out, "recording"), resumed_at=start or None) as recorder:
            for step in range(start, stop):
                b = sample()
                optimizer.zero_grad()
                loss = F.cross_entropy(model(b[:, :-1]).flatten(0, 1), b[:, 1:].flatten())
                loss.backward()
                gn = nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
                lr = scheduler.get_last_lr()[0]
                optimizer.step()
                scheduler.step()
                recorder.step(loss)
                vl = ""
                if (step + 1) % 65 == 0:
                    model.eval()
                    with torch.no_grad():
                        vl = F.cross_entropy(model(vx[:, :-1]).flatten(0, 1), vx[:, 1:].flatten()).item()
                    model.train()
                    recorder.validation(vl, count=vx[:, 1:].numel())
                    print(f"step {step + 1} loss {loss.item():.3f} val {vl:.4f} lr {lr:.2e}")
                log.writerow([step, loss.item(), lr, gn, vl])
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                    "scheduler": scheduler.state_dict(), "step": stop}, ckpt)

    train(0, args.sitting, *build(len(chars), args))

    # second sitting: continue from the checkpoint
    model, optimizer, scheduler = build(len(chars), args)
    state = torch.load(ckpt)
    model.load_state_dict(state["model"])
    if args.sound:
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
    train(state["step"], args.steps, model, optimizer, scheduler)
    f.close()
    os.remove(ckpt)


if __name__ == "__main__":
    main()
