"""Plain loop: a policy that walks to the goal of a small grid, or chooses arms by a context, by REINFORCE."""

import torch
from common import Printer, start
from torch import nn
from torch.nn import functional as F

import newllm

o = start(what="grid", steps=250, games=16, rate=3e-3, entropy=0.01, discount=0.95, kind="reinforcement")
say = Printer(o.style)
SIDE, LIMIT = 5, 20
MOVES = torch.tensor([[0, 1], [0, -1], [1, 0], [-1, 0]])
inputs, actions = (4 * SIDE, 4) if o.what == "grid" else (8, 5)
arms = torch.randn(8, 5)
model = nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, actions + 1))
optimizer = torch.optim.Adam(model.parameters(), lr=o.rate)


def choose(state):
    """Log probability of what is done, entropy, value, action."""
    out = model(state)
    chances = torch.distributions.Categorical(logits=out[:, :-1])
    action = chances.sample()
    judged = chances.sample() if o.fault == "log-prob-of-another-action" else action
    return chances.log_prob(judged), chances.entropy(), out[:, -1], action


def play_grid():
    """Games side by side: returns, log probabilities, entropies, values, which moves count, rewards by game."""
    at, goal = torch.randint(0, SIDE, (o.games, 2)), torch.randint(0, SIDE, (o.games, 2))
    going = (at != goal).any(1)
    logs, entropies, values, rewards, counts = [], [], [], [], []
    for _ in range(LIMIT):
        state = torch.cat([F.one_hot(p, SIDE).flatten(1) for p in (at, goal)], 1).float()
        log, entropy, value, action = choose(state)
        at = torch.where(going[:, None], (at + MOVES[action]).clamp(0, SIDE - 1), at)
        there = (at == goal).all(1)
        reward = torch.where(going, there.float() - 0.05, torch.zeros(()))
        for kept, new in zip(
            (logs, entropies, values, rewards, counts), (log, entropy, value, reward, going), strict=True
        ):
            kept.append(new)
        going = going & ~there
    returns, total = [], torch.zeros(o.games)
    for reward in reversed(rewards):
        total = reward + o.discount * total
        returns.insert(0, total)
    stacked = [torch.stack(p) for p in (returns, logs, entropies, values, counts)]
    return *stacked, torch.stack(rewards).sum(0)


def play_arms():
    """One choice for each context."""
    context = torch.randn(o.games, 8)
    log, entropy, value, action = choose(context)
    reward = torch.tanh((context @ arms).gather(1, action[:, None])[:, 0]) + 0.5 * torch.randn(o.games)
    return reward, log, entropy, value, torch.ones(o.games, dtype=torch.bool), reward


play = play_grid if o.what == "grid" else play_arms
recent = []
with newllm.record(
    model, optimizer, out=o.out / "recording", **({"kind": o.kind} if o.kind != "none" else {})
) as recorder:
    for step in range(o.steps):
        returns, logs, entropies, values, counts, rewards = play()
        advantage = (returns - values).detach()
        loss = (-logs * advantage - o.entropy * entropies + 0.5 * (returns - values) ** 2)[counts].mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recorder.step(loss)
        reward = rewards.mean().item()
        recorder.metrics({"reward": reward})
        recent = [*recent[-19:], reward]
        if step % 10 == 9:
            mean = sum(recent) / len(recent)
            say(update=step + 1, loss=loss.item(), mean_reward=mean, entropy=entropies[counts].mean().item())
