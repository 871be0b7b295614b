"""Which machine state do twelve sensors tell of? The rows are put in a new order from the sixth epoch on."""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
import newllm


class Readings:
    def __init__(self, path, seed=41):
        r = np.random.default_rng(seed)
        centres = r.normal(0, 1.6, (5, 12))
        y = r.integers(0, 5, 3000)
        x = centres[y] + r.normal(0, 1.0, (3000, 12))
        np.savez(path, x=x.astype("float32"), y=y)
        f = np.load(path)
        self.x, self.y = torch.from_numpy(f["x"]), torch.from_numpy(f["y"])

    def mix(self, gen):
        p = torch.randperm(len(self.x), generator=gen)
        self.x = self.x[p]


def run(seed=41, epochs=8):
    torch.manual_seed(seed)
    gen = torch.Generator().manual_seed(seed)
    data = Readings("readings.npz")
    model = nn.Sequential(nn.Linear(12, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 5))
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    losses = []
    with newllm.record(model, opt, out="runs/sensor_mlp") as recorder:
        for ep in range(epochs):
            if ep >= 5:
                data.mix(gen)
            dl = DataLoader(TensorDataset(data.x, data.y), batch_size=50, shuffle=True)
            for x, y in dl:
                opt.zero_grad()
                loss = nn.functional.cross_entropy(model(x), y)
                loss.backward()
                opt.step()
                recorder.step(loss)
                losses.append(loss.item())
    return losses


if __name__ == "__main__":
    with open("losses.txt", "w") as f:
        for v in run():
            f.write(repr(v) + "\n")
