"""A small transformer writes like Shakespeare, character by character."""
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

import newllm

WIDTH = 80
HEADS = 5
LAYERS = 3
LENGTH = 64
BATCH = 32
UPDATES = 600
WARMUP = 40
EVALUATE_EVERY = 50


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        rows, length, _ = x.shape
        q, k, v = self.qkv(x).view(rows, length, 3, HEADS, WIDTH // HEADS).unbind(dim=2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.reshape(rows, length, WIDTH))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm_attention = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.norm_mlp = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x):
        x = x + self.attention(self.norm_attention(x))
        return x + self.mlp(self.norm_mlp(x))


class Bard(nn.Module):
    def __init__(self, characters):
        super().__init__()
        self.characters = nn.Embedding(characters, WIDTH)
        self.positions = nn.Embedding(LENGTH, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, characters, bias=False)
        self.apply(self.initialize)

    @staticmethod
    def initialize(module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.05)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, ids):
        x = self.characters(ids) + self.positions(torch.arange(ids.shape[1]))
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x))


def rows_at(text, starts):
    windows = torch.stack([text[s : s + LENGTH + 1] for s in starts.tolist()])
    return windows[:, :-1], windows[:, 1:]


@torch.no_grad()
def evaluate(model, text):
    model.eval()
    starts = torch.linspace(0, len(text) - LENGTH - 2, 384).long()
    total, right, count = 0.0, 0, 0
    for part in starts.split(64):
        ids, targets = rows_at(text, part)
        logits = model(ids)
        total += F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum").item()
        right += (logits.argmax(dim=-1) == targets).sum().item()
        count += targets.numel()
    model.train()
    return total / count, right / count


@torch.no_grad()
def write(model, letters, prompt, count):
    index = {letter: i for i, letter in enumerate(letters)}
    ids = torch.tensor([[index[c] for c in prompt]])
    generator = torch.Generator().manual_seed(3)
    model.eval()
    for _ in range(count):
        probabilities = model(ids[:, -LENGTH:])[:, -1].div(0.8).softmax(dim=-1)
        ids = torch.cat([ids, torch.multinomial(probabilities, 1, generator=generator)], dim=1)
    model.train()
    return "".join(letters[i] for i in ids[0].tolist())


def main(name):
    torch.manual_seed(5)
    torch.set_num_threads(1)
    with open("tinyshakespeare.txt", encoding="utf-8") as file:
        raw = file.read()
    letters = sorted(set(raw))
    index = {letter: i for i, letter in enumerate(letters)}
    text = torch.tensor([index[c] for c in raw])
    cut = int(0.9 * len(text))
    train, held_out = text[:cut], text[cut:]

    model = Bard(len(letters))
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}], lr=4e-3, betas=(0.9, 0.98)
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda u: min(1.0, (u + 1) / WARMUP) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * u / UPDATES)))
    )
    with newllm.record(model, optimizer, out=f"runs/{name}") as recorder:
        for update in range(1, UPDATES + 1):
            ids, targets = rows_at(train, torch.randint(0, len(train) - LENGTH - 1, (BATCH,)))
            optimizer.zero_grad()
            loss = F.cross_entropy(model(ids).flatten(0, 1), targets.flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            recorder.step(loss)
            if update % EVALUATE_EVERY == 0:
                validation, accuracy = evaluate(model, held_out)
                recorder.validation(validation, accuracy=accuracy)
                recorder.metrics({"bits_per_character": validation / math.log(2)})
                print(f"update {update}: loss {loss.item():.4f}, validation {validation:.4f}, accuracy {accuracy:.4f}", flush=True)
    print(write(model, letters, "ROMEO:\n", 200))


if __name__ == "__main__":
    main(sys.argv[1])
