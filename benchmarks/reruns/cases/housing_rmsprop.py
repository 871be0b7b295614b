# %% house prices of a sort: regression on a table kept in a csv file
import os
import numpy as np
import torch
from torch import nn
import newllm

if not os.path.exists("houses.csv"):
    r = np.random.default_rng(17)
    n = 2400
    X = r.normal(size=(n, 10))
    y = X[:, 0] * 1.5 + np.sin(2 * X[:, 1]) + X[:, 2] * X[:, 3] + 0.1 * r.normal(size=n)
    np.savetxt("houses.csv", np.column_stack([X, y]), delimiter=",", fmt="%.6f")

tab = torch.from_numpy(np.loadtxt("houses.csv", delimiter=",")).float()
X, y = tab[:, :-1], tab[:, -1:]
y = (y - y.mean()) / y.std()

# %% model
torch.manual_seed(17)
model = nn.Sequential(nn.Linear(10, 96), nn.ReLU(), nn.Dropout(0.05), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, 1))
optimizer = torch.optim.RMSprop(model.parameters(), lr=1.5e-3, alpha=0.98)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[330], gamma=10.0)

# %% training
history = []
with newllm.record(model, optimizer, out="runs/housing_rmsprop") as recorder:
    perm = torch.randperm(len(X))
    pos = 0
    for it in range(1, 501):
        if pos + 64 > len(X):
            perm, pos = torch.randperm(len(X)), 0
        take = perm[pos:pos + 64]
        pos += 64
        optimizer.zero_grad()
        loss = ((model(X[take]) - y[take]) ** 2).mean()
        loss.backward()
        optimizer.step()
        scheduler.step()
        recorder.step(loss)
        history.append(loss.item())

# %% keep
with open("losses.txt", "w") as f:
    for v in history:
        print(repr(v), file=f)
