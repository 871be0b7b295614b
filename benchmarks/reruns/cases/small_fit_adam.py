"""Full-batch Adam on a small regression with a constant rate."""
import torch
import torch.nn as nn
import newllm


def main(seed=1, updates=420, lr=0.02):
    torch.manual_seed(seed)
    x = torch.randn(192, 4)
    y = (torch.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2])[:, None]
    net = nn.Sequential(nn.Linear(4, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))
    opt = torch.optim.Adam(net.parameters(), lr=lr)
    losses = []
    with newllm.record(net, opt, out="runs/small_fit_adam") as recorder:
        for _ in range(updates):
            opt.zero_grad()
            loss = nn.functional.mse_loss(net(x), y)
            loss.backward()
            opt.step()
            recorder.step(loss)
            losses.append(loss.item())
    with open("losses.txt", "w") as f:
        f.write("\n".join(map(repr, losses)) + "\n")


main()
