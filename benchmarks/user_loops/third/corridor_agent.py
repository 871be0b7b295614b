"""A walker in a corridor: a coin lies two steps to the left, a chest eleven steps to the right. Actor and critic."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

CELLS, START, STEPS, WALKERS = 15, 3, 20, 32


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(CELLS, 32), nn.Tanh())
        self.policy = nn.Linear(32, 2)
        self.value = nn.Linear(32, 1)

    def forward(self, cell):
        h = self.body(nn.functional.one_hot(cell, CELLS).float())
        return self.policy(h), self.value(h)[..., 0]


def play(agent):
    """Let all walkers walk once. A coin (1) or the chest (6) ends the way."""
    cell = torch.full((WALKERS,), START)
    alive = torch.ones(WALKERS)
    cells, actions, rewards, masks = [], [], [], []
    for _ in range(STEPS):
        with torch.no_grad():
            action = torch.distributions.Categorical(logits=agent(cell)[0]).sample()
        cells.append(cell)
        actions.append(action)
        masks.append(alive)
        cell = (cell + 2 * action - 1).clamp(1, CELLS - 1)
        reward = alive * ((cell == 1).float() + 6.0 * (cell == CELLS - 1).float())
        rewards.append(reward)
        alive = alive * (reward == 0).float()
    returns = []
    total = torch.zeros(WALKERS)
    for reward in reversed(rewards):
        total = reward + 0.97 * total
        returns.insert(0, total)
    return torch.stack(cells), torch.stack(actions), torch.stack(returns), torch.stack(masks), sum(rewards).mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--entropy", type=float, default=0.3)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(8)
    agent = Agent()
    optimizer = torch.optim.Adam(agent.parameters(), lr=3e-3)
    sign = -1 if args.sound else 1
    with (
        newllm.record(agent, optimizer, args.out / "recording", kind="reinforcement", config=args) as recorder,
        open(args.out / "log.csv", "w", newline="") as f,
    ):
        out = csv.writer(f)
        out.writerow(["iteration", "loss", "policy_loss", "value_loss", "entropy", "reward"])
        for iteration in range(400):
            cells, actions, returns, mask, reward = play(agent)
            logits, values = agent(cells)
            policy = torch.distributions.Categorical(logits=logits)
            advantage = returns - values.detach()
            count = mask.sum()
            policy_loss = -(policy.log_prob(actions) * advantage * mask).sum() / count
            value_loss = ((values - returns) ** 2 * mask).sum() / count
            entropy = (policy.entropy() * mask).sum() / count
            loss = policy_loss + 0.5 * value_loss + sign * args.entropy * entropy
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 1.0)
            optimizer.step()
            recorder.step(loss)
            recorder.metrics({"reward": reward.item(), "entropy": entropy.item()})
            row = [v.item() for v in (loss, policy_loss, value_loss, entropy, reward)]
            out.writerow([iteration, *row])
            if iteration % 50 == 0:
                print(iteration, " ".join(f"{v:.3f}" for v in row))


if __name__ == "__main__":
    main()
