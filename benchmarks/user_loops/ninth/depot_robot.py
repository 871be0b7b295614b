"""A robot learns to bring a box to its door in a small depot: deep Q-learning with a replay memory."""
import argparse
import collections
import copy
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

SIZE, LIMIT, GAMMA = 5, 20, 0.95
WALLS = {(1, 1), (1, 2), (3, 3), (3, 4)}
MOVES = torch.tensor([[0, 1], [0, -1], [1, 0], [-1, 0]])


class Depot:
    def __init__(self, n):
        self.n = n
        self.free = torch.tensor([(r, c) for r in range(SIZE) for c in range(SIZE) if (r, c) not in WALLS])
        self.blocked = torch.zeros(SIZE, SIZE, dtype=torch.bool)
        for r, c in WALLS:
            self.blocked[r, c] = True
        self.place, self.door = self.draw(n), self.draw(n)
        self.age = torch.zeros(n, dtype=torch.long)

    def draw(self, n):
        return self.free[torch.randint(len(self.free), (n,))]

    def state(self):
        one = nn.functional.one_hot
        return torch.cat([one(self.place[:, 0] * SIZE + self.place[:, 1], SIZE * SIZE),
                          one(self.door[:, 0] * SIZE + self.door[:, 1], SIZE * SIZE)], dim=1).float()

    def step(self, action):
        there = (self.place + MOVES[action]).clamp(0, SIZE - 1)
        there = torch.where(self.blocked[there[:, 0], there[:, 1]][:, None], self.place, there)
        self.place, self.age = there, self.age + 1
        home = (self.place == self.door).all(1)
        reward = home.float() - 0.02
        after = self.state()
        renew = home | (self.age >= LIMIT)
        self.place = torch.where(renew[:, None], self.draw(self.n), self.place)
        self.door = torch.where(renew[:, None], self.draw(self.n), self.door)
        self.age[renew] = 0
        return reward, home.float(), after


class Memory:
    def __init__(self, capacity, ring):
        self.capacity, self.ring, self.count = capacity, ring, 0
        self.state = torch.zeros(capacity, 2 * SIZE * SIZE)
        self.after = torch.zeros(capacity, 2 * SIZE * SIZE)
        self.rest = [None] * capacity if ring else collections.deque(maxlen=capacity)

    def add(self, state, action, reward, home, after):
        for s, a, r, h, s2 in zip(state, action.tolist(), reward.tolist(), home.tolist(), after):
            at = self.count % self.capacity
            self.state[at], self.after[at] = s, s2
            if self.ring:
                self.rest[at] = (a, r, h)
            else:
                self.rest.append((a, r, h))
            self.count += 1

    def sample(self, n):
        rows = torch.randint(min(self.count, self.capacity), (n,))
        action, reward, home = zip(*(self.rest[i] for i in rows.tolist()))
        return self.state[rows], torch.tensor(action), torch.tensor(reward), torch.tensor(home), self.after[rows]


@torch.no_grad()
def greedy_success(q, n=200):
    env, done = Depot(n), torch.zeros(n, dtype=torch.bool)
    for _ in range(LIMIT):
        action = q(env.state()).argmax(1)
        done |= env.step(action)[1] > 0.5
    return done.float().mean().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--seed", type=int, default=33)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    q = nn.Sequential(nn.Linear(2 * SIZE * SIZE, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 4))
    target = copy.deepcopy(q)
    optimizer = torch.optim.Adam(q.parameters(), lr=1e-3)
    env, memory = Depot(16), Memory(6400, ring=args.sound)
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "log.csv").open("w", newline="") as f, \
            newllm.record(q, optimizer, out=args.out / "recording", kind="reinforcement") as recorder:
        log = csv.writer(f)
        log.writerow(["update", "td_loss", "mean_q", "epsilon", "reward", "greedy_success"])
        for update in range(1, 701):
            epsilon = max(0.1, 1 - update / 250)
            state = env.state()
            with torch.no_grad():
                action = target(state).argmax(1)
            action = torch.where(torch.rand(16) < epsilon, torch.randint(4, (16,)), action)
            reward, home, after = env.step(action)
            memory.add(state, action, reward, home, after)
            s, a, r, h, s2 = memory.sample(96)
            with torch.no_grad():
                aim = r + GAMMA * (1 - h) * target(s2).max(1).values
            value = q(s).gather(1, a[:, None]).squeeze(1)
            loss = nn.functional.smooth_l1_loss(value, aim)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            recorder.metrics({"reward": reward.mean()})
            if update % 10 == 0:
                target.load_state_dict(q.state_dict())
            success = ""
            if update % 50 == 0:
                success = greedy_success(target)
                recorder.metrics({"greedy_success": success})
            log.writerow([update, loss.item(), value.mean().item(), epsilon, reward.mean().item(), success])
