"""Keeps a pole upright by search: many slightly changed policies are tried, the better ones pull the weights."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

PAIRS, NOISE, STEPS = 24, 0.1, 60


def make_policy():
    return nn.Sequential(nn.Linear(4, 10), nn.Tanh(), nn.Linear(10, 1), nn.Tanh())


def act(weights, state):
    """The same policy for a whole population: one row of flat weights per candidate, several poles each."""
    a, b, c, d = weights.split([40, 10, 10, 1], 1)
    hidden = torch.tanh(torch.einsum("pni,phi->pnh", state, a.view(-1, 10, 4)) + b[:, None])
    return torch.tanh(torch.einsum("pnh,ph->pn", hidden, c) + d)


def upright(weights, starts):
    """Mean reward of each candidate over a walk; a fallen pole earns nothing more."""
    state = starts[None].repeat(len(weights), 1, 1)
    alive = torch.ones(state.shape[:2])
    total = torch.zeros(state.shape[:2])
    for _ in range(STEPS):
        x, v, tilt, spin = state.unbind(-1)
        force = 12 * act(weights, state)
        turn = 11 * torch.sin(tilt) - torch.cos(tilt) * force
        state = torch.stack([x + 0.04 * v, v + 0.04 * force, tilt + 0.04 * spin, spin + 0.04 * turn], -1)
        alive = alive * ((state[..., 2].abs() < 0.5) & (state[..., 0].abs() < 2.4)).float()
        total += alive * (1 - 0.1 * state[..., 0].abs())
    return total.mean(1) / STEPS


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(40)
    policy = make_policy()
    parameters = list(policy.parameters())
    optimizer = torch.optim.Adam(parameters, lr=0.02)
    test_starts = (torch.rand(200, 4) - 0.5) * torch.tensor([1.0, 0.6, 0.3, 0.6])
    rows = [["generation", "loss", "population_reward", "test_reward"]]
    with newllm.record(policy, optimizer, args.out / "recording", kind="reinforcement") as recorder:
        for generation in range(400):
            centre = nn.utils.parameters_to_vector(parameters).detach()
            change = torch.randn(PAIRS, len(centre))
            starts = (torch.rand(6, 4) - 0.5) * torch.tensor([1.0, 0.6, 0.3, 0.6])
            rewards = upright(torch.cat([centre + NOISE * change, centre - NOISE * change]), starts)
            ranks = rewards.argsort().argsort().float() / (len(rewards) - 1) - 0.5
            slope = ((ranks[:PAIRS] - ranks[PAIRS:])[:, None] * change).mean(0) / NOISE
            place = 0
            for p in parameters:
                p.grad = -slope[place : place + p.numel()].view_as(p).clone()
                place += p.numel()
            optimizer.step()
            loss = -rewards.mean()
            recorder.step(loss)
            test = ""
            if generation % 40 == 39:
                centre = nn.utils.parameters_to_vector(parameters).detach()
                test = upright(centre[None], test_starts).item()
                recorder.metrics({"test_reward": test})
                print(generation, rewards.mean().item(), test)
            rows.append([generation, loss.item(), rewards.mean().item(), test])
    with open(args.out / "log.csv", "w", newline="") as f:
        csv.writer(f).writerows(rows)


if __name__ == "__main__":
    main()
