"""Time to relapse from clinic records: a Cox model with a small network as its risk score (as DeepSurv)."""

import sys

import newllm
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)
torch.manual_seed(21)
rng = np.random.default_rng(21)

N, FEATURES = 12000, 16


def make_cohort():
    """Age, markers, treatment and visits; the hazard depends on some of them, partly not linearly."""
    x = rng.normal(size=(N, FEATURES)).astype(np.float32)
    x[:, 1] = rng.integers(0, 2, N)  # sex
    x[:, 2] = rng.integers(0, 2, N)  # treated
    x[:, 3] = np.exp(0.5 * x[:, 3])  # a marker with a long tail
    risk = 1.4 * (
        0.8 * x[:, 0]
        + 0.9 * np.abs(x[:, 4])
        - 0.9 * x[:, 2] * (x[:, 5] > 0)
        + 0.5 * np.minimum(x[:, 3], 3)
        - 0.6 * x[:, 6] * x[:, 7]
        + 0.3 * x[:, 1]
    )
    time = rng.weibull(1.4, N) * 24 * np.exp(-risk / 1.4)
    follow_up = rng.uniform(60, 140, N)
    event = (time <= follow_up).astype(np.float32)
    time = np.minimum(time, follow_up).astype(np.float32)
    return x, time, event


def cox_loss(score, time, event):
    """Negative log partial likelihood (Breslow): each event against all who were still at risk."""
    log_at_risk = torch.logcumsumexp(score, dim=0)
    return -((score - log_at_risk) * event).sum() / event.sum().clamp(min=1)


def concordance(score, time, event):
    earlier = (time[:, None] < time[None, :]) & (event[:, None] > 0)
    higher = (score[:, None] > score[None, :]).float() + 0.5 * (score[:, None] == score[None, :]).float()
    return (higher * earlier).sum().item() / earlier.sum().item()


class RiskNet(nn.Module):
    def __init__(self, width=384):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(FEATURES, width),
            nn.ReLU(),
            nn.Dropout(0.4),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(0.4),
            nn.Linear(width, 1, bias=False),
        )

    def forward(self, x):
        return self.net(x).squeeze(-1)


x, time, event = make_cohort()
cut = 9600
mean, std = x[:cut].mean(0), x[:cut].std(0)
x = (x - mean) / std
x, time, event = map(torch.from_numpy, (x, time, event))
print(f"{N} patients, {event.mean():.0%} with an event")

train = DataLoader(
    TensorDataset(x[:cut], time[:cut], event[:cut]), batch_size=512, shuffle=True, drop_last=True
)
x_val, time_val, event_val = x[cut:], time[cut:], event[cut:]

model = RiskNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-4, weight_decay=1e-3)
run = newllm.record(model, optimizer, out="runs/" + sys.argv[1])
for epoch in range(36):
    total = 0.0
    for features, duration, observed in train:
        loss = cox_loss(model(features), duration, observed)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.step(loss)
        total += loss.item()
    if epoch % 2 == 1:
        model.eval()
        with torch.no_grad():
            score = model(x_val)
            val = cox_loss(score, time_val, event_val).item()
            c_index = concordance(score, time_val, event_val)
        model.train()
        run.validation(val)
        run.metrics({"c_index": c_index})
        print(f"epoch {epoch + 1} train {total / len(train):.4f} val {val:.4f} c-index {c_index:.4f}", flush=True)
run.close()
