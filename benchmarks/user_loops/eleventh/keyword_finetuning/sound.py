"""Keyword spotting with few recordings: pretrain an encoder on many common words, fine-tune it on new keywords."""
import sys

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import newllm

BANDS, FRAMES = 32, 48
N_PHONEMES = 18


def make_phonemes(rng):
    """Each phoneme has two or three formants (band, width, strength) and a typical length."""
    phonemes = []
    for _ in range(N_PHONEMES):
        formants = [(rng.uniform(2, 29), rng.uniform(1.0, 2.5), rng.uniform(0.6, 1.2))
                    for _ in range(rng.integers(2, 4))]
        phonemes.append((formants, rng.integers(6, 12)))
    return phonemes


def make_words(rng, n):
    words = set()
    while len(words) < n:
        words.add(tuple(rng.choice(N_PHONEMES, size=rng.integers(3, 5), replace=False).tolist()))
    return sorted(words)


def speak(word, phonemes, rng):
    """A log-mel-like spectrogram of a word by some speaker, somewhere in a noisy second."""
    tract, tempo, gain = rng.uniform(0.9, 1.1), rng.uniform(0.75, 1.15), rng.uniform(0.6, 1.2)
    bands = np.arange(BANDS)
    columns = []
    for p in word:
        formants, length = phonemes[p]
        shape = sum(s * np.exp(-((bands - tract * c) ** 2) / (2 * w * w)) for c, w, s in formants)
        n = max(3, int(round(tempo * length * rng.uniform(0.8, 1.2))))
        columns += [shape * rng.uniform(0.8, 1.2)] * n
    sound = np.array(columns[:FRAMES]).T
    kernel = np.array([0.25, 0.5, 0.25])
    sound = np.apply_along_axis(lambda row: np.convolve(row, kernel, mode="same"), 1, sound)
    out = np.zeros((BANDS, FRAMES))
    start = rng.integers(0, FRAMES - sound.shape[1] + 1)
    out[:, start:start + sound.shape[1]] = gain * sound
    return (out + rng.normal(0, 0.75, out.shape)).astype(np.float32)


def make_set(words, phonemes, per_word, rng):
    x = np.stack([speak(word, phonemes, rng) for word in words for _ in range(per_word)])
    y = np.repeat(np.arange(len(words)), per_word)
    return TensorDataset(torch.from_numpy(x), torch.from_numpy(y))


class Encoder(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.conv1 = nn.Conv1d(BANDS, width, 5, padding=2)
        self.conv2 = nn.Conv1d(width, width, 5, padding=2, stride=2)
        self.norm1, self.norm2 = nn.BatchNorm1d(width), nn.BatchNorm1d(width)
        self.gru = nn.GRU(width, width, batch_first=True, bidirectional=True)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.relu(self.norm2(self.conv2(x)))
        states, _ = self.gru(x.transpose(1, 2))
        return states.amax(dim=1)


class WordClassifier(nn.Module):
    def __init__(self, n_words, width=48, dropout=0.1):
        super().__init__()
        self.encoder = Encoder(width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * width, n_words)

    def forward(self, x):
        return self.head(self.dropout(self.encoder(x)))


def pretrain(data, n_words, path, epochs=8):
    model = WordClassifier(n_words)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(epochs):
        right = total = 0
        for x, y in DataLoader(data, batch_size=64, shuffle=True):
            logits = model(x)
            loss = F.cross_entropy(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            right += (logits.argmax(1) == y).sum().item()
            total += len(y)
        print(f"pretraining epoch {epoch}: loss {loss.item():.3f} accuracy {right / total:.3f}", flush=True)
    torch.save(model.encoder.state_dict(), path)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    logits, labels = zip(*((model(x), y) for x, y in loader))
    logits, labels = torch.cat(logits), torch.cat(labels)
    model.train()
    return F.cross_entropy(logits, labels).item(), (logits.argmax(1) == labels).float().mean().item()


def main():
    torch.set_num_threads(1)
    set_seed(5)
    rng = np.random.default_rng(5)
    phonemes = make_phonemes(rng)
    words = make_words(rng, 100)
    order = rng.permutation(len(words))
    common, keywords = [words[i] for i in order[:80]], [words[i] for i in order[80:]]

    pretrain(make_set(common, phonemes, 80, rng), len(common), "encoder.pt")

    train_loader = DataLoader(make_set(keywords, phonemes, 6, rng), batch_size=24, shuffle=True)
    val_loader = DataLoader(make_set(keywords, phonemes, 30, rng), batch_size=100)

    accelerator = Accelerator(cpu=True)
    model = WordClassifier(len(keywords))
    model.encoder.load_state_dict(torch.load("encoder.pt"))
    optimizer = torch.optim.AdamW(
        [
            {"params": model.encoder.parameters(), "lr": 2e-4},
            {"params": model.head.parameters(), "lr": 2e-3},
        ],
        weight_decay=0.01,
    )
    model, optimizer, train_loader, val_loader = accelerator.prepare(model, optimizer, train_loader, val_loader)

    step, epochs = 0, 70
    with newllm.record(model, optimizer, out="runs/" + sys.argv[1], kind="fine-tune") as recorder:
        for epoch in range(epochs):
            for x, y in train_loader:
                loss = F.cross_entropy(model(x), y)
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
                recorder.step(loss)
                step += 1
            if (epoch + 1) % 5 == 0:
                val_loss, accuracy = evaluate(model, val_loader)
                print(f"step {step} loss {loss.item():.3f} val_loss {val_loss:.3f} accuracy {accuracy:.3f}", flush=True)
                recorder.validation(val_loss, accuracy=accuracy)


if __name__ == "__main__":
    main()
