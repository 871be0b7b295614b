"""Tag words of rule-made sentences; tiny transformer, bf16 autocast, gradient accumulation over 4 micro-batches."""
import argparse, csv, random
from pathlib import Path
import torch, torch.nn as nn, torch.nn.functional as F
import newllm
DET, ADJ, NOUN, VERB, ADV, PREP = range(6)
WORDS = {DET: "the a this".split(), ADJ: "red light open cold fast".split(), NOUN: "light open run watch dog park cook cold".split(),
         VERB: "run watch cook light open sees".split(), ADV: "fast often here".split(), PREP: "in near by".split()}
IDS = {w: i + 1 for i, w in enumerate(sorted({w for v in WORDS.values() for w in v}))}

def np_(r): return [DET] + [ADJ] * r.choice([0, 0, 1, 2]) + [NOUN]
def sentence(r):
    t = np_(r) + [VERB] + (np_(r) if r.random() < .6 else []) + ([ADV] if r.random() < .4 else []) + ([PREP] + np_(r) if r.random() < .5 else [])
    return [IDS[r.choice(WORDS[k])] for k in t], t

def pad(batch, L=16):
    x = torch.zeros(len(batch), L, dtype=torch.long); y = torch.full((len(batch), L), -100)
    for i, (a, b) in enumerate(batch): x[i, :len(a)] = torch.tensor(a[:L]); y[i, :len(b)] = torch.tensor(b[:L])
    return x, y

class Tagger(nn.Module):
    def __init__(self, d=32):
        super().__init__(); self.e = nn.Embedding(len(IDS) + 1, d, padding_idx=0); self.p = nn.Embedding(16, d)
        self.t = nn.TransformerEncoder(nn.TransformerEncoderLayer(d, 2, 64, .1, batch_first=True, norm_first=True), 1, enable_nested_tensor=False); self.o = nn.Linear(d, 6)
    def forward(self, x): return self.o(self.t(self.e(x) + self.p.weight, src_key_padding_mask=x == 0))

def main():
    ap = argparse.ArgumentParser(); ap.add_argument("--out", type=Path); ap.add_argument("--sound", action="store_true"); a = ap.parse_args(); a.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1); torch.manual_seed(3); r = random.Random(3)
    X, Y = pad([sentence(r) for _ in range(6000)]); Xv, Yv = pad([sentence(r) for _ in range(400)])
    net = Tagger(); opt = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=.01); ACC = 4
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min((s + 1) / 30, (330 - s) / 300))
    with open(a.out / "log.csv", "w") as f, newllm.record(net, opt, out=a.out / "recording") as recorder:
        w = csv.writer(f); w.writerow(["step", "loss", "lr", "val_loss", "val_acc"]); order = torch.randperm(6000); at = 0
        for step in range(1, 321):
            total = 0.0
            for _ in range(ACC):
                if at + 12 > 6000: order, at = torch.randperm(6000), 0
                i = order[at:at + 12]; at += 12
                with torch.autocast("cpu", dtype=torch.bfloat16): loss = F.cross_entropy(net(X[i]).flatten(0, 1), Y[i].flatten()) / ACC
                loss.backward(); total += loss.detach()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0); opt.step(); opt.zero_grad(); recorder.step(total)
            row = [step, total.item(), sched.get_last_lr()[0], "", ""]; sched.step()
            if step % 40 == 0:
                net.eval()
                with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16): o = net(Xv)
                o = o.float(); k = Yv != -100; v = F.cross_entropy(o[k], Yv[k]).item(); c = (o.argmax(-1) == Yv)[k].sum().item(); n = int(k.sum()); net.train()
                recorder.validation(v, correct=c, count=n); row[3:] = [v, c / n]; print(row)
            w.writerow(row)
main()
