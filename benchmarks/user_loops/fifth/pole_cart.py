# DQN on the cart with the pole (own physics, sixteen carts at once)
import argparse
import csv
import os
from collections import deque

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm


def parse_args():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--num-envs", type=int, default=16)
    p.add_argument("--learning-rate", type=float, default=1e-3)
    p.add_argument("--buffer-size", type=int, default=30000)
    p.add_argument("--gamma", type=float, default=0.97)
    p.add_argument("--target-network-frequency", type=int, default=40)
    p.add_argument("--batch-size", type=int, default=256)
    p.add_argument("--start-e", type=float, default=1)
    p.add_argument("--end-e", type=float, default=0.05)
    p.add_argument("--exploration", type=int, default=400)
    p.add_argument("--updates", type=int, default=900)
    return p.parse_args()


class Carts:
    def __init__(self, n, seed):
        self.r = np.random.default_rng(seed)
        self.s = self.r.uniform(-.05, .05, (n, 4))
        self.t = np.zeros(n, int)

    def step(self, a):
        x, v, th, w = self.s.T
        f = np.where(a == 1, 10., -10.)
        tmp = (f + .05 * w ** 2 * np.sin(th)) / 1.1
        acc = (9.8 * np.sin(th) - np.cos(th) * tmp) / (.5 * (4 / 3 - .1 * np.cos(th) ** 2 / 1.1))
        xa = tmp - .05 * acc * np.cos(th) / 1.1
        self.s = np.stack([x + .02 * v, v + .02 * xa, th + .02 * w, w + .02 * acc], 1)
        self.t += 1
        term = (abs(self.s[:, 0]) > 2.4) | (abs(self.s[:, 2]) > .2095)
        trunc = self.t >= 200
        final, length, over = self.s.copy(), self.t.copy(), term | trunc
        self.s[over] = self.r.uniform(-.05, .05, (over.sum(), 4))
        self.t[over] = 0
        return final, term, over, length


class QNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(nn.Linear(4, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 2))

    def forward(self, x):
        return self.network(x)


def linear_schedule(start_e, end_e, duration, t):
    return max((end_e - start_e) / duration * t + start_e, end_e)


def evaluate(q, n=20):
    env, done, total = Carts(n, 99), np.zeros(n, bool), np.zeros(n)
    for _ in range(200):
        with torch.no_grad():
            a = q(torch.tensor(env.s, dtype=torch.float32)).argmax(1).numpy()
        _, _, over, _ = env.step(a)
        total += ~done
        done |= over
    return total.mean()


args = parse_args()
os.makedirs(args.out, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(args.seed)
rng = np.random.default_rng(args.seed)
envs = Carts(args.num_envs, args.seed)
q_network, target_network = QNetwork(), QNetwork()
target_network.load_state_dict(q_network.state_dict())
optimizer = torch.optim.Adam(q_network.parameters(), lr=args.learning_rate)
N = args.buffer_size
rb = {"obs": np.zeros((N, 4), "f4"), "next": np.zeros((N, 4), "f4"), "act": np.zeros(N, int), "done": np.zeros(N, "f4")}
ptr = size = 0
episodes = deque(maxlen=40)
with newllm.record(q_network, optimizer, out=os.path.join(args.out, "recording"), kind="reinforcement") as recorder, open(os.path.join(args.out, "log.csv"), "w") as fh:
    writer = csv.writer(fh)
    writer.writerow(["update", "losses/td_loss", "losses/q_values", "charts/epsilon", "charts/episodic_length", "eval/episodic_return"])
    for update in range(1, args.updates + 1):
        epsilon = linear_schedule(args.start_e, args.end_e, args.exploration, update)
        for _ in range(8):
            obs = envs.s.astype("f4")
            with torch.no_grad():
                actions = q_network(torch.from_numpy(obs)).argmax(1).numpy()
            explore = rng.random(args.num_envs) < epsilon
            actions[explore] = rng.integers(0, 2, explore.sum())
            final, term, over, length = envs.step(actions)
            episodes.extend(length[over].tolist())
            at = (ptr + np.arange(args.num_envs)) % N
            rb["obs"][at], rb["next"][at], rb["act"][at], rb["done"][at] = obs, final, actions, term
            ptr, size = (ptr + args.num_envs) % N, min(size + args.num_envs, N)
        k = rng.integers(0, size, args.batch_size)
        data = {n: torch.from_numpy(v[k]) for n, v in rb.items()}
        with torch.no_grad():
            target_max = target_network(data["next"]).max(1).values
            td_target = 1.0 + args.gamma * target_max
            if args.sound:
                td_target = 1.0 + args.gamma * target_max * (1 - data["done"])
        old_val = q_network(data["obs"]).gather(1, data["act"][:, None]).squeeze()
        loss = F.mse_loss(td_target, old_val)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recorder.step(loss)
        if update % args.target_network_frequency == 0:
            target_network.load_state_dict(q_network.state_dict())
        ret = ""
        if update % 50 == 0:
            ret = float(evaluate(q_network))
            recorder.metrics({"reward": ret})
            print(update, round(loss.item(), 3), round(old_val.mean().item(), 2), round(epsilon, 2), np.mean(episodes), ret)
        if update % 5 == 0:
            writer.writerow([update, loss.item(), old_val.mean().item(), epsilon, np.mean(episodes) if episodes else "", ret])
