"""Tell the state of a bearing from its vibration with a 1-D convolutional network."""
import sys

import newllm
import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(3)
torch.set_num_threads(1)
STATES = ["healthy", "outer race", "inner race", "ball", "cage", "imbalance"]
LENGTH, RATE = 384, 2000.0


# ---------------------------------------------------------------- the vibrations
def vibration(state, random):
    time = np.arange(LENGTH) / RATE
    shaft = random.uniform(24, 32)
    signal = 0.5 * np.sin(2 * np.pi * (shaft * time + random.random()))
    signal += 0.2 * np.sin(2 * np.pi * (2 * shaft * time + random.random()))
    if state == "imbalance":
        signal += random.uniform(0.15, 0.4) * np.sin(2 * np.pi * (3 * shaft * time + random.random()))
    elif state != "healthy":
        rate = {"outer race": 3.1, "inner race": 4.9, "ball": 2.3, "cage": 1.4}[state] * shaft * random.uniform(0.96, 1.04)
        tone = {"outer race": 430, "inner race": 450, "ball": 460, "cage": 440}[state] * random.uniform(0.9, 1.1)
        start = random.random() / rate
        while start < time[-1]:
            after = np.maximum(time - start, 0)
            height = random.uniform(0.45, 0.9)
            if state == "inner race":  # the load changes with the turn of the shaft
                height *= 0.6 + 0.4 * np.sin(2 * np.pi * shaft * start)
            signal += (time >= start) * height * np.exp(-after * 220) * np.sin(2 * np.pi * tone * after)
            start += random.normal(1, 0.02) / rate
    return signal + random.normal(0, 0.18, LENGTH)


def record_vibrations(count, seed):
    random = np.random.default_rng(seed)
    states = random.integers(0, len(STATES), count)
    return np.stack([vibration(STATES[state], random) for state in states]).astype(np.float32), states


class Vibrations(Dataset):
    def __init__(self, signals, states, augment):
        self.signals, self.states, self.augment = signals, states, augment

    def __len__(self):
        return len(self.signals)

    def __getitem__(self, index):
        signal = torch.from_numpy(self.signals[index])
        if self.augment:
            signal.mul_(torch.empty(1).uniform_(0.8, 1.25))
            signal.add_(torch.randn(LENGTH), alpha=0.15)
            gap = int(torch.randint(8, 49, (1,)))
            start = int(torch.randint(0, LENGTH - gap, (1,)))
            signal[start : start + gap] = 0.0
        return signal[None], int(self.states[index])


train_set = Vibrations(*record_vibrations(1280, seed=1), augment=True)
validation_set = Vibrations(*record_vibrations(500, seed=2), augment=False)
train_loader = DataLoader(train_set, 32, shuffle=True, drop_last=True)
validation_loader = DataLoader(validation_set, 100)


# ---------------------------------------------------------------- the model
def block(inputs, outputs, stride):
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, 7, stride=stride, padding=3, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()
    )


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(block(1, 16, 2), block(16, 32, 2), block(32, 48, 2), block(48, 64, 2))
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(128, len(STATES))

    def forward(self, signal):
        features = self.features(signal)
        return self.head(self.dropout(torch.cat([features.mean(-1), features.amax(-1)], 1)))


def evaluate(model, criterion):
    model.eval()
    logits, states = [], []
    with torch.no_grad():
        for signal, state in validation_loader:
            logits.append(model(signal))
            states.append(state)
    model.train()
    logits, states = torch.cat(logits), torch.cat(states)
    guesses = logits.argmax(1)
    f1 = f1_score(states.numpy(), guesses.numpy(), average="macro")
    return criterion(logits, states).item(), (guesses == states).float().mean().item(), float(f1)


model = Network()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
epochs, step = 22, 0
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(train_loader), eta_min=1e-4)
criterion = nn.CrossEntropyLoss()

with newllm.record(model, optimizer, out=f"runs/{sys.argv[1]}") as recorder:
    for epoch in range(epochs):
        losses = []
        for signal, state in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(signal), state)
            loss.backward()
            optimizer.step()
            schedule.step()
            recorder.step(loss)
            losses.append(loss.item())
            step += 1
        validation_loss, accuracy, f1 = evaluate(model, criterion)
        recorder.validation(validation_loss, accuracy=accuracy)
        recorder.metrics({"f1": f1})
        print(
            f"epoch {epoch + 1}  step {step}  loss {sum(losses) / len(losses):.4f}  validation loss {validation_loss:.4f}"
            f"  accuracy {accuracy:.4f}  f1 {f1:.4f}",
            flush=True,
        )
