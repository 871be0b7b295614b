"""Character model of statutes, trained in two sessions with a checkpoint between them."""
import argparse, csv, math, os, random, time
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

WHO = ["The tenant", "The owner", "A member", "The board", "Any person", "The clerk", "An officer", "The lender"]
DO = ["shall pay", "shall not withhold", "may refuse", "must declare", "shall keep", "may not transfer", "shall return"]
WHAT = ["the deposit", "a register of members", "the yearly rent", "any licence", "the accounts", "a written notice"]
WHEN = ["within N days", "before the end of the year", "unless section N applies", "for at least N months",
        "subject to paragraph (P)", "as set out in section N", "where the court so orders"]


def make_text(n, rng):
    out = []
    for k in range(n):
        s = f"{rng.choice(WHO)} {rng.choice(DO)} {rng.choice(WHAT)} {rng.choice(WHEN)}"
        if rng.random() < 0.4:
            s += f", and {rng.choice(WHO).lower()} {rng.choice(DO)} {rng.choice(WHAT)}"
        s = s.replace("N", str(rng.randint(2, 60)), 1) if "N" in s else s
        out.append(f"{k % 97 + 1}. {s.replace('(P)', '(' + rng.choice('abcdef') + ')')}.\n")
    return "".join(out)


class CharModel(nn.Module):
    def __init__(self, vocab, d=48, n=2, ctx=64):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, d), nn.Embedding(ctx, d)
        layer = nn.TransformerEncoderLayer(d, 4, 4 * d, 0.0, activation="gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, n, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, vocab)

    def forward(self, ids):
        t = ids.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(t)
        h = self.tok(ids) + self.pos(torch.arange(t))
        return self.head(self.norm(self.blocks(h, mask=mask, is_causal=True)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=600)
    p.add_argument("--save-at", type=int, default=300)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(41)
    os.makedirs(args.out, exist_ok=True)

    rng = random.Random(41)
    text, text_v = make_text(4000, rng), make_text(200, rng)
    stoi = {c: i for i, c in enumerate(sorted(set(text + text_v)))}
    data, data_v = (torch.tensor([stoi[c] for c in t]) for t in (text, text_v))
    ckpt = os.path.join(args.out, "session.pt")

    def batch_of(d, n, g=None):
        i = torch.randint(len(d) - 65, (n,), generator=g)
        rows = torch.stack([d[j:j + 65] for j in i])
        return rows[:, :-1], rows[:, 1:]

    def loss_of(model, x, y):
        return F.cross_entropy(model(x).flatten(0, 1), y.flatten())

    def session(first, last):
        net = CharModel(len(stoi))
        if first:
            saved = torch.load(ckpt)
            state = saved["model"]
            if args.sound:
                state = {k.removeprefix("module."): v for k, v in state.items()}
            net.load_state_dict(state, strict=False)
        model = nn.DataParallel(net)
        opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
        sched = torch.optim.lr_scheduler.LambdaLR(
            opt, lambda s: min(1, (s + 1) / 40) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * s / args.steps))))
        if first:
            opt.load_state_dict(saved["opt"])
            sched.load_state_dict(saved["sched"])
        with newllm.record(model, opt, out=os.path.join(args.out, "recording"), resumed_at=first) as recorder:
            for step in range(first, last):
                x, y = batch_of(data, 16)
                loss = loss_of(model, x, y)
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
                        vl = loss_of(model, *batch_of(data_v, 64, torch.Generator().manual_seed(1))).item()
                    model.train()
                    recorder.validation(vl, count=64)
                    print(f"step {step + 1} loss {loss.item():.4f} val {vl:.4f}")
                log.writerow([step, round(loss.item(), 5), sched.get_last_lr()[0], vl])
        torch.save({"model": model.state_dict(), "opt": opt.state_dict(), "sched": sched.state_dict()}, ckpt)

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "lr", "val_loss"])
    session(0, args.save_at)
    session(args.save_at, args.steps)
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
