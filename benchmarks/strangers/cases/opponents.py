"""Loops of their own: a GAN on points of a plane, and policies that are trained by reward."""

from collections.abc import Callable

import torch
from benchmarks.strangers.cases.data import ring
from benchmarks.strangers.cases.models import mlp
from benchmarks.strangers.cases.registry import Out
from benchmarks.strangers.cases.styles import STYLES
from torch import Tensor, nn
from torch.nn import functional as F


def _row(
    step: int, total: int, loss: float, rate: float, extra: dict[str, float], norm: float = 0.0
) -> dict[str, object]:
    return {
        "step": step,
        "epoch": step // 100,
        "epochs": total // 100,
        "batch": step % 100,
        "batches": 100,
        "size": 64,
        "loss": loss,
        "train": loss,
        "lr": rate,
        "norm": norm,
        "seconds": 0.01,
        "rate": 6400.0,
        "extra": extra,
    }


def gan(
    out: Out,
    *,
    style: str = "csv",
    updates: int = 500,
    rate: float = 1e-3,
    critic_rate: float = 1e-3,
    critic_steps: int = 1,
    wasserstein: bool = False,
    detached: bool = False,
    critic_stops: int | None = None,
    width: int = 64,
) -> None:
    """Train one on eight heaps in a ring.

    Switches:
        critic_steps: of the discriminator for one of the generator.
        detached: the generator's loss is computed on points cut off from the generator.
        critic_stops: from this step on the discriminator is not trained any more.
    """
    generator, critic = mlp(8, 64, 64, 2), mlp(2, width, width, 1, activation=nn.LeakyReLU)
    made = torch.optim.Adam(generator.parameters(), rate, betas=(0.5, 0.999))
    judged = torch.optim.Adam(critic.parameters(), critic_rate, betas=(0.5, 0.999))
    log = STYLES[style]()
    log.open(out.folder)
    points, total = ring(8000, out.seed), out.steps(updates)

    def lost(scores: Tensor, real: bool) -> Tensor:
        if wasserstein:
            return -scores.mean() if real else scores.mean()
        return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, float(real)))

    seen = torch.zeros(())
    for step in range(total):
        for _ in range(critic_steps if critic_stops is None or step < critic_stops else 0):
            real = points[torch.randint(len(points), (64,))]
            judged.zero_grad()
            seen = lost(critic(real), True) + lost(critic(generator(torch.randn(64, 8)).detach()), False)
            seen.backward()
            judged.step()
            if wasserstein:
                with torch.no_grad():
                    for parameter in critic.parameters():
                        parameter.clamp_(-0.1, 0.1)
        made.zero_grad()
        fakes = generator(torch.randn(64, 8))
        fooled = lost(critic(fakes.detach() if detached else fakes), True)
        fooled.backward()
        made.step()
        if step % 2 == 0:
            extra = {"loss_G": fooled.item(), "loss_D": seen.item(), "spread": fakes.std(0).mean().item()}
            log.train(_row(step, total, fooled.item(), rate, extra))
    log.close()


class Corridor:
    """Walk to a goal in a row of cells; each step costs a little, the goal pays one.

    Switches:
        length: cells.
        goal: by update of the policy.
        bug: pays for standing at the left wall, which the reward that is logged as "true_reward" does not.
    """

    def __init__(self, length: int, goal: Callable[[int], int], bug: bool):
        self.length, self.goal, self.bug = length, goal, bug

    def play(self, policy: nn.Module, update: int, episodes: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return log probabilities, entropies, rewards as paid, rewards as meant; each (time, episode)."""
        place = torch.full((episodes,), self.length // 2)
        going = torch.ones(episodes)
        rows: list[tuple[Tensor, ...]] = []
        goal = self.goal(update)
        for _ in range(2 * self.length):
            chances = torch.distributions.Categorical(logits=policy(F.one_hot(place, self.length).float()))
            action = chances.sample()
            moved = (place + 2 * action - 1).clamp(0, self.length - 1)
            there = (moved == goal).float()
            meant = going * (there - 0.02)
            paid = meant + (going * (moved == 0) if self.bug else 0.0)
            rows.append((chances.log_prob(action) * going, chances.entropy() * going, paid, meant))
            going, place = going * (1 - there), moved
        return tuple(torch.stack(part) for part in zip(*rows, strict=True))  # pyrefly: ignore


def policy(
    out: Out, *, style: str = "jsonl", updates: int = 250, rate: float = 1e-2, episodes: int = 16, length: int = 9,
    goal: Callable[[int], int] = lambda update: 8, bug: bool = False, entropy: float = 0.01, sign: float = 1.0,
    baseline: bool = True, optimizer: str = "adam", discount: float = 0.97,
) -> None:  # fmt: skip
    """REINFORCE.

    Switches:
        entropy: weight of its bonus; below zero it is punished.
        sign: of the advantage; -1 is wrong.
    """
    actor = mlp(length, 32, 2, activation=nn.Tanh)
    made = torch.optim.Adam(actor.parameters(), rate)
    if optimizer == "sgd":
        made = torch.optim.SGD(actor.parameters(), rate)
    world, log = Corridor(length, goal, bug), STYLES[style]()
    log.open(out.folder)
    total = out.steps(updates)
    for step in range(total):
        logs, entropies, paid, meant = world.play(actor, step, episodes)
        returns = torch.zeros_like(paid)
        later = torch.zeros(episodes)
        for time in reversed(range(len(paid))):
            later = paid[time] + discount * later
            returns[time] = later
        advantage = returns - (returns.mean(1, keepdim=True) if baseline else 0.0)
        loss = -(sign * advantage * logs).mean() - entropy * entropies.mean()
        made.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(actor.parameters(), 1e30).item()
        made.step()
        extra = {
            "reward": paid.sum(0).mean().item(),
            "entropy": entropies.sum().item() / max(1.0, (logs != 0).sum().item()),
        }
        if bug:
            extra["episode_success"] = (meant > 0.5).any(0).float().mean().item()
        log.train(_row(step, total, loss.item(), rate, extra, norm))
    log.close()
