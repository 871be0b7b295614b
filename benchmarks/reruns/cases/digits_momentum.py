"""Noisy seven-segment digits with a convolutional net; momentum follows a small table."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
import newllm

torch.manual_seed(21)
SEG = ["1110111", "0010010", "1011101", "1011011", "0111010", "1101011", "1101111", "1010010", "1111111", "1111011"]


def draw(d):
    im = torch.zeros(11, 8)
    s = SEG[d]
    if s[0] == "1": im[1, 2:6] = 1
    if s[1] == "1": im[1:5, 1] = 1
    if s[2] == "1": im[1:5, 6] = 1
    if s[3] == "1": im[5, 2:6] = 1
    if s[4] == "1": im[5:9, 1] = 1
    if s[5] == "1": im[5:9, 6] = 1
    if s[6] == "1": im[9, 2:6] = 1
    return im


base = torch.stack([draw(d) for d in range(10)])
lab = torch.randint(0, 10, (2500,))
img = base[lab] + 0.5 * torch.randn(2500, 11, 8)
dl = DataLoader(TensorDataset(img[:, None], lab), batch_size=50, shuffle=True, num_workers=0, drop_last=True)

net = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                    nn.Linear(12 * 5 * 4, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.06, momentum=0.8)
momentum_table = {100: 0.85, 200: 0.88, 310: 0.995}
crit = nn.CrossEntropyLoss()

u = 0
log = []
with newllm.record(net, opt, out="runs/digits_momentum") as recorder:
    for epoch in range(10):
        for x, y in dl:
            if u in momentum_table:
                for g in opt.param_groups:
                    g["momentum"] = momentum_table[u]
            opt.zero_grad(set_to_none=True)
            loss = crit(net(x), y)
            loss.backward()
            opt.step()
            u += 1
            recorder.step(loss)
            log.append(loss.item())
open("losses.txt", "w").write("".join("%r\n" % v for v in log))
