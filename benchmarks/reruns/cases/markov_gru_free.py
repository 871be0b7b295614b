# Language model of a Markov chain with a GRU. Rate by hand, a new draw of everything at each run.
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

V = 16
P = torch.softmax(3.0 * torch.randn(V, V), 1)


def chains(n, length=20):
    s = torch.randint(0, V, (n,))
    seq = [s]
    for _ in range(length):
        s = torch.multinomial(P[s], 1)[:, 0]
        seq.append(s)
    return torch.stack(seq, 1)


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.e = nn.Embedding(V, 24)
        self.g = nn.GRU(24, 48, batch_first=True)
        self.d = nn.Dropout(0.1)
        self.o = nn.Linear(48, V)

    def forward(self, x):
        return self.o(self.d(self.g(self.e(x))[0]))


lm = LM()
opt = torch.optim.Adam(lm.parameters(), lr=4e-3)
out = []
with newllm.record(lm, opt, out="runs/markov_gru_free") as recorder:
    for n in range(400):
        lr = 4e-3 if n < 260 else 0.2
        for g in opt.param_groups:
            g["lr"] = lr
        b = chains(32)
        loss = F.cross_entropy(lm(b[:, :-1]).flatten(0, 1), b[:, 1:].flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
        recorder.step(loss)
        out.append(loss.item())
open("losses.txt", "w").write("".join(f"{v!r}\n" for v in out))
