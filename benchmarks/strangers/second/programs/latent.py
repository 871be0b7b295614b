"""Autoencoders: with a Gaussian code, and with a codebook."""

import torch
import torch.nn.functional as F
from torch import nn

from .common import Options, cosine, grad_norm, set_rate
from .images import pictures


class Coder(nn.Module):
    """A multi-layer encoder and decoder."""

    def __init__(self, code: int, gaussian: bool) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Linear(256, 96), nn.ReLU(), nn.Linear(96, code * (2 if gaussian else 1)))
        self.up = nn.Sequential(nn.Linear(code, 96), nn.ReLU(), nn.Linear(96, 256))


def train(o: Options) -> None:
    draw = torch.Generator().manual_seed(o.seed)
    x = pictures(1500, draw, 0.05, [1.0] * 6)[0].mean(1).flatten(1) / 255
    (_gaussian if o.get("task", "vae") == "vae" else _codebook)(o, x[:1300], x[1300:])
    o.log.close()


def _divergence(centre: torch.Tensor, log: torch.Tensor) -> torch.Tensor:
    return -0.5 * (1 + log - centre**2 - log.exp()).sum(1).mean()


def _gaussian(o: Options, data: torch.Tensor, held: torch.Tensor) -> None:
    steps, code = o.get("steps", 700), 8
    model = Coder(code, True)
    top = o.get("lr", 2e-3)
    optimizer = torch.optim.Adam(model.parameters(), lr=top)
    for step in range(steps):
        set_rate(optimizer, cosine(step, steps, top, 20))
        x = data[torch.randint(0, len(data), (32,))]
        if o.fault == "pictures not scaled":
            x = x * 255
        centre, log = model.down(x).chunk(2, 1)
        log = log * o.if_fault("variance of the code not bounded", o.get("gain", 30.0), 1.0)
        z = centre + (0.5 * log).exp() * torch.randn_like(centre)
        recon = F.mse_loss(model.up(z), x, reduction="none").sum(1).mean() * 10
        kl = _divergence(centre, log)
        rise = min(1.0, step / o.get("rise", 1)) if o.get("rise", 0) else 1.0
        weight = o.if_fault(
            "divergence summed, likeness averaged", 256.0, o.if_fault("divergence with the wrong sign", -1.0, 1.0)
        )
        loss = recon + weight * rise * kl
        optimizer.zero_grad()
        loss.backward()
        norm = grad_norm(model)
        optimizer.step()
        if step % o.get("every", 10) == 0:
            shown = {"grad_norm": norm} if "norm" in o.get("shows", ()) else {}
            o.log.row(step=step, loss=loss, recon_loss=recon, kl=kl, **shown)
        if step % 100 == 99:
            with torch.no_grad():
                centre, log = model.down(held).chunk(2, 1)
                val = F.mse_loss(model.up(centre), held, reduction="none").sum(1).mean() * 10
            o.log.row(step=step, val_recon_loss=float(val))


def _codebook(o: Options, data: torch.Tensor, held: torch.Tensor) -> None:
    steps, code, size, groups = o.get("steps", 700), 16, 64, 4
    model = Coder(code, False)
    book = nn.Parameter(torch.randn(size, code // groups) * o.if_fault("codebook collapses", 40.0, 1.0))
    top = o.get("lr", 2e-3)
    optimizer = torch.optim.Adam([*model.parameters(), book], lr=top)
    for step in range(steps):
        set_rate(optimizer, cosine(step, steps, top, 20))
        x = data[torch.randint(0, len(data), (32,))]
        h = model.down(x).view(-1, code // groups)
        distance = torch.cdist(h, book)
        index = distance.argmin(1)
        if o.fault != "codebook collapses" and step % 50 == 0 and step < steps // 2:
            used = torch.bincount(index, minlength=size) > 0
            with torch.no_grad():
                book[~used] = h[torch.randint(0, len(h), (int((~used).sum()),))]
            index = torch.cdist(h, book).argmin(1)
        q = book[index]
        commit = o.if_fault("encoder not tied to the codebook", 0.0, 0.25)
        vq = F.mse_loss(q, h.detach()) + commit * F.mse_loss(h, q.detach())
        out = model.up((h + (q - h).detach()).view(-1, code))
        recon = F.mse_loss(out, x)
        loss = 10 * recon + vq
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % o.get("every", 10) == 0:
            p = torch.bincount(index, minlength=size).float() / len(index)
            perplexity = float((-(p * (p + 1e-10).log()).sum()).exp())
            o.log.row(step=step, loss=loss, recon_loss=recon, vq_loss=vq, codebook_perplexity=perplexity)
