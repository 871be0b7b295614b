"""Double DQN that balances a pole on a cart; sixty-four carts collect experience side by side."""
import copy
import math
import random
import sys

import newllm
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)

LIMIT = 300


class Carts:
    """The cart and pole of Barto, Sutton and Anderson, many at once; a reward of up to 1 for each step, more near the middle of the track."""

    def __init__(self, count, rng):
        self.count, self.rng = count, rng
        self.state = self.start(count)
        self.age = np.zeros(count, dtype=int)

    def start(self, count):
        return self.rng.uniform(-1, 1, (count, 4)) * [1.5, 0.5, 0.08, 0.5]

    def step(self, actions):
        x, speed, angle, turning = self.state.T
        force = np.where(actions == 1, 10.0, -10.0)
        push = (force + 0.05 * turning**2 * np.sin(angle)) / 1.1
        bend = (9.8 * np.sin(angle) - np.cos(angle) * push) / (0.5 * (4 / 3 - 0.1 * np.cos(angle) ** 2 / 1.1))
        thrust = push - 0.05 * bend * np.cos(angle) / 1.1
        after = np.stack([x + 0.02 * speed, speed + 0.02 * thrust, angle + 0.02 * turning, turning + 0.02 * bend], 1)
        self.age += 1
        terminated = (abs(after[:, 0]) > 2.4) | (abs(after[:, 2]) > 12 * math.pi / 180)
        over = terminated | (self.age >= LIMIT)
        self.state = after.copy()
        self.state[over] = self.start(over.sum())
        self.age[over] = 0
        return after, 1 - abs(after[:, 0]) / 2.4, terminated, over


class Replay:
    def __init__(self, capacity):
        self.capacity, self.size, self.next = capacity, 0, 0
        self.states, self.afters = torch.zeros(capacity, 4), torch.zeros(capacity, 4)
        self.actions, self.rewards, self.terminated = torch.zeros(capacity, dtype=torch.long), torch.zeros(capacity), torch.zeros(capacity)

    def add(self, states, actions, rewards, afters, terminated):
        rows = (self.next + np.arange(len(states))) % self.capacity
        self.states[rows] = torch.as_tensor(states, dtype=torch.float32)
        self.actions[rows] = torch.as_tensor(actions)
        self.rewards[rows] = torch.as_tensor(rewards, dtype=torch.float32)
        self.afters[rows] = torch.as_tensor(afters, dtype=torch.float32)
        self.terminated[rows] = torch.as_tensor(terminated, dtype=torch.float32)
        self.next = (self.next + len(states)) % self.capacity
        self.size = min(self.size + len(states), self.capacity)

    def sample(self, count):
        rows = torch.randint(0, self.size, (count,))
        return self.states[rows], self.actions[rows], self.rewards[rows], self.afters[rows], self.terminated[rows]


class QNet(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2))
        self.register_buffer("scale", torch.tensor([1.2, 1.5, 0.12, 1.5]))

    def forward(self, states):
        return self.layers(states / self.scale)


def td_loss(model, target, batch, gamma):
    states, actions, rewards, afters, terminated = batch
    value = model(states).gather(1, actions[:, None]).squeeze(1)
    with torch.no_grad():
        best = model(afters).argmax(1, keepdim=True)
        following = target(afters).gather(1, best).squeeze(1)
        wanted = rewards + gamma * following
    return F.smooth_l1_loss(value, wanted)


@torch.no_grad()
def play(model, gamma, episodes=40):
    """Greedy episodes: their mean length, and how far the value of the first state is from the return that came."""
    carts = Carts(episodes, np.random.default_rng(99))
    promised = model(torch.as_tensor(carts.state, dtype=torch.float32)).max(1).values
    length, came, alive = np.zeros(episodes), np.zeros(episodes), np.ones(episodes, dtype=bool)
    while alive.any():
        actions = model(torch.as_tensor(carts.state, dtype=torch.float32)).argmax(1).numpy()
        _, rewards, _, over = carts.step(actions)
        came += alive * gamma**length * rewards
        length += alive
        alive &= ~over
    return length.mean(), F.smooth_l1_loss(promised, torch.as_tensor(came, dtype=torch.float32)).item()


def main(name, seed=2):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    gamma, updates, tau = 0.98, 2000, 0.05
    carts, replay = Carts(64, rng), Replay(140000)
    model = QNet()
    target = copy.deepcopy(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, updates)
    with newllm.record(model, optimizer, out=f"runs/{name}") as recorder:
        for update in range(-60, updates + 1):
            epsilon = max(0.05, 1 - max(update, 0) / 1000)
            states = carts.state.copy()
            with torch.no_grad():
                actions = model(torch.as_tensor(states, dtype=torch.float32)).argmax(1).numpy()
            explore = rng.random(carts.count) < epsilon
            actions = np.where(explore, rng.integers(0, 2, carts.count), actions)
            afters, rewards, terminated, _ = carts.step(actions)
            replay.add(states, actions, rewards, afters, terminated)
            if update < 1:
                continue
            loss = td_loss(model, target, replay.sample(256), gamma)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            scheduler.step()
            with torch.no_grad():
                for slow, fast in zip(target.parameters(), model.parameters()):
                    slow.lerp_(fast, tau)
            recorder.step(loss)
            if update % 100 == 0:
                steps, error = play(model, gamma)
                recorder.validation(error)
                recorder.metrics({"episode_length": steps})
                print(f"update {update:4d}  td loss {loss.item():.4f}  value error {error:7.3f}  episode {steps:6.1f}")


if __name__ == "__main__":
    main(sys.argv[1])
