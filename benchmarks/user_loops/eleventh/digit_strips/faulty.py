"""Reading strips of handwritten digits with a convolutional-recurrent network and CTC."""
import sys

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import newllm

HEIGHT, WIDTH = 12, 72
BLANK = 0


def make_strips(images, labels, count, rng):
    """Pictures (count, 1, HEIGHT, WIDTH) of four to seven digits, targets, lengths."""
    strips = np.zeros((count, 1, HEIGHT, WIDTH), dtype=np.float32)
    targets = np.zeros((count, 7), dtype=np.int64)
    lengths = rng.integers(4, 8, count)
    for i in range(count):
        x = rng.integers(0, 3)
        for j in range(lengths[i]):
            k = rng.integers(len(images))
            y = rng.integers(0, HEIGHT - 7)
            strips[i, 0, y:y + 8, x:x + 8] = np.maximum(strips[i, 0, y:y + 8, x:x + 8], images[k])
            targets[i, j] = labels[k]
            x += rng.integers(8, 11)
    strips += rng.normal(0, 0.05, strips.shape).astype(np.float32)
    return torch.from_numpy(strips), torch.from_numpy(targets), torch.from_numpy(lengths)


class StripReader(nn.Module):
    def __init__(self, classes=11, width=64):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d((2, 2)),
            nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.MaxPool2d((2, 1)),
            nn.Conv2d(48, width, (3, 3), padding=(0, 1)), nn.BatchNorm2d(width), nn.ReLU())
        self.rnn = nn.GRU(width, 48, bidirectional=True, batch_first=True)
        self.dropout = nn.Dropout(0.1)
        self.output = nn.Linear(96, classes)

    def forward(self, x):
        x = self.features(x).squeeze(2).transpose(1, 2)
        x, _ = self.rnn(x)
        return self.output(self.dropout(x))


def ctc(logits, targets, lengths):
    frames = torch.full((len(logits),), logits.shape[1], dtype=torch.long)
    log_probs = logits.log_softmax(-1)
    return nn.functional.ctc_loss(log_probs.transpose(0, 1), targets, frames, lengths, blank=BLANK)


def decode(logits):
    out = []
    for path in logits.argmax(-1).tolist():
        out.append([c for c, before in zip(path, [BLANK] + path[:-1]) if c != BLANK and c != before])
    return out


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


@torch.no_grad()
def evaluate(model, strips, targets, lengths):
    model.eval()
    logits = model(strips)
    loss = ctc(logits, targets, lengths).item()
    errors = exact = 0
    for read, target, n in zip(decode(logits), targets.tolist(), lengths.tolist()):
        distance = edit_distance(read, target[:n])
        errors += distance
        exact += distance == 0
    model.train()
    return loss, errors / lengths.sum().item(), exact / len(strips)


def main():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    data = load_digits()
    images, labels = (data.images / 16).astype(np.float32), data.target
    order = rng.permutation(len(images))
    train_part, val_part = order[:1400], order[1400:]
    val = make_strips(images[val_part], labels[val_part], 300, rng)
    model = StripReader()
    steps = 560
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps, pct_start=0.15)
    with newllm.record(model, optimizer, out="runs/" + sys.argv[1]) as recorder:
        for step in range(1, steps + 1):
            strips, targets, lengths = make_strips(images[train_part], labels[train_part], 32, rng)
            loss = ctc(model(strips), targets, lengths)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            scheduler.step()
            recorder.step(loss)
            if step % 40 == 0:
                val_loss, cer, exact = evaluate(model, *val)
                recorder.validation(val_loss)
                recorder.metrics({"character_error_rate": cer, "exact_match": exact})
                print(f"step {step} loss {loss.item():.4f} val_loss {val_loss:.4f} cer {cer:.3f} exact {exact:.3f}",
                      flush=True)


if __name__ == "__main__":
    main()
