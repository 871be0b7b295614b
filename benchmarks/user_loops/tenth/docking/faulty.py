"""DDPG docks a boat: many boats at once, continuous thrust, replay memory, slow copies of both networks."""

import copy
import sys

import torch
from torch import nn

import newllm

torch.set_num_threads(1)
torch.manual_seed(4)

BOATS, HORIZON = 32, 60
UPDATES, BATCH = 800, 1024
GAMMA, TAU = 0.97, 0.01


class Harbour:
    """State: place (2), velocity (2), current (2). Reward: nearer and slower is better, thrust costs."""

    def __init__(self, n, seed):
        self.g = torch.Generator().manual_seed(seed)
        self.n = n
        self.reset()

    def draw(self, n):
        place = torch.rand(n, 2, generator=self.g) * 2 - 1
        velocity = 0.3 * torch.randn(n, 2, generator=self.g)
        current = 0.3 * torch.randn(n, 2, generator=self.g)
        return torch.cat([place, velocity, current], 1)

    def reset(self):
        self.state = self.draw(self.n)
        self.age = torch.randint(HORIZON, (self.n,), generator=self.g)
        return self.state

    def step(self, thrust):
        place, velocity, current = self.state[:, :2], self.state[:, 2:4], self.state[:, 4:]
        velocity = 0.9 * velocity + 0.15 * thrust + 0.1 * current
        place = (place + 0.2 * velocity).clamp(-2, 2)
        reward = -(place ** 2).sum(1) - 0.1 * (velocity ** 2).sum(1) - 0.02 * (thrust ** 2).sum(1)
        after = torch.cat([place, velocity, current], 1)
        self.age += 1
        over = self.age >= HORIZON
        self.state = torch.where(over[:, None], self.draw(self.n), after)
        self.age[over] = 0
        return after, reward


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 2), nn.Tanh())

    def forward(self, s):
        return self.net(s)


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 192), nn.ReLU(), nn.Linear(192, 192), nn.ReLU(), nn.Linear(192, 1))

    def forward(self, s, a):
        return self.net(torch.cat([s, a], 1)).squeeze(-1)


@torch.no_grad()
def cost(actor):
    """The mean cost of an episode of 200 boats that nobody trained on, without exploration."""
    harbour = Harbour(200, 999)
    harbour.age[:] = 0
    total = 0.0
    for _ in range(HORIZON - 1):
        _, reward = harbour.step(actor(harbour.state))
        total -= reward.mean().item()
    return total


actor, critic = Actor(), Critic()
slow_actor, slow_critic = copy.deepcopy(actor), copy.deepcopy(critic)
actor_optimizer = torch.optim.Adam(actor.parameters(), lr=1e-3)
critic_optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3)

harbour = Harbour(BOATS, 1)
memory = []


def play(explore):
    s = harbour.state
    with torch.no_grad():
        a = (actor(s) + explore * torch.randn(BOATS, 2)).clamp(-1, 1)
    after, reward = harbour.step(a)
    memory.append((s, a, reward, after))


for _ in range(60):
    play(1.0)

run = newllm.record(critic, critic_optimizer, out="runs/" + sys.argv[1])
for update in range(1, UPDATES + 1):
    for _ in range(2):
        play(0.2)
    picked = torch.randint(len(memory), (BATCH // BOATS,)).tolist()
    s, a, r, after = (torch.cat(part) for part in zip(*(memory[i] for i in picked)))

    with torch.no_grad():
        target = r + GAMMA * slow_critic(after, slow_actor(after))
    q = critic(s, a)
    critic_loss = nn.functional.mse_loss(q, target)
    critic_loss.backward()
    critic_optimizer.step()
    run.step(critic_loss)
    critic_optimizer.zero_grad()

    actor_optimizer.zero_grad()
    actor_loss = -critic(s, actor(s)).mean()
    actor_loss.backward()
    actor_optimizer.step()

    with torch.no_grad():
        for fast, slow in ((actor, slow_actor), (critic, slow_critic)):
            for p, q_ in zip(fast.parameters(), slow.parameters()):
                q_.lerp_(p, TAU)

    run.metrics({"actor_loss": actor_loss.item(), "q_mean": q.mean().item(), "reward_mean": r.mean().item()})
    if update % 40 == 0:
        value = cost(actor)
        run.validation(value)
        print(f"{update:4d}  critic {critic_loss.item():.3f}  actor {actor_loss.item():.3f}  q {q.mean().item():.2f}  val {value:.2f}", flush=True)
run.close()
print(f"final cost {cost(actor):.2f}")
