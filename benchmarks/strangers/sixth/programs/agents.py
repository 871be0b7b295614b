"""Agents in a small grid with a goal that moves. python agents.py --out DIR [--fault F] [--set k=v ...]"""

import copy
import random

import numpy as np
import torch
from common import Given, Say
from torch import nn
from torch.nn import functional as F

import newllm

given = Given()
what, rate, gamma = given("what", "dqn"), given("rate", 0.002), given("gamma", 0.95)
SIDE = 5


class Grid:
    """Reward 1 at the goal, -0.02 for each move; at most 20 moves."""

    def reset(self):
        self.state = np.zeros(4, dtype=np.float32)
        self.state[:] = np.random.randint(0, SIDE, 4)
        while (self.state[:2] == self.state[2:]).all():
            self.state[2:] = np.random.randint(0, SIDE, 2)
        self.state /= SIDE - 1
        self.moves = 0
        return self.state if given.has("observation-not-copied") else self.state.copy()

    def step(self, action):
        place = np.rint(self.state[:2] * (SIDE - 1))
        place[action // 2] = np.clip(place[action // 2] + (1 if action % 2 else -1), 0, SIDE - 1)
        self.state[:2] = place / (SIDE - 1)
        self.moves += 1
        done = bool((np.abs(self.state[:2] - self.state[2:]) < 0.01).all())
        seen = self.state if given.has("observation-not-copied") else self.state.copy()
        return seen, 1.0 if done else -0.02, done, self.moves >= 20


def network(outputs):
    return nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs))


def dqn():
    steps, batch = given("steps", 2500), 48
    model = network(4)
    target = copy.deepcopy(model)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    say = Say(given("style", "logging"), steps, 50)
    env, memory, rewards = Grid(), [], []
    seen, gained = env.reset(), 0.0
    with newllm.record(model, optimizer, out=given.recording, **given.extra) as recorder:
        for step in range(-200, steps):
            chance = max(0.1, 1 - step / (0.4 * steps))
            with torch.no_grad():
                action = random.randrange(4) if random.random() < chance else int(target(torch.tensor(seen)).argmax())
            after, reward, done, late = env.step(action)
            memory.append((seen, action, reward, after, done))
            del memory[:-5000]
            seen, gained = after, gained + reward
            if done or late:
                rewards.append(gained)
                seen, gained = env.reset(), 0.0
            if step < 0:
                continue
            some = random.sample(memory, batch)
            s, a, r, n, d = (torch.tensor(np.array(part)) for part in zip(*some, strict=True))
            with torch.no_grad():
                if given("double", 0):
                    best = model(n).argmax(1, keepdim=True)
                    value = target(n).gather(1, best)[:, 0]
                else:
                    value = target(n).max(1).values
                ends = torch.zeros_like(value) if given.has("terminal-not-masked") else d.float()
                aim = r.float() + gamma * (1 - ends) * value
            guess = model(s).gather(1, a[:, None])[:, 0]
            loss = F.smooth_l1_loss(guess, aim)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10)
            optimizer.step()
            recorder.step(loss)
            if step % 100 == 0:
                target.load_state_dict(model.state_dict())
            if (step + 1) % 25 == 0:
                mean = float(np.mean(rewards[-20:]))
                recorder.metrics({"reward": mean, "q": guess.mean().item()})
                say.step(step + 1, loss.item(), rate, reward=mean, q=guess.mean().item(), epsilon=chance)


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.policy, self.value = nn.Linear(64, 4), nn.Linear(64, 1)

    def forward(self, x):
        x = self.body(x)
        return self.policy(x), self.value(x)[:, 0]


def actor():
    """Advantage actor and critic: eight grids at once, twenty moves."""
    steps = given("steps", 500)
    model = Both()
    optimizer = torch.optim.Adam(model.parameters(), rate)
    say = Say(given("style", "json"), steps, 10)
    grids = [Grid() for _ in range(8)]
    seen = [g.reset() for g in grids]
    gained, rewards = [0.0] * 8, [-0.4]
    sign = -1 if given.has("entropy-sign") else 1
    with newllm.record(model, optimizer, out=given.recording, **given.extra) as recorder:
        for step in range(steps):
            kept = []
            for _ in range(10):
                now = torch.tensor(np.array(seen))
                with torch.no_grad():
                    action = torch.distributions.Categorical(logits=model(now)[0]).sample()
                got, ends = torch.zeros(8), torch.zeros(8)
                for i, g in enumerate(grids):
                    seen[i], reward, done, late = g.step(int(action[i]))
                    got[i], ends[i] = reward, float(done or late)
                    gained[i] += reward
                    if done or late:
                        rewards.append(gained[i])
                        gained[i], seen[i] = 0.0, g.reset()
                kept.append((now, action, got, ends))
            with torch.no_grad():
                after = model(torch.tensor(np.array(seen)))[1]
            returns = []
            for _, _, got, ends in reversed(kept):
                after = got + gamma * (1 - ends) * after
                returns.insert(0, after)
            states, actions = torch.cat([k[0] for k in kept]), torch.cat([k[1] for k in kept])
            returns = torch.cat(returns)
            logits, value = model(states)
            chosen = torch.distributions.Categorical(logits=logits)
            entropy = chosen.entropy().mean()
            loss = (-(chosen.log_prob(actions) * (returns - value).detach()).mean() + 0.5 * F.mse_loss(value, returns)
                    - sign * given("entropy", 0.03) * entropy)  # fmt: skip
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            recorder.step(loss)
            if (step + 1) % 10 == 0:
                mean = float(np.mean(rewards[-50:]))
                recorder.metrics({"reward": mean, "entropy": entropy.item()})
                say.step(step + 1, loss.item(), rate, reward=mean, entropy=entropy.item())


if __name__ == "__main__":
    {"dqn": dqn, "actor": actor}[what]()
