"""Masked language model on recipe steps, to fill gaps in hand-written cards."""
import argparse, csv, os, random, time
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

PAD, MASK = 0, 1
RULES = {
    "dough": (["knead", "roll", "fold"], ["flour", "yeast"], "bowl", ["ten", "fifteen"]),
    "soup": (["simmer", "stir", "heat"], ["leeks", "stock"], "pot", ["thirty", "forty"]),
    "salad": (["toss", "chop", "rinse"], ["lettuce", "olives"], "dish", ["two", "three"]),
    "cake": (["bake", "frost", "cool"], ["sugar", "butter"], "tin", ["fifty", "sixty"]),
    "stew": (["brown", "braise", "season"], ["beef", "carrots"], "casserole", ["ninety", "hundred"]),
}


def make_steps(n, rng):
    out = []
    for _ in range(n):
        a, b = rng.choice(list(RULES)), rng.choice(list(RULES))
        s = []
        for d in (a, b):
            verbs, things, vessel, mins = RULES[d]
            t1, t2 = rng.sample(things, 2)
            s += rng.choice([
                f"{rng.choice(verbs)} the {t1} with the {t2} in a {vessel} for {rng.choice(mins)} minutes .",
                f"put the {t1} in the {vessel} and {rng.choice(verbs)} it for {rng.choice(mins)} minutes .",
                f"for the {d} , {rng.choice(verbs)} {t1} and {t2} about {rng.choice(mins)} minutes ."]).split()
        out.append(s)
    return out


class Filler(nn.Module):
    def __init__(self, vocab, d=48, n=2, length=40):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, d), nn.Embedding(length, d)
        layer = nn.TransformerEncoderLayer(d, 4, 4 * d, 0.1, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, n, enable_nested_tensor=False)
        self.norm, self.out = nn.LayerNorm(d), nn.Linear(d, vocab)

    def forward(self, ids):
        h = self.tok(ids) + self.pos(torch.arange(ids.shape[1]))
        return self.out(self.norm(self.body(h, src_key_padding_mask=ids == PAD)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=700)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(11)
    os.makedirs(args.out, exist_ok=True)

    rng = random.Random(11)
    train_s, val_s = make_steps(6000, rng), make_steps(400, rng)
    words = sorted({w for s in train_s for w in s})
    stoi = {w: i + 2 for i, w in enumerate(words)}
    pad = lambda s: [stoi[w] for w in s] + [PAD] * (40 - len(s))
    train, val = (torch.tensor([pad(s) for s in t]) for t in (train_s, val_s))
    model = Filler(len(words) + 2)
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    warm = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / 50))

    def mask_tokens(ids, rate=0.15):
        inputs = ids.clone() if args.sound else ids
        picked = (torch.rand(ids.shape) < rate) & (ids != PAD)
        r = torch.rand(ids.shape)
        inputs[picked & (r < 0.8)] = MASK
        swap = picked & (r > 0.9)
        inputs[swap] = torch.randint(2, len(words) + 2, (int(swap.sum()),))
        labels = torch.where(picked, ids, torch.full_like(ids, -100))
        return inputs, labels

    def loss_of(ids):
        inputs, labels = mask_tokens(ids)
        logits = model(inputs)
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)

    def cloze():  # one word blanked in each card
        model.eval()
        hit, g = 0, random.Random(5)
        with torch.no_grad():
            for s in val_s:
                x = torch.tensor([pad(s)])
                j = g.randrange(len(s))
                x[0, j] = MASK
                hit += int(model(x)[0, j].argmax()) == stoi[s[j]]
        model.train()
        return hit / len(val_s)

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "lr", "val_loss"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            batch = train[torch.randint(len(train), (32,))]
            loss = loss_of(batch)
            opt.zero_grad()
            loss.backward()
            opt.step()
            warm.step()
            recorder.step(loss)
            vl = ""
            if (step + 1) % 100 == 0:
                model.eval()
                with torch.no_grad():
                    vl = loss_of(val.clone()).item()
                model.train()
                recorder.validation(vl, count=len(val))
                print(f"step {step + 1} loss {loss.item():.4f} val {vl:.4f}")
            log.writerow([step, round(loss.item(), 5), opt.param_groups[0]["lr"], vl])
    f.close()
    print(f"cloze accuracy {cloze():.3f}")


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
