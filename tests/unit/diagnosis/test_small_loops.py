"""Small real trainings of a policy, a GAN, an autoencoder and on preferences: with a fault, and sound."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from newllm.diagnosis.diagnose import diagnose
from newllm.trace import Finding, Series, Trace

Log = dict[str, list[float]]


def network(inputs: int, outputs: int, width: int = 32) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs))


def update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def put(log: Log, **values: Tensor) -> None:
    for name, value in values.items():
        log.setdefault(name.replace("__", "/"), []).append(float(value.detach()))


@pytest.fixture(autouse=True)
def single_thread() -> Iterator[None]:
    """Nothing here is worth a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def policy(*, sign: float = 1.0, wall: float = -0.5, rate: float = 0.01) -> Log:
    """A walk along a corridor to its right end, REINFORCE; `wall` is paid for each step at its left end."""
    size, log = 7, Log()
    net = network(size, 2)
    optimizer = torch.optim.Adam(net.parameters(), rate)
    for _ in range(120):
        place, alive = torch.full((16,), size // 2), torch.ones(16)
        chance, entropy, earned = torch.zeros(16), torch.zeros(16), torch.zeros(16)
        for _ in range(10):
            choice = torch.distributions.Categorical(logits=net(F.one_hot(place, size).float()), validate_args=False)
            action = choice.sample()
            chance, entropy = chance + alive * choice.log_prob(action), entropy + alive * choice.entropy() / 10
            place = (place + 2 * action - 1).clamp(0, size - 1)
            earned += alive * ((place == size - 1).float() - 0.02 + wall * (place == 0).float())
            alive = alive * (place != size - 1).float()
        loss = -(sign * (earned - earned.mean()) * chance).mean()
        update(optimizer, loss)
        put(log, loss=loss, reward=earned.mean(), entropy=entropy.mean(), success=(1 - alive).mean())
    return log


def gan(
    *, rate: float = 1e-3, critic_rate: float = 2e-3, radius: float = 1.0, trains: bool = True, until: int = 10**6
) -> Log:
    """Points on a ring of eight; a generator that is slow or stands still, a discriminator that stops."""
    log, steps = Log(), 300
    g, d = network(4, 2), network(2, 1)
    of_g, of_d = torch.optim.Adam(g.parameters(), rate), torch.optim.Adam(d.parameters(), critic_rate)
    angle = torch.arange(8) * math.pi / 4
    centres = radius * torch.stack([angle.cos(), angle.sin()], 1)
    ones, zeros = torch.ones(64, 1), torch.zeros(64, 1)
    for step in range(steps):
        real = centres[torch.randint(8, (64,))] + 0.1 * torch.randn(64, 2)
        told = F.binary_cross_entropy_with_logits(d(real), ones)
        told = told + F.binary_cross_entropy_with_logits(d(g(torch.randn(64, 4)).detach()), zeros)
        if step < until:
            update(of_d, told)
        samples = g(torch.randn(64, 4))
        fooled = F.binary_cross_entropy_with_logits(d(samples), ones)
        if trains:
            update(of_g, fooled)
        put(log, g_loss=fooled, d_loss=told, spread=samples.std(0).mean())
    return log


def autoencoder(*, weight: float) -> Log:
    log = Log()
    encoder, decoder, mixing = network(16, 4, 64), network(2, 16, 64), torch.randn(2, 16)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 3e-3)
    for _ in range(250):
        data = torch.sigmoid(2 * torch.randn(64, 2) @ mixing)
        mean, log_variance = encoder(data).chunk(2, 1)
        code = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        recon = F.binary_cross_entropy_with_logits(decoder(code), data, reduction="none").sum(1).mean()
        kl = (-0.5 * (1 + log_variance - mean**2 - log_variance.exp())).sum(1).mean()
        update(optimizer, recon + weight * kl)
        put(log, loss=recon + weight * kl, recon=recon, kl=kl)
    return log


def preferences(*, noise: float, same: bool = False) -> Log:
    """What is preferred is a direction; `noise` of the pairs are exchanged."""
    log, direction = Log(), torch.randn(8)
    net, reference = network(8, 1), network(8, 1)
    reference.load_state_dict(net.state_dict())
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(150):
        pairs = torch.randn(32, 2, 8)
        first = ((pairs @ direction).diff(dim=1).squeeze(1) < 0) ^ (torch.rand(32) < noise)
        chosen, rejected = (torch.where(at[:, None], pairs[:, 0], pairs[:, 1]) for at in (first, ~first))
        of = net if same else reference
        up, down = (0.5 * (net(one) - of(one).detach() * (not same) - of(one) * same) for one in (chosen, rejected))
        loss = -F.logsigmoid(up - down).mean()
        update(optimizer, loss)
        put(log, loss=loss, rewards__chosen=up.mean(), rewards__rejected=down.mean())
    return log


def judged(log: Log) -> list[Finding]:
    signals = {name: Series(np.arange(len(values)), np.array(values)) for name, values in log.items()}
    return [finding for finding in diagnose(Trace(signals)) if finding.severity != "note"]


@pytest.mark.parametrize(
    ("run", "kind", "cause"),
    [
        (lambda: policy(sign=-1.0), "reward-falls", ""),
        (lambda: policy(wall=3.0, rate=2e-3), "reward-hacking", ""),
        (lambda: gan(rate=1e-4, critic_rate=1e-2, radius=4.0), "discriminator-wins", ""),
        (lambda: gan(trains=False), "generator-stands-still", "no-gradient"),
        (lambda: gan(rate=3e-3, until=100), "generator-wins", ""),
        (lambda: autoencoder(weight=30.0), "posterior-collapse", "regularisation"),
        (lambda: preferences(noise=0.0, same=True), "preference-at-reference", ""),
        (lambda: preferences(noise=0.5), "preference-without-signal", ""),
    ],
)
def test_a_fault_is_found_with_its_cause(run: Callable[[], Log], kind: str, cause: str) -> None:
    torch.manual_seed(3)
    (finding,) = judged(run())
    assert finding.kind == kind
    assert finding.supported_causes == ((cause,) if cause else ())


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    "run",
    [policy, gan, lambda: autoencoder(weight=0.5), lambda: preferences(noise=0.0), lambda: preferences(noise=0.2)],
)
def test_nothing_is_said_of_a_sound_one(run: Callable[[], Log], seed: int) -> None:
    torch.manual_seed(seed)
    assert not judged(run())
