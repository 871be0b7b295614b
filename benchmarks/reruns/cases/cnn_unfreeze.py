"""Little pictures of bars and boxes. The head is trained first; later the trunk is added to the optimizer."""
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
import newllm


class Shapes(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.y = torch.randint(0, 4, (n,), generator=g)
        self.x = 0.25 * torch.randn(n, 1, 12, 12, generator=g)
        p = torch.randint(1, 7, (n, 2), generator=g)
        for i in range(n):
            r, c = p[i].tolist()
            k = self.y[i].item()
            if k == 0:
                self.x[i, 0, r, c:c + 5] += 1.5
            elif k == 1:
                self.x[i, 0, r:r + 5, c] += 1.5
            elif k == 2:
                self.x[i, 0, r:r + 3, c:c + 3] += 1.0
            else:
                for d in range(5):
                    self.x[i, 0, r + d, c + d] += 1.5

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                   nn.Conv2d(16, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Sequential(nn.Linear(24 * 9, 48), nn.ReLU(), nn.Linear(48, 4))

    def forward(self, x):
        return self.head(self.trunk(x).flatten(1))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--updates", type=int, default=400)
    ap.add_argument("--unfreeze-at", type=int, default=240)
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--trunk-lr", type=float, default=0.05)
    ap.add_argument("--seed", type=int, default=5)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    net = Net()
    opt = torch.optim.AdamW(net.head.parameters(), lr=a.lr, weight_decay=0.01)
    loader = DataLoader(Shapes(2000, a.seed), batch_size=40, shuffle=True, num_workers=0)
    n = 0
    with open("losses.txt", "w") as f, newllm.record(net, opt, out="runs/cnn_unfreeze") as rec:
        while n < a.updates:
            for x, y in loader:
                if n == a.unfreeze_at:
                    opt.add_param_group({"params": list(net.trunk.parameters()), "lr": a.trunk_lr})
                loss = F.cross_entropy(net(x), y)
                net.zero_grad()
                loss.backward()
                opt.step()
                rec.step(loss)
                f.write(f"{loss.item()!r}\n")
                n += 1
                if n == a.updates:
                    break


if __name__ == "__main__":
    main()
