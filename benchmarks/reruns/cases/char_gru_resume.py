# Character model of a made-up text; stops half way, saves, and resumes from the file.
import json
import random
import numpy as np
import torch
import torch.nn as nn
import newllm

random.seed(11)
torch.manual_seed(11)

WORDS = ["the", "grey", "cat", "sat", "on", "a", "warm", "stone", "and", "looked", "at", "rain", "over", "hills"]
text = " ".join(random.choice(WORDS) for _ in range(6000))
vocab = sorted(set(text))
ids = torch.tensor([vocab.index(c) for c in text])
json.dump({"lr": 4.0, "unit": "1e-3", "clip": 5.0}, open("config.json", "w"))


class Net(nn.Module):
    def __init__(self, v, h=64):
        super().__init__()
        self.emb = nn.Embedding(v, 24)
        self.rnn = nn.GRU(24, h, batch_first=True)
        self.out = nn.Linear(h, v)

    def forward(self, x):
        return self.out(self.rnn(self.emb(x))[0])


def batch():
    i = torch.randint(0, len(ids) - 26, (24,))
    b = torch.stack([ids[j:j + 26] for j in i])
    return b[:, :-1], b[:, 1:]


cfg = json.load(open("config.json"))
net = Net(len(vocab))
opt = torch.optim.Adam(net.parameters(), lr=cfg["lr"] * 1e-3)
losses = []
with newllm.record(net, opt, out="runs/char_gru_resume") as recorder:
    for step in range(420):
        if step == 270:
            # second half of the job: go on from the saved file
            torch.save({"net": net.state_dict(), "opt": opt.state_dict(), "step": step}, "half.pt")
            ck = torch.load("half.pt")
            net.load_state_dict(ck["net"])
            opt.load_state_dict(ck["opt"])
            cfg = json.load(open("config.json"))
            for g in opt.param_groups:
                g["lr"] = cfg["lr"] / 20
        x, y = batch()
        logits = net(x)
        loss = nn.functional.cross_entropy(logits.reshape(-1, len(vocab)), y.reshape(-1))
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), cfg["clip"])
        opt.step()
        recorder.step(loss)
        losses.append(loss.item())
open("losses.txt", "w").write("".join(f"{v!r}\n" for v in losses))
