"""A VAE on 8x8 blobs; the regularisation is raised in the second phase."""
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

PHASES = [dict(until=290, weight_decay=1e-5), dict(until=430, weight_decay=0.5)]


def blobs(n, g):
    yy, xx = torch.meshgrid(torch.arange(8.), torch.arange(8.), indexing="ij")
    c = torch.rand(n, 2, generator=g) * 5 + 1
    s = torch.rand(n, 1, 1, generator=g) * 0.8 + 0.8
    d = (yy - c[:, :1, None]) ** 2 + (xx - c[:, 1:, None]) ** 2
    return torch.exp(-d / (2 * s * s)).reshape(n, 64)


class VAE(nn.Module):
    def __init__(self, z=6):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 96), nn.SiLU())
        self.mu = nn.Linear(96, z)
        self.lv = nn.Linear(96, z)
        self.dec = nn.Sequential(nn.Linear(z, 96), nn.SiLU(), nn.Linear(96, 64))

    def forward(self, x):
        h = self.enc(x)
        mu, lv = self.mu(h), self.lv(h)
        z = mu + torch.exp(0.5 * lv) * torch.randn_like(mu)
        return self.dec(z), mu, lv


def main():
    torch.manual_seed(8)
    data = blobs(4000, torch.Generator().manual_seed(80))
    vae = VAE()
    opt = torch.optim.Adam(vae.parameters(), lr=3e-3, weight_decay=PHASES[0]["weight_decay"])
    out = []
    step = 0
    with newllm.record(vae, opt, out="runs/vae_blobs") as recorder:
        for ph in PHASES:
            opt.param_groups[0]["weight_decay"] = ph["weight_decay"]
            while step < ph["until"]:
                x = data[torch.randint(0, len(data), (128,))]
                rec, mu, lv = vae(x)
                nll = 10 * F.mse_loss(rec, x, reduction="none").sum(1).mean()
                kl = -0.5 * (1 + lv - mu ** 2 - lv.exp()).sum(1).mean()
                loss = nll + 0.2 * kl
                opt.zero_grad()
                loss.backward()
                opt.step()
                recorder.step(loss)
                out.append(loss.item())
                step += 1
    open("losses.txt", "w").write("\n".join(map(repr, out)) + "\n")


if __name__ == "__main__":
    main()
