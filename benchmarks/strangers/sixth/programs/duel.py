"""Generators against critics, on points around a ring. python duel.py --out DIR [--fault F] [--set k=v ...]"""

import math

import torch
from common import Given, Say
from torch import nn
from torch.nn import functional as F

import newllm

given = Given()
what, steps, batch = given("what", "plain"), given("steps", 900), 64
rate = given("rate", 0.0007)
say = Say(given("style", "json"), steps, 20)


def points(count):
    angle = torch.randint(8, (count,)) * (math.pi / 4)
    return torch.stack([angle.cos(), angle.sin()], 1) * 1.5 + 0.1 * torch.randn(count, 2)


def net(inputs, outputs, end=()):
    return nn.Sequential(nn.Linear(inputs, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2),
                         nn.Linear(64, outputs), *end)  # fmt: skip


def distance(a, b):
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


def penalty(critic, real, fake):
    share = torch.rand(len(real), 1)
    between = (share * real + (1 - share) * fake).requires_grad_()
    slope = torch.autograd.grad(critic(between).sum(), between, create_graph=True)[0]
    return ((slope.norm(dim=1) - 1) ** 2).mean()


def main():
    make, critic = net(8, 2), net(2, 1)
    held = points(500)
    parameters = list(make.parameters())
    if given.has("one-optimizer-holds-both"):
        parameters += list(critic.parameters())
    optimizer = torch.optim.Adam(parameters, rate, betas=(given("beta", 0.5), 0.9))
    other = torch.optim.Adam(critic.parameters(), rate * given("ratio", 1.0), betas=(given("beta", 0.5), 0.9))
    ones, zeros = torch.ones(batch, 1), torch.zeros(batch, 1)
    with newllm.record(make, optimizer, out=given.recording, **given.extra) as recorder:
        for step in range(steps):
            for _ in range(given("critic", 3) if what == "wgan" else 1):
                real, fake = points(batch), make(torch.randn(batch, 8)).detach()
                if what == "wgan":
                    judged = critic(fake).mean() - critic(real).mean() + 10 * penalty(critic, real, fake)
                elif what == "squares":
                    judged = ((critic(real) - 1) ** 2).mean() + (critic(fake) ** 2).mean()
                else:
                    judged = (F.binary_cross_entropy_with_logits(critic(real), ones * given("soft", 1.0))
                              + F.binary_cross_entropy_with_logits(critic(fake), zeros))  # fmt: skip
                other.zero_grad()
                judged.backward()
                other.step()
            scores = critic(make(torch.randn(batch, 8)))
            if what == "squares":
                loss = ((scores - 1) ** 2).mean()
            else:
                loss = -scores.mean() if what == "wgan" else F.binary_cross_entropy_with_logits(scores, ones)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            recorder.metrics({"critic_loss": judged.item()})
            say.step(step + 1, loss.item(), rate, critic=judged.item())
            if (step + 1) % 60 == 0:
                make.eval()
                with torch.no_grad():
                    value = distance(make(torch.randn(500, 8)), held)
                make.train()
                recorder.metrics({"energy_distance": value})
                say.judged(step + 1, (step + 1) // 60, loss.item(), value)


if __name__ == "__main__":
    main()
