"""Policy gradient: choose one of six levers from what the machine shows; the reward is mostly chance."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn
from torch.distributions import Categorical

import newllm

LEVERS, SIGNS, STEPS = 6, 12, 800


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(19)
    worth = torch.randn(SIGNS, LEVERS)
    policy = nn.Sequential(nn.Linear(SIGNS, 32), nn.Tanh(), nn.Linear(32, LEVERS))
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
    baseline = 0.0
    with (
        (args.out / "log.csv").open("w", newline="") as file,
        newllm.record(policy, optimizer, args.out / "recording", kind="reinforcement") as recorder,
    ):
        log = csv.writer(file)
        log.writerow(["step", "policy_loss", "mean_reward", "entropy"])
        for step in range(STEPS):
            signs = torch.randn(32, SIGNS)
            choice = Categorical(logits=policy(signs))
            lever = choice.sample()
            reward = (signs @ worth).gather(1, lever[:, None])[:, 0] + 2 * torch.randn(32)
            entropy = choice.entropy().mean()
            loss = -(choice.log_prob(lever) * (reward - baseline)).mean() - 0.01 * entropy
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            baseline += 0.05 * (reward.mean().item() - baseline)
            recorder.step(loss)
            recorder.metrics({"reward": reward.mean().item(), "entropy": entropy.item()})
            log.writerow([step, loss.item(), reward.mean().item(), entropy.item()])
            if step % 100 == 99:
                print(step, loss.item(), baseline, entropy.item())


if __name__ == "__main__":
    main()
