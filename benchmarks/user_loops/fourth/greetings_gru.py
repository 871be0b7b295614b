"""Character GRU on greetings; sentences get longer in two planned stages, stops when validation no longer improves."""
import argparse, csv, copy, os, random
import torch, torch.nn as nn, torch.nn.functional as F
import newllm

def line(r, parts):
    out = [f"{r.choice(['hello', 'good morning', 'dear', 'hi'])} {r.choice(['anna', 'ben', 'carla', 'dmitri', 'eve'])}"]
    for _ in range(parts - 1): out.append(r.choice([f"how is {r.choice(['your', 'the'])} {r.choice(['cat', 'garden', 'work', 'new house'])}", f"i saw {r.choice(['you', 'him', 'them'])} {r.choice(['on monday', 'in town', 'at noon'])}", "thanks for the letter"]))
    return ", ".join(out) + "."

CH = " ,.abcdefghijklmnopqrstuvwxyz"; PAD = len(CH)
def encode(lines):
    L = max(map(len, lines)); t = torch.full((len(lines), L), PAD)
    for i, s in enumerate(lines): t[i, :len(s)] = torch.tensor([CH.index(c) for c in s])
    return t

class CharGRU(nn.Module):
    def __init__(self): super().__init__(); self.e = nn.Embedding(PAD + 1, 24); self.g = nn.GRU(24, 64, batch_first=True); self.o = nn.Linear(64, PAD)
    def forward(self, x): return self.o(self.g(self.e(x))[0])

def ce(net, t): return F.cross_entropy(net(t[:, :-1]).flatten(0, 1), t[:, 1:].flatten(), ignore_index=PAD)

ap = argparse.ArgumentParser(); ap.add_argument("--out"); ap.add_argument("--sound", action="store_true"); args = ap.parse_args()
os.makedirs(args.out, exist_ok=True); torch.set_num_threads(1); torch.manual_seed(19); r = random.Random(19); rv = random.Random(20)
val = encode([line(rv, 3) for _ in range(150)]); net = CharGRU(); opt = torch.optim.Adam(net.parameters(), lr=4e-3)
best, since, keep = 1e9, 0, None
with open(os.path.join(args.out, "log.csv"), "w") as f, newllm.record(net, opt, out=os.path.join(args.out, "recording")) as recorder:
    w = csv.writer(f); w.writerow(["step", "loss", "parts", "val_loss"])
    for step in range(1, 701):
        parts = 1 if step <= 120 else 2 if step <= 240 else 3
        if step in (121, 241): recorder.note(step, "curriculum")
        loss = ce(net, encode([line(r, parts) for _ in range(16)]))
        opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(net.parameters(), 1.0); opt.step(); recorder.step(loss)
        row = [step, loss.item(), parts, ""]
        if step % 20 == 0:
            with torch.no_grad(): v = ce(net, val).item()
            recorder.validation(v); row[3] = v
            if step % 60 == 0: print(row)
            if v < best - 1e-3: best, since, keep = v, 0, copy.deepcopy(net.state_dict())
            else: since += 1
        w.writerow(row)
        if step > 300 and since >= 4: print("stopped at", step, "best", best); break
net.load_state_dict(keep)
