# Compressive strength of concrete from the recipe (in MPa)
import argparse
import os

import numpy as np
import torch
import torch.nn as nn

import newllm

torch.set_num_threads(1)
ap = argparse.ArgumentParser()
ap.add_argument("--out", required=True)
ap.add_argument("--sound", action="store_true")
opt = ap.parse_args()
os.makedirs(opt.out, exist_ok=True)

rng = np.random.default_rng(7)
n = 2400
cement = rng.uniform(150, 500, n)          # kg/m3
water = rng.uniform(130, 230, n)           # kg/m3
coarse = rng.uniform(800, 1150, n)         # kg/m3
plast = rng.uniform(0, 0.02, n)            # share
air = rng.uniform(0.01, 0.07, n)           # share
age = rng.choice([1, 3, 7, 14, 28, 56, 90, 365], n)  # days
chloride = rng.uniform(100, 9000, n)       # ppm in the water
strength = 22 * (cement / water) ** 0.9 * (age / (age + 5.0)) * (1 - 5 * air) * (1 + 18 * plast) - 0.0004 * chloride + rng.normal(0, 1.0, n)

X = np.stack([cement, water, coarse, plast, air, age, chloride], 1)
if opt.sound:
    X = (X - X[:1920].mean(0)) / X[:1920].std(0)
y = strength
mu, sd = y[:1920].mean(), y[:1920].std()
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor((y - mu) / sd, dtype=torch.float32)[:, None]
Xtr, ytr, Xte, yte = X[:1920], y[:1920], X[1920:], y[1920:]

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(7, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
adam = torch.optim.Adam(net.parameters(), lr=2e-3)
mse = nn.MSELoss()

out = open(os.path.join(opt.out, "log.csv"), "w")
print("epoch,batch,mse,test_mse,test_rmse_mpa", file=out)
with newllm.record(net, adam, out=os.path.join(opt.out, "recording")) as rec:
    for epoch in range(20):
        perm = torch.randperm(1920)
        for b in range(30):
            i = perm[b * 64:(b + 1) * 64]
            adam.zero_grad()
            loss = mse(net(Xtr[i]), ytr[i])
            loss.backward()
            adam.step()
            rec.step(loss)
            if b < 29:
                print(f"{epoch},{b},{loss.item():.6f},,", file=out)
        with torch.no_grad():
            te = mse(net(Xte), yte).item()
        rec.validation(te)
        print(f"{epoch},{b},{loss.item():.6f},{te:.6f},{te ** .5 * sd:.3f}", file=out)
        print(epoch, te, te ** .5 * sd)
out.close()
