"""A ferry crosses a river with changing currents and must reach the landing: REINFORCE with a learned baseline."""
import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

WIDTH, LENGTH = 7, 9


class Ferry:
    """Many rivers side by side. Actions: up stream, straight on, down stream."""

    def __init__(self, n):
        self.n = n

    def reset(self):
        self.row = torch.randint(WIDTH, (self.n,))
        self.col = torch.zeros(self.n, dtype=torch.long)
        self.goal = torch.randint(WIDTH, (self.n,))
        self.current = torch.randint(3, (self.n,)) - 1
        self.over = torch.zeros(self.n, dtype=torch.bool)
        return self.state()

    def state(self):
        return torch.cat([
            nn.functional.one_hot(self.row, WIDTH).float(),
            nn.functional.one_hot(self.goal, WIDTH).float(),
            (self.col.float() / LENGTH)[:, None],
            self.current.float()[:, None],
        ], dim=1)

    def step(self, action):
        drift = torch.where(torch.rand(self.n) < 0.4, self.current, torch.zeros_like(self.current))
        self.row = torch.where(self.over, self.row, (self.row + action - 1 + drift).clamp(0, WIDTH - 1))
        self.col = torch.where(self.over, self.col, self.col + 1)
        arrived = (self.col >= LENGTH) & ~self.over
        miss = (self.row - self.goal).abs().float()
        reward = torch.where(arrived, 1.0 - 0.4 * miss, torch.zeros(self.n))
        reward = reward - 0.02 * (action != 1).float() * (~self.over).float()
        alive = ~self.over
        self.over = self.over | arrived
        return self.state(), reward, alive


class Pilot(nn.Module):
    def __init__(self, inputs=2 * WIDTH + 2):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.policy, self.value = nn.Linear(64, 3), nn.Linear(64, 1)

    def forward(self, state):
        h = self.trunk(state)
        return self.policy(h), self.value(h).squeeze(-1)


def episode(env, pilot, greedy=False):
    state, log_probs, values, rewards, alive, entropies = env.reset(), [], [], [], [], []
    for _ in range(LENGTH):
        scores, value = pilot(state)
        choice = torch.distributions.Categorical(logits=scores)
        action = scores.argmax(1) if greedy else choice.sample()
        state, reward, live = env.step(action)
        for store, item in ((log_probs, choice.log_prob(action)), (values, value), (rewards, reward),
                            (alive, live.float()), (entropies, choice.entropy())):
            store.append(item)
    rewards = torch.stack(rewards)
    returns = rewards.flip(0).cumsum(0).flip(0)
    return torch.stack(log_probs), torch.stack(values), returns, torch.stack(alive), torch.stack(entropies)


parser = argparse.ArgumentParser()
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--sound", action="store_true")
parser.add_argument("--seed", type=int, default=5)
parser.add_argument("--updates", type=int, default=400)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
pilot = Pilot()
optimizer = torch.optim.Adam(pilot.parameters(), lr=3e-3)
env, tests = Ferry(24), Ferry(200)
args.out.mkdir(parents=True, exist_ok=True)
with (args.out / "log.csv").open("w", newline="") as f, \
        newllm.record(pilot, optimizer, out=args.out / "recording", kind="reinforcement") as recorder:
    log = csv.writer(f)
    log.writerow(["update", "loss", "policy_loss", "value_loss", "entropy", "reward", "greedy_reward"])
    for update in range(1, args.updates + 1):
        log_prob, value, returns, alive, entropy = episode(env, pilot)
        advantage = (returns - value).detach()
        policy_loss = -(advantage * log_prob * alive).sum() / alive.sum()
        value_loss = ((returns - value).square() * alive).sum() / alive.sum()
        spread = (entropy * alive).sum() / alive.sum()
        loss = policy_loss + 0.5 * value_loss - 0.01 * spread
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(pilot.parameters(), 1.0)
        optimizer.step()
        recorder.step(loss)
        reward = returns[0].mean().item()
        recorder.metrics({"reward": reward, "entropy": spread})
        greedy = ""
        if update % 40 == 0:
            with torch.no_grad():
                greedy = episode(tests, pilot, greedy=True)[2][0].mean().item()
            recorder.metrics({"greedy_reward": greedy})
        log.writerow([update, loss.item(), policy_loss.item(), value_loss.item(), spread.item(), reward, greedy])
