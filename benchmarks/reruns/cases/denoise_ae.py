"""Denoising autoencoder on smooth curves; AdamW, step decay, clipping."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
import newllm


def main():
    torch.manual_seed(130)
    t = torch.linspace(0, 3.14, 32)
    c = torch.randn(3000, 5) / torch.arange(1, 6)
    clean = sum(c[:, k:k + 1] * torch.sin((k + 1) * t) for k in range(5))
    dl = DataLoader(TensorDataset(clean), batch_size=64, shuffle=True)
    net = nn.Sequential(nn.Linear(32, 64), nn.ELU(), nn.Linear(64, 8), nn.ELU(), nn.Linear(8, 64), nn.ELU(), nn.Linear(64, 32))
    opt = torch.optim.AdamW(net.parameters(), lr=4e-3)
    sched = torch.optim.lr_scheduler.StepLR(opt, 150, 0.4)
    losses = []
    with newllm.record(net, opt, out="runs/denoise_ae") as recorder:
        while len(losses) < 420:
            for (x,) in dl:
                loss = (net(x + 0.2 * torch.randn_like(x)) - x).square().mean()
                opt.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                opt.step()
                recorder.step(loss)
                sched.step()
                losses.append(loss.item())
    open("losses.txt", "w").write("".join(f"{v!r}\n" for v in losses))


if __name__ == "__main__":
    main()
