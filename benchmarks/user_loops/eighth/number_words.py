"""Translates German number words into English ones, character by character into words."""
import argparse, csv, os, random, time
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

DE = "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn".split()
DE10 = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()
EN = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
EN10 = "twenty thirty forty fifty sixty seventy eighty ninety".split()
PAD, START, END = 0, 1, 2


def german(n):
    ein = lambda k: "ein" if k == 1 else DE[k]
    if n >= 100:
        return ein(n // 100) + "hundert" + (german(n % 100) if n % 100 else "")
    if n < 20:
        return DE[n]
    return (ein(n % 10) + "und" if n % 10 else "") + DE10[n // 10 - 2]


def english(n):
    if n >= 100:
        return f"{EN[n // 100]} hundred" + (f" and {english(n % 100)}" if n % 100 else "")
    if n < 20:
        return EN[n]
    return EN10[n // 10 - 2] + (f" {EN[n % 10]}" if n % 10 else "")


class Translator(nn.Module):
    def __init__(self, src, tgt, d=48):
        super().__init__()
        self.src, self.tgt = nn.Embedding(src, d, padding_idx=PAD), nn.Embedding(tgt, d, padding_idx=PAD)
        self.enc = nn.GRU(d, d, batch_first=True, bidirectional=True)
        self.join = nn.Linear(2 * d, d)
        self.dec = nn.GRU(d, d, batch_first=True)
        self.mix, self.out = nn.Linear(2 * d, d), nn.Linear(d, tgt)

    def forward(self, s, t):
        h, last = self.enc(self.src(s))
        h = self.join(h)
        q, _ = self.dec(self.tgt(t), torch.tanh(self.join(torch.cat([last[0], last[1]], 1)))[None])
        att = (q @ h.transpose(1, 2) / h.shape[2] ** 0.5).masked_fill((s == PAD)[:, None, :], -1e9).softmax(-1)
        return self.out(torch.tanh(self.mix(torch.cat([q, att @ h], 2))))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=700)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(161)
    os.makedirs(args.out, exist_ok=True)

    numbers = list(range(1000))
    random.Random(161).shuffle(numbers)
    train, val = numbers[:850], numbers[850:]
    chars = {c: i + 1 for i, c in enumerate(sorted({c for n in numbers for c in german(n)}))}
    words = {w: i + 3 for i, w in enumerate(sorted({w for n in numbers for w in english(n).split()}))}

    def collate(ns):
        pad = lambda rows: nn.utils.rnn.pad_sequence([torch.tensor(r) for r in rows], batch_first=True)
        t = pad([[START] + [words[w] for w in english(n).split()] + [END] for n in ns])
        return pad([[chars[c] for c in german(n)] for n in ns]), t[:, :-1], t[:, 1:]

    model = Translator(len(chars) + 1, len(words) + 3)
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    sched = torch.optim.lr_scheduler.LinearLR(opt, 1.0, 0.05, total_iters=args.steps)

    def loss_of(batch):
        s, t, y = batch
        out = model(s, t)
        return F.cross_entropy(out.transpose(1, 2), y, ignore_index=PAD), out

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "lr", "val_loss", "val_token_acc"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            ns = [train[i] for i in torch.randint(len(train), (48,)).tolist()]
            loss, _ = loss_of(collate(ns))
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            sched.step()
            recorder.step(loss)
            vl = va = ""
            if (step + 1) % 50 == 0:
                model.eval()
                with torch.no_grad():
                    batch = collate(val)
                    vl, out = loss_of(batch)
                    vl, keep = vl.item(), batch[2] != PAD
                    right, n = int((out.argmax(-1) == batch[2])[keep].sum()), int(keep.sum())
                model.train()
                va = right / n
                recorder.validation(vl, correct=right, count=n)
                print(f"step {step + 1} loss {loss.item():.4f} val {vl:.4f} acc {va:.3f}")
            log.writerow([step, round(loss.item(), 5), sched.get_last_lr()[0], vl, va])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
