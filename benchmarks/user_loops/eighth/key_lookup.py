"""A small transformer learns to look up the value that a key had earlier in the line."""
import argparse, csv, os, time
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

KEYS, VALUES, PAIRS = 16, 8, 6


def make_lines(n, g):
    keys = torch.stack([torch.randperm(KEYS, generator=g)[:PAIRS] for _ in range(n)])
    values = torch.randint(VALUES, (n, PAIRS), generator=g) + KEYS
    line = torch.stack([keys, values], 2).flatten(1)
    pick = torch.randint(PAIRS, (n, 1), generator=g)
    return torch.cat([line, keys.gather(1, pick)], 1), values.gather(1, pick).squeeze(1)


class Lookup(nn.Module):
    def __init__(self, vocab=KEYS + VALUES, d=40, n=2, ctx=2 * PAIRS + 1):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, d), nn.Embedding(ctx, d)
        layer = nn.TransformerEncoderLayer(d, 2, 2 * d, 0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, n, enable_nested_tensor=False)
        self.norm, self.out = nn.LayerNorm(d), nn.Linear(d, vocab)

    def forward(self, ids):
        t = ids.shape[1]
        h = self.tok(ids) + self.pos(torch.arange(t))
        h = self.blocks(h, mask=nn.Transformer.generate_square_subsequent_mask(t), is_causal=True)
        return self.out(self.norm(h[:, -1]))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=900)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(151)
    os.makedirs(args.out, exist_ok=True)

    g = torch.Generator().manual_seed(151)
    x, y = make_lines(20000, g)
    xv, yv = make_lines(500, g)
    model = Lookup()
    opt = torch.optim.AdamW(model.parameters(), lr=1.2e-3, weight_decay=0.01)
    warm = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / 50))

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "grad_norm", "val_loss", "val_acc"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            idx = torch.randint(len(x), (64,))
            loss = F.cross_entropy(model(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
            opt.step()
            warm.step()
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
            log.writerow([step, round(loss.item(), 5), round(norm, 4), vl, va])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
