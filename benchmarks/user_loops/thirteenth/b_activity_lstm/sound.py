"""Which of six activities does a wrist sensor show? Windows of 60 readings of three axes, a two-layer LSTM."""
import random
import sys

import newllm
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)
random.seed(11)
np.random.seed(11)
torch.manual_seed(11)

ACTIVITIES = ["sitting", "typing", "walking", "stairs", "running", "brushing"]
RATE = [0.0, 5.5, 1.9, 1.6, 2.9, 4.2]
SWING = [0.0, 0.25, 0.6, 0.7, 1.3, 0.6]
GRAVITY = np.array([[0.1, 0.2, 0.97], [0.0, 0.35, 0.93], [0.85, 0.3, 0.4], [0.75, 0.3, 0.55], [0.8, 0.5, 0.3], [0.4, 0.8, 0.4]])
AXES = np.array([[0, 0, 0], [0.3, 0.3, 1.0], [1.0, 0.4, 0.5], [0.8, 0.3, 1.0], [1.0, 0.7, 0.6], [0.4, 1.0, 0.3]])


def make_windows(count, length=60, hertz=20.0):
    labels = np.random.randint(0, len(ACTIVITIES), count)
    time = np.arange(length) / hertz
    windows = np.empty((count, length, 3), dtype=np.float32)
    for i, label in enumerate(labels):
        rate = RATE[label] * np.random.uniform(0.88, 1.12)
        phase = np.random.uniform(0, 2 * np.pi) + np.array([0.0, 0.9, 1.7])
        wave = np.sin(2 * np.pi * rate * time[:, None] + phase) + 0.35 * np.sin(4 * np.pi * rate * time[:, None] + 2 * phase)
        tilt = GRAVITY[label] + np.random.normal(0, 0.3, 3)
        windows[i] = tilt + SWING[label] * np.random.uniform(0.7, 1.3) * AXES[label] * wave + np.random.normal(0, 0.25, (length, 3))
    return torch.from_numpy(windows), torch.from_numpy(labels)


class ActivityNet(nn.Module):
    def __init__(self, channels=3, hidden=48, classes=6):
        super().__init__()
        self.lstm = nn.LSTM(channels, hidden, num_layers=2, dropout=0.1, batch_first=True)
        self.norm = nn.LayerNorm(hidden)
        self.head = nn.Linear(hidden, classes)

    def forward(self, windows):
        outputs, _ = self.lstm(windows)
        return self.head(self.norm(outputs[:, -1]))


def evaluate(model, loader, criterion):
    model.eval()
    loss, right, seen = 0.0, 0, 0
    with torch.no_grad():
        for windows, labels in loader:
            logits = model(windows)
            loss += criterion(logits, labels).item() * len(labels)
            right += (logits.argmax(1) == labels).sum().item()
            seen += len(labels)
    model.train()
    return loss / seen, right / seen


def main(name):
    train_windows, train_labels = make_windows(3200)
    valid_windows, valid_labels = make_windows(960)
    mean, std = train_windows.mean((0, 1)), train_windows.std((0, 1))
    train_loader = DataLoader(TensorDataset((train_windows - mean) / std, train_labels), batch_size=64, shuffle=True, drop_last=True)
    valid_loader = DataLoader(TensorDataset((valid_windows - mean) / std, valid_labels), batch_size=64)

    model = ActivityNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)
    with newllm.record(model, optimizer, out=f"runs/{name}") as recorder:
        for epoch in range(16):
            for windows, labels in train_loader:
                optimizer.zero_grad()
                loss = criterion(model(windows), labels)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                recorder.step(loss)
            valid_loss, accuracy = evaluate(model, valid_loader, criterion)
            recorder.validation(valid_loss, accuracy=accuracy)
            print(f"epoch {epoch + 1:2d}  train {loss.item():.3f}  valid {valid_loss:.3f}  accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main(sys.argv[1])
