"""REINFORCE with a learned baseline: walk along a ledge of 10 x 3 fields to the hut. Later in the training there is wind."""
import argparse
import csv
import os

import torch
import torch.nn as nn

import newllm

L, W, HORIZON = 10, 3, 22
MOVES = torch.tensor([[1, 0], [0, 1], [0, -1], [-1, 0]])


class Ledge:
    """Many walkers at once. Falling off the ledge ends the walk with -1, the hut gives +1, each step costs 0.02, each field ahead gives 0.05."""

    def __init__(self, n):
        self.n, self.wind = n, 0.0

    def reset(self):
        self.pos = torch.stack([torch.zeros(self.n).long(), torch.randint(0, W, (self.n,))], 1)
        self.alive = torch.ones(self.n, dtype=torch.bool)
        return self.obs()

    def obs(self):
        return nn.functional.one_hot(self.pos[:, 0].clamp(0, L - 1) * W + self.pos[:, 1].clamp(0, W - 1), L * W).float()

    def step(self, a):
        before = self.pos[:, 0].clone()
        move = MOVES[a].clone()
        gust = torch.rand(self.n) < self.wind
        move[gust] = torch.tensor([0, 1])
        self.pos = torch.where(self.alive[:, None], self.pos + move, self.pos)
        self.pos[:, 0].clamp_(min=0)
        ahead = (self.pos[:, 0] - before).float()
        fell = (self.pos[:, 1] < 0) | (self.pos[:, 1] >= W)
        home = ~fell & (self.pos[:, 0] >= L - 1)
        r = torch.where(self.alive, -0.02 + 0.05 * ahead - 1.0 * fell + 1.0 * home, 0.0)
        was = self.alive.clone()
        self.alive = self.alive & ~fell & ~home
        return self.obs(), r, was, home & was


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(L * W, 64), nn.Tanh(), nn.Linear(64, 4))

    def forward(self, o):
        return self.net(o)


def walk(env, policy, greedy=False):
    o, os_, acts, rs, masks, home = env.reset(), [], [], [], [], torch.zeros(env.n, dtype=torch.bool)
    with torch.no_grad():
        for _ in range(HORIZON):
            logits = policy(o)
            a = logits.argmax(1) if greedy else torch.distributions.Categorical(logits=logits).sample()
            os_.append(o)
            o, r, was, h = env.step(a)
            acts.append(a)
            rs.append(r)
            masks.append(was)
            home |= h
            if not env.alive.any():
                break
    ret, out = torch.zeros(env.n), []
    for r in reversed(rs):
        ret = r + 0.97 * ret
        out.append(ret)
    m = torch.stack(masks)
    return torch.stack(os_)[m], torch.stack(acts)[m], torch.stack(out[::-1])[m], torch.stack(rs).sum(0).mean().item(), home.float().mean().item()


ap = argparse.ArgumentParser()
ap.add_argument("--out", required=True)
ap.add_argument("--sound", action="store_true")
args = ap.parse_args()
os.makedirs(args.out, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(17)
env = Ledge(24)
policy = Policy()
critic = nn.Sequential(nn.Linear(L * W, 64), nn.Tanh(), nn.Linear(64, 1))
opt_p = torch.optim.Adam(policy.parameters(), lr=3e-3)
opt_v = torch.optim.Adam(critic.parameters(), lr=1e-2)
f = open(os.path.join(args.out, "log.csv"), "w", newline="")
w = csv.writer(f)
w.writerow(["update", "policy_loss", "value_loss", "entropy", "reward", "reached_hut"])
with newllm.record(policy, opt_p, out=os.path.join(args.out, "recording"), kind="reinforcement") as rec:
    for u in range(1, 421):
        if u == 251:
            env.wind = 0.1
            rec.note(u, "wind from now on")
        o, a, g, reward, hut = walk(env, policy)
        v = critic(o).squeeze(1)
        vloss = ((v - g) ** 2).mean()
        opt_v.zero_grad()
        vloss.backward()
        opt_v.step()
        adv = g - v.detach()
        dist = torch.distributions.Categorical(logits=policy(o))
        ent = dist.entropy().mean()
        loss = -(dist.log_prob(a) * adv).mean() - 0.08 * ent
        opt_p.zero_grad()
        loss.backward()
        opt_p.step()
        rec.step(loss)
        rec.metrics({"reward": reward})
        w.writerow([u, loss.item(), vloss.item(), ent.item(), reward, hut])
        if u % 50 == 0:
            print(u, loss.item(), vloss.item(), ent.item(), reward, hut)
f.close()
