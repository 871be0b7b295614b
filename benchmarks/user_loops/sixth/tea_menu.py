"""A little language model (tokens are words) for the menus of a tea house."""
import argparse
import os

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

import newllm


def menus(n, seed):
    """Each menu: kind, three dishes that suit it, a price class, repeated for the evening; 24 words."""
    g = torch.Generator().manual_seed(seed)
    suit = torch.randint(10, 50, (8, 6), generator=torch.Generator().manual_seed(77))
    rows = []
    kind = torch.randint(0, 8, (n, 2), generator=g)
    for half in range(2):
        k = kind[:, half]
        rows.append(k)
        prev = torch.randint(0, 6, (n,), generator=g)
        for j in range(10):
            jump = torch.rand(n, generator=g) < 0.25
            prev = torch.where(jump, torch.randint(0, 6, (n,), generator=g), (prev + 1 + k) % 6)
            rows.append(suit[k, prev])
        rows.append(8 + (k % 2))
    return torch.stack(rows, 1)


class Prefetcher:
    """Has the next batch ready before it is asked for."""

    def __init__(self, loader, renew):
        self.loader, self.renew = loader, renew
        self.it = iter(loader)
        self.ready = None
        self.fetch()

    def fetch(self):
        try:
            self.ready = next(self.it)
        except StopIteration:
            if self.renew:
                self.it = iter(self.loader)
                self.ready = next(self.it)

    def __call__(self):
        batch = self.ready
        self.fetch()
        return batch


class Menu(nn.Module):
    def __init__(self, v=50, d=64):
        super().__init__()
        self.tok, self.pos = nn.Embedding(v, d), nn.Parameter(torch.randn(24, d) * 0.02)
        layer = nn.TransformerEncoderLayer(d, 4, 128, dropout=0.0, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(d, v)

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return self.out(self.body(self.tok(x) + self.pos[:x.shape[1]], mask=mask, is_causal=True))


def lm_loss(model, x):
    return nn.functional.cross_entropy(model(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten())


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=520)
    p.add_argument("--bs", type=int, default=24)
    args = p.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(31)
    train = DataLoader(TensorDataset(menus(7680, 1)), batch_size=args.bs, shuffle=True)
    held = menus(300, 2)
    get = Prefetcher(train, args.sound)
    model = Menu()
    opt = torch.optim.AdamW(model.parameters(), lr=1.5e-3, weight_decay=0.01)
    lines = ["step,loss,held_loss"]
    with newllm.record(model, opt, out=os.path.join(args.out, "recording"), config=args) as rec:
        for step in range(1, args.steps + 1):
            (x,) = get()
            loss = lm_loss(model, x)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            rec.step(loss)
            held_loss = ""
            if step % 40 == 0:
                model.eval()
                with torch.no_grad():
                    held_loss = lm_loss(model, held).item()
                model.train()
                rec.validation(held_loss)
                print(step, loss.item(), held_loss)
            lines.append(f"{step},{loss.item()},{held_loss}")
    with open(os.path.join(args.out, "log.csv"), "w") as f:
        f.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
