"""Character language model on generated recipe lines."""
import argparse, csv, random
from pathlib import Path
import torch
from torch import nn
import torch.nn.functional as F
import newllm

def recipe(r):
    what = r.choice(["onions", "carrots", "leeks", "apples", "plums", "beans"]); verb = r.choice(["chop", "peel", "wash", "slice"])
    fat = r.choice(["butter", "oil", "lard"]); n = r.randint(2, 9); m = r.choice([5, 10, 15, 20, 30])
    return f"{verb} {n} {what}, fry in {fat} for {m} minutes. serve the {what} with {r.choice(['rice', 'bread', 'salt', 'cream'])}.\n"

class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads; self.qkv = nn.Linear(d, 3 * d); self.proj = nn.Linear(d, d)
        self.ln1 = nn.LayerNorm(d); self.ln2 = nn.LayerNorm(d)
        self.mlp = nn.Sequential(nn.Linear(d, 3 * d), nn.GELU(), nn.Linear(3 * d, d))
    def forward(self, x, causal):
        B, T, D = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(B, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        x = x + self.proj(a.transpose(1, 2).reshape(B, T, D))
        return x + self.mlp(self.ln2(x))

class CharLM(nn.Module):
    def __init__(self, V, T, d=48, causal=False):
        super().__init__()
        self.tok = nn.Embedding(V, d); self.pos = nn.Embedding(T, d); self.blocks = nn.ModuleList(Block(d, 4) for _ in range(2))
        self.ln = nn.LayerNorm(d); self.out = nn.Linear(d, V); self.causal = causal
    def forward(self, idx):
        x = self.tok(idx) + self.pos(torch.arange(idx.shape[1]))
        for b in self.blocks: x = b(x, self.causal)
        return self.out(self.ln(x))

def generate(model, ids, n, T):
    model.eval()
    with torch.no_grad():
        for _ in range(n):
            ids = torch.cat([ids, model(ids[:, -T:])[:, -1].argmax(-1, keepdim=True)], 1)
    model.train(); return ids

def main():
    ap = argparse.ArgumentParser(); ap.add_argument("--out", type=Path); ap.add_argument("--sound", action="store_true"); a = ap.parse_args()
    a.out.mkdir(parents=True, exist_ok=True); torch.set_num_threads(1); torch.manual_seed(2); r = random.Random(2)
    text = "".join(recipe(r) for _ in range(3000)); chars = sorted(set(text)); stoi = {c: i for i, c in enumerate(chars)}
    ids = torch.tensor([stoi[c] for c in text]); cut = int(len(ids) * .9); train, val = ids[:cut], ids[cut:]
    T, B = 48, 12
    model = CharLM(len(chars), T, causal=a.sound); opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1, (s + 1) / 40))
    def batch(src):
        i = torch.randint(0, len(src) - T - 1, (B,))
        return torch.stack([src[j:j + T] for j in i]), torch.stack([src[j + 1:j + T + 1] for j in i])
    with open(a.out / "log.csv", "w", newline="") as f, newllm.record(model, opt, out=a.out / "recording") as recorder:
        w = csv.writer(f); w.writerow(["step", "loss", "val_loss", "lr"])
        for step in range(1, 601):
            x, y = batch(train)
            loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
            opt.zero_grad(); loss.backward(); opt.step(); sched.step(); recorder.step(loss)
            v = ""
            if step % 60 == 0:
                model.eval()
                with torch.no_grad(): v = sum(F.cross_entropy(model(x).flatten(0, 1), y.flatten()).item() for x, y in (batch(val) for _ in range(8))) / 8
                model.train(); recorder.validation(v); print(step, round(loss.item(), 3), round(v, 3))
            w.writerow([step, loss.item(), v, opt.param_groups[0]["lr"]])
        prompt = "peel 4 onions, fry in "
        out = "".join(chars[i] for i in generate(model, torch.tensor([[stoi[c] for c in prompt]]), 60, T)[0].tolist())
        recorder.sample(out, prompt=prompt); print(repr(out))
        hits = 0
        for i in range(0, 2000, 20):
            c = val[i:i + T][None]; hits += (model(c)[0, -1].argmax() == val[i + T]).item()
        print("next-char accuracy at the last place:", hits / 100)
main()
