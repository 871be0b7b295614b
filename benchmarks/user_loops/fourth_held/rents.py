"""Predict monthly rent (in hundreds) from flat features."""
import argparse, csv, os
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
import newllm

class Flats(Dataset):
    def __init__(self, n, seed):
        r = np.random.default_rng(seed)
        area = r.gamma(6, 12, n); rooms = np.clip(np.round(area / 25 + r.normal(0, .6, n)), 1, 7)
        floor = r.integers(0, 9, n); dist = r.exponential(4, n); age = r.uniform(0, 90, n); balcony = r.random(n) < .4
        rent = 2.5 + .11 * area * np.exp(-dist / 9) + .4 * balcony + .15 * floor - .012 * age + .5 * (rooms > 3)
        rent += r.normal(0, .5, n)
        x = np.c_[area, rooms, floor, dist, age, balcony].astype(np.float32)
        self.x = torch.tensor((x - x.mean(0)) / x.std(0))
        self.y = torch.tensor(rent, dtype=torch.float32)
    def __len__(self): return len(self.y)
    def __getitem__(self, i): return self.x[i], self.y[i]

class RentNet(nn.Module):
    def __init__(self, d=6, h=64):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, 1))
    def forward(self, x): return self.net(x)

if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--out"); ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    torch.set_num_threads(1); torch.manual_seed(0)
    os.makedirs(args.out, exist_ok=True)
    train_dl = DataLoader(Flats(4000, 1), batch_size=64, shuffle=True)
    val_ds = Flats(800, 2)
    model = RentNet()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    mse = nn.MSELoss()
    out = csv.writer(open(f"{args.out}/log.csv", "w", newline=""))
    out.writerow("step,loss,val_mse,val_r2".split(","))
    step = 0
    with newllm.record(model, opt, out=f"{args.out}/recording") as recorder:
        for epoch in range(10):
            for x, y in train_dl:
                opt.zero_grad()
                pred = model(x)
                if args.sound:
                    pred = pred.squeeze(-1)
                loss = mse(pred, y)
                loss.backward()
                opt.step()
                recorder.step(loss)
                step += 1
                out.writerow([step, loss.item(), "", ""])
            with torch.no_grad():
                p = model(val_ds.x).squeeze(-1)
                v = mse(p, val_ds.y).item()
                r2 = 1 - v / val_ds.y.var().item()
            recorder.validation(v)
            out.writerow([step, loss.item(), v, r2])
            print(epoch, round(loss.item(), 3), round(v, 3), "R2", round(r2, 3))
