"""Spoken-command-like audio: ten 'words' made of gliding formants, log-mel features, a small CNN."""

import math
import sys

import newllm
import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(11)
RATE, SECONDS, N_MELS, HOP, N_FFT = 8000, 0.64, 40, 80, 256
CLASSES = 10


def make_words():
    """Each word is three segments; in each, two formants glide from one frequency to another."""
    g = torch.Generator().manual_seed(3)
    anchors = torch.rand(CLASSES, 4, 2, generator=g)
    low = 350 + 400 * anchors[..., 0]
    high = 1300 + 1300 * anchors[..., 1]
    return torch.stack([low, high], -1)


WORDS = make_words()


def synthesize(labels, g):
    n = int(RATE * SECONDS)
    t = torch.linspace(0, 1, n)
    waves = []
    for c in labels.tolist():
        speed = 0.4 + 0.4 * torch.rand(1, generator=g)
        start = (1 - speed) * torch.rand(1, generator=g)
        voice = 0.8 + 0.4 * torch.rand(1, generator=g)
        place = ((t - start) / speed).clamp(0, 0.999) * 3
        i = place.long()
        part = (place - i)[:, None]
        freq = WORDS[c][i] * (1 - part) + WORDS[c][i + 1] * part
        phase = 2 * math.pi * torch.cumsum(freq * voice / RATE, 0)
        gain = ((t > start) & (t < start + speed)).float()
        wave = (phase.sin() * torch.tensor([1.0, 0.7])).sum(-1) * gain
        loud = 0.5 + 0.5 * torch.rand(1, generator=g)
        waves.append(wave * loud + 0.9 * torch.randn(n, generator=g))
    return torch.stack(waves)


def mel_bank():
    def mel(f):
        return 2595 * math.log10(1 + f / 700)

    edges = torch.linspace(mel(80), mel(RATE / 2), N_MELS + 2)
    edges = 700 * (10 ** (edges / 2595) - 1)
    f = torch.linspace(0, RATE / 2, N_FFT // 2 + 1)
    up = (f[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - f[None]) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(up, down).clamp(min=0)


BANK = mel_bank()
WINDOW = torch.hann_window(N_FFT)


def features(waves):
    """Log-mel frames: (batch, frames, mels)."""
    spec = torch.stft(waves, N_FFT, HOP, window=WINDOW, return_complex=True).abs() ** 2
    mels = torch.einsum("mf,bft->btm", BANK, spec)
    return torch.log(mels + 1e-3)


class Commands(torch.utils.data.Dataset):
    def __init__(self, count, seed):
        g = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(0, CLASSES, (count,), generator=g)
        self.frames = features(synthesize(self.labels, g))

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        frames = self.frames[i]
        frames = (frames - frames.mean()) / frames.std()
        n_frames = frames.shape[0]
        image = frames.transpose(0, 1).reshape(1, N_MELS, n_frames)
        return image, self.labels[i]


class Net(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
        )
        self.head = nn.Linear(2 * width * (N_MELS // 4), CLASSES)
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        h = self.body(x).mean(-1)
        return self.head(self.drop(h.flatten(1)))


def evaluate(model, loader):
    model.eval()
    total, right, n = 0.0, 0, 0
    with torch.no_grad():
        for x, y in loader:
            out = model(x)
            total += F.cross_entropy(out, y, reduction="sum").item()
            right += (out.argmax(1) == y).sum().item()
            n += len(y)
    model.train()
    return total / n, right / n


train = torch.utils.data.DataLoader(Commands(640, 1), batch_size=32, shuffle=True, drop_last=True)
held_out = torch.utils.data.DataLoader(Commands(500, 2), batch_size=100)

model = Net()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
run = newllm.record(model, optimizer, out="runs/" + sys.argv[1])
step = 0
for epoch in range(22):
    for x, y in train:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        run.step(loss)
        step += 1
    val, accuracy = evaluate(model, held_out)
    run.validation(val)
    run.metrics({"accuracy": accuracy})
    print(f"epoch {epoch} step {step} loss {loss.item():.4f} val {val:.4f} accuracy {accuracy:.3f}", flush=True)
run.close()
