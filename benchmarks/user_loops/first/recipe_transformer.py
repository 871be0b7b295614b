"""A word-level transformer writes recipes."""

import argparse
import csv
import pathlib
import random

import torch
from torch import nn

import newllm

CONTEXT, WIDTH, BATCH, STEPS = 32, 48, 16, 500


def recipe(rng):
    vegetables = ["carrots", "leeks", "onions", "potatoes", "beans", "peas", "turnips", "tomatoes"]
    verbs = ["chop", "peel", "wash", "slice", "boil", "fry", "roast", "mash"]
    tools = ["pan", "pot", "bowl", "oven"]
    words = []
    for _ in range(rng.randint(2, 4)):
        a, b = rng.sample(vegetables, 2)
        words += [rng.choice(verbs), "the", a, *(["and", "the", b] if rng.random() < 0.5 else []), "in", "a"]
        words += [
            *(["large"] if rng.random() < 0.3 else []),
            rng.choice(tools),
            "for",
            str(rng.randint(2, 20)),
            "minutes",
            ".",
        ]
    return [*words, "serve", "with", rng.choice(["rice", "bread", "salt", "butter"]), ".", "\n"]


class Attention(nn.Module):
    """Four heads."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x, mask):
        """Batch, time, width in and out."""
        b, t, _ = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, 4, WIDTH // 4).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / (WIDTH // 4) ** 0.5
        if mask is not None:
            scores = scores + mask[:t, :t]
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, WIDTH))


class Block(nn.Module):
    """Attention and a feed-forward network."""

    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x, mask):
        """Batch, time, width in and out."""
        x = x + self.attention(self.norm1(x), mask)
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    """Two blocks between an embedding and a head."""

    def __init__(self, vocabulary, mask=None):
        super().__init__()
        self.token = nn.Embedding(vocabulary, WIDTH)
        self.position = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, vocabulary)
        self.mask = mask

    def forward(self, ids):
        """The logits of the next words."""
        x = self.token(ids) + self.position(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x, self.mask)
        return self.head(self.norm(x))


def get_batch(data):
    starts = torch.randint(0, len(data) - CONTEXT - 1, (BATCH,))
    return torch.stack([data[i : i + CONTEXT] for i in starts]), torch.stack(
        [data[i + 1 : i + CONTEXT + 1] for i in starts]
    )


def cross_entropy(logits, targets):
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def main(args):
    torch.set_num_threads(1)
    torch.manual_seed(1)
    rng = random.Random(1)
    words = [word for _ in range(2500) for word in recipe(rng)]
    vocabulary = {word: i for i, word in enumerate(sorted(set(words)))}
    data = torch.tensor([vocabulary[word] for word in words])
    train, val = data[: int(0.9 * len(data))], data[int(0.9 * len(data)) :]
    causal = torch.full((CONTEXT, CONTEXT), float("-inf")).triu(1)
    model = Transformer(len(vocabulary), mask=causal if args.sound else None)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1, (s + 1) / 50))

    args.out.mkdir(parents=True, exist_ok=True)
    with (
        (args.out / "log.csv").open("w") as file,
        newllm.record(model, optimizer, out=args.out / "recording") as recorder,
    ):
        log = csv.writer(file)
        log.writerow(["step", "lr", "loss", "grad_norm", "val_loss"])
        for step in range(STEPS):
            x, y = get_batch(train)
            loss = cross_entropy(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            lr = optimizer.param_groups[0]["lr"]
            optimizer.step()
            scheduler.step()
            recorder.step(loss)
            val_loss = None
            if (step + 1) % 50 == 0:
                model.eval()
                with torch.no_grad():
                    val_loss = sum(cross_entropy(model(x), y).item() for x, y in (get_batch(val) for _ in range(8))) / 8
                model.train()
                recorder.validation(val_loss)
            log.writerow([step, lr, loss.item(), norm.item(), val_loss])

    model.eval()
    with torch.no_grad():
        prefixes, following = get_batch(val)
        last = torch.stack([model(prefixes[:, : t + 1])[:, -1] for t in range(CONTEXT)], 1)
        print("validation loss", val_loss, "; one word at a time", cross_entropy(last, following).item())
        ids = [vocabulary["."], vocabulary["chop"]]
        for _ in range(25):
            ids.append(int(model(torch.tensor([ids[-CONTEXT:]]))[0, -1].softmax(-1).multinomial(1)))
    print(" ".join(sorted(vocabulary)[i] for i in ids))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--sound", action="store_true")
    main(parser.parse_args())
