"""A plain tanh RNN tells whether the last strong pulses were up or down; documents differ in length."""
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

torch.manual_seed(90)
H = 48


class PlainRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.i = nn.Linear(3, H)
        self.r = nn.Linear(H, H, bias=False)
        self.o = nn.Linear(H, 2)
        nn.init.normal_(self.r.weight, 0, 1.6 / H ** 0.5)

    def forward(self, x):
        h = x.new_zeros(x.shape[0], H)
        for t in range(x.shape[1]):
            h = torch.tanh(self.i(x[:, t]) + self.r(h))
        return self.o(h)


def batch(length, n=40):
    x = 0.3 * torch.randn(n, length, 3)
    y = torch.randint(0, 2, (n,))
    x[:, -1, 0] += (2.0 * y - 1) * 0.8
    x[:, -2, 1] += (2.0 * y - 1) * 0.8
    x[:, -3, 2] += (2.0 * y - 1) * 0.8
    return x, y


lengths = [8] * 400
lengths[284] = 150          # one long document in the pile
net = PlainRNN()
opt = torch.optim.SGD(net.parameters(), lr=0.05)
rows = []
with newllm.record(net, opt, out="runs/rnn_long") as recorder:
    for L in lengths:
        x, y = batch(L)
        loss = F.cross_entropy(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        recorder.step(loss)
        rows.append(loss.item())
open("losses.txt", "w").write("".join(f"{v!r}\n" for v in rows))
