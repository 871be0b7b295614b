"""Character-level LSTM language model on tiny Shakespeare."""
import math
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm

SEED = 1337
TEXT = "tinyshakespeare.txt"
BATCH_SIZE = 32
BLOCK = 64
EMBED = 64
HIDDEN = 192
STEPS = 600
EVAL_EVERY = 60
MAX_LR = 6e-3
CLIP = 1.0

torch.manual_seed(SEED)


class CharLSTM(nn.Module):
    def __init__(self, vocab_size, embed, hidden, dropout=0.1):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed)
        self.lstm = nn.LSTM(embed, hidden, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, vocab_size)

    def forward(self, idx):
        x = self.embedding(idx)        # (B, T, E)
        x, _ = self.lstm(x)            # (B, T, H)
        return self.head(self.drop(x))


def get_batch(data, generator):
    ix = torch.randint(len(data) - BLOCK - 1, (BATCH_SIZE,), generator=generator)
    x = torch.stack([data[i:i + BLOCK] for i in ix])
    y = torch.stack([data[i + 1:i + BLOCK + 1] for i in ix])
    return x, y


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    total_loss, correct, count = 0.0, 0, 0
    for x, y in batches:
        logits = model(x)
        loss = F.cross_entropy(logits.reshape(-1, logits.size(-1)), y.reshape(-1), reduction="sum")
        total_loss += loss.item()
        correct += (logits.argmax(-1) == y).sum().item()
        count += y.numel()
    model.train()
    return total_loss / count, correct / count


@torch.no_grad()
def sample(model, stoi, itos, prompt="ROMEO:", length=200, temperature=0.8):
    model.eval()
    idx = torch.tensor([[stoi[c] for c in prompt]])
    for _ in range(length):
        logits = model(idx[:, -BLOCK:])
        probs = F.softmax(logits[:, -1] / temperature, dim=-1)
        idx = torch.cat([idx, torch.multinomial(probs, 1)], dim=1)
    model.train()
    return "".join(itos[i] for i in idx[0].tolist())


def main():
    run = sys.argv[1]
    with open(TEXT, encoding="utf-8") as f:
        text = f.read()
    chars = sorted(set(text))
    stoi = {c: i for i, c in enumerate(chars)}
    itos = dict(enumerate(chars))
    data = torch.tensor([stoi[c] for c in text], dtype=torch.long)
    n = int(0.9 * len(data))
    train_data, val_data = data[:n], data[n:]

    val_generator = torch.Generator().manual_seed(SEED)
    val_batches = [get_batch(val_data, val_generator) for _ in range(20)]
    generator = torch.Generator().manual_seed(SEED + 1)

    model = CharLSTM(len(chars), EMBED, HIDDEN)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, vocabulary {len(chars)}")
    optimizer = torch.optim.AdamW(model.parameters(), lr=MAX_LR, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=MAX_LR, total_steps=STEPS, pct_start=0.1)

    with newllm.record(model, optimizer, out="runs/" + run) as recorder:
        for step in range(1, STEPS + 1):
            x, y = get_batch(train_data, generator)
            logits = model(x)
            loss = F.cross_entropy(logits.reshape(-1, logits.size(-1)), y.reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            scheduler.step()
            recorder.step(loss)

            if step % EVAL_EVERY == 0:
                val_loss, val_acc = evaluate(model, val_batches)
                recorder.validation(val_loss)
                recorder.metrics({"accuracy": val_acc, "bits_per_char": val_loss / math.log(2)})
                print(f"step {step:4d}  train {loss.item():.3f}  val {val_loss:.3f}  acc {val_acc:.3f}  "
                      f"bpc {val_loss / math.log(2):.3f}", flush=True)

    print(sample(model, stoi, itos))


if __name__ == "__main__":
    main()
