"""The code of a variational autoencoder, however its loss is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import newllm
from newllm.trace import read_trace

ROWS, WIDTH = 32, 12


class Autoencoder(nn.Module):
    """Draws its code in one of two ways, and returns it in one of several forms."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.encoder, self.decoder, self.form = nn.Linear(WIDTH, 8), nn.Linear(4, WIDTH), form

    def forward(self, x: Tensor) -> Any:
        mean, other = self.encoder(x).chunk(2, 1)
        if self.form == "distribution":
            z = torch.distributions.Normal(mean, (other / 2).exp()).rsample()
        elif self.form == "no noise":
            z = mean
        else:
            z = mean + torch.randn_like(mean) * (other / 2).exp()
        made = self.decoder(z)
        if self.form == "a mapping":
            return {"reconstruction": made, "mean": mean, "log_variance": other}
        if self.form == "deviation":
            return made, mean, F.softplus(other) + 0.1
        return (made, mean, other, z) if self.form == "with the sample" else (made, mean, other)


def _parts(result: Any) -> list[Tensor]:
    return list(result.values()) if isinstance(result, dict) else list(result)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1).mean()


def recorded(
    out: Path, form: str, distance: Callable[[Tensor, Tensor], Tensor] = F.mse_loss, weight: float = 0.5
) -> tuple[dict[str, float], float, float]:
    """What was recorded of the first update, and what its loss was made of."""
    torch.manual_seed(3)
    model = Autoencoder(form)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    x = torch.rand(ROWS, WIDTH)
    with newllm.record(model, optimizer, out) as recorder:
        made, mean, other, *_ = _parts(model(x))
        kl, reconstruction = divergence(mean, other), distance(made, x)
        (reconstruction + weight * kl).backward()
        optimizer.step()
        recorder.step(reconstruction + weight * kl)
    trace = read_trace(out / "trace.jsonl").signals
    names = ("latent_kl", "reconstruction_loss")
    return {name: float(trace[name].value[0]) for name in names if name in trace}, kl.item(), reconstruction.item()


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean of squares": F.mse_loss,
    "sum of halved squares": lambda o, x: 0.5 * (o - x).square().sum(1).mean(),
    "cross-entropy of logits": lambda o, x: F.binary_cross_entropy_with_logits(o, x, reduction="sum") / ROWS,
    "absolute": F.l1_loss,
}


@pytest.mark.parametrize("form", ["a tuple", "a mapping", "distribution"])
def test_the_divergence_and_the_reconstruction_are_those_of_the_loss(form: str, tmp_path: Path) -> None:
    found, kl, reconstruction = recorded(tmp_path / "run", form)
    assert found == pytest.approx({"latent_kl": kl, "reconstruction_loss": reconstruction}, rel=1e-4)


@pytest.mark.parametrize("name", DISTANCES)
def test_whatever_the_distance(name: str, tmp_path: Path) -> None:
    found, _, reconstruction = recorded(tmp_path / "run", "a tuple", DISTANCES[name])
    assert found["reconstruction_loss"] == pytest.approx(reconstruction, rel=1e-4)


def test_a_distance_that_is_not_known_is_not_guessed(tmp_path: Path) -> None:
    found, kl, _ = recorded(tmp_path / "run", "a tuple", lambda o, x: (o - x).pow(4).mean())
    assert found == pytest.approx({"latent_kl": kl}, rel=1e-4)


@pytest.mark.parametrize("form", ["no noise", "with the sample", "deviation"])
def test_of_what_is_no_such_code_nothing_is_said(form: str, tmp_path: Path) -> None:
    assert "latent_kl" not in recorded(tmp_path / "run", form)[0]
