"""Policies and values: REINFORCE, clipped surrogate over several passes, Q-learning with a target network."""

import copy

import torch
from common import Run
from torch import nn
from torch.nn import functional as F

run = Run(recipe="reinforce", rate=3e-3, steps=240, many=12, entropy=0.01)
o, has = run.o, run.has
SIDE, LIMIT = 5, 20


class Grid:
    """Many agents on a 5x5 field at once; +1 at the goal, -0.02 a step."""

    def __init__(self, many):
        self.many = many
        self.at, self.goal = torch.randint(SIDE, (many, 2)), torch.randint(SIDE, (many, 2))
        self.age = torch.zeros(many)

    def see(self):
        near = (self.goal - self.at).float() / SIDE
        return torch.cat([self.at.float() / SIDE, self.goal.float() / SIDE, near], 1)

    def act(self, action):
        moves = torch.tensor([[0, 1], [1, 0], [0, -1], [-1, 0]])
        self.at = (self.at + moves[action]).clamp(0, SIDE - 1)
        self.age += 1
        there = (self.at == self.goal).all(1)
        reward = torch.where(there, 1.0, -0.02)
        done = there | (self.age >= LIMIT)
        for i in done.nonzero()[:, 0].tolist():
            self.at[i], self.goal[i], self.age[i] = torch.randint(SIDE, (2,)), torch.randint(SIDE, (2,)), 0
        return reward * (500 if has("rewards-not-scaled") else 1), done


def net(out):
    return nn.Sequential(nn.Linear(6, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, out))


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.policy, self.value = net(4), net(1)


def play(env, policy, length=24):
    rows = []
    for _ in range(length):
        seen = env.see()
        with torch.no_grad():
            action = torch.distributions.Categorical(logits=policy(seen)).sample()
        rows.append((seen, action, *env.act(action)))
    return [torch.stack(z) for z in zip(*rows, strict=True)]


def returns(reward, done, last=None, gamma=0.95):
    out, total = torch.zeros_like(reward), torch.zeros(reward.shape[1]) if last is None else last
    for t in reversed(range(len(reward))):
        ends = torch.zeros_like(done[t]) if has("returns-run-over-the-end") else done[t]
        total = reward[t] + gamma * total * (~ends)
        out[t] = total
    return out


env = Grid(o.many)
model = net(4) if o.recipe == "q" else Both()
optimizer = torch.optim.Adam(model.parameters(), o.rate)
target, memory, rewards = copy.deepcopy(model), [], []
with run.record(model, optimizer) as recorder:

    def finish(step, loss, **more):
        recorder.metrics({"reward": rewards[-1], **more})
        recorder.step(loss.detach())
        if (step + 1) % 10 == 0:
            run.say(step + 1, loss=float(loss.detach()), reward=sum(rewards[-10:]) / len(rewards[-10:]), **more)

    step = 0
    while step < o.steps:
        if o.recipe == "q":
            share = max(0.05, 1 - step / 150)
            for _ in range(8):
                seen = env.see()
                with torch.no_grad():
                    action = torch.where(torch.rand(o.many) < share, torch.randint(4, (o.many,)), model(seen).argmax(1))
                reward, done = env.act(action)
                memory.append((seen, action, reward, done, env.see()))
                rewards.append(float(reward.mean()))
            picked = torch.randint(max(0, len(memory) - 400), len(memory), (16,)).tolist()
            seen, action, reward, done, then = (torch.cat(z) for z in zip(*[memory[i] for i in picked], strict=True))
            with torch.no_grad():
                coming = (model if has("no-target-network") else target)(then).max(1).values
                wanted = reward + 0.9 * coming * (1 if has("values-run-over-the-end") else ~done)
                if has("values-run-over-the-end"):
                    wanted = reward + 1.02 * coming
            loss = F.smooth_l1_loss(model(seen).gather(1, action[:, None])[:, 0], wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 10 == 0:
                target.load_state_dict(model.state_dict())
            finish(step, loss, q=float(coming.mean()))
            step += 1
            continue
        seen, action, reward, done = play(env, model.policy)
        rewards.append(float(reward.mean()))
        with torch.no_grad():
            wanted = returns(reward, done, model.value(env.see())[:, 0])
            edge = wanted - model.value(seen)[..., 0]
            edge = (edge - edge.mean()) / (edge.std() + 1e-6) if not has("rewards-not-scaled") else edge
            old = torch.distributions.Categorical(logits=model.policy(seen)).log_prob(action)
        if has("advantage-with-wrong-sign"):
            edge = -edge
        for _ in range(4 if o.recipe == "clipped" else 1):
            spread = torch.distributions.Categorical(logits=model.policy(seen))
            log = spread.log_prob(action)
            if o.recipe == "clipped":
                base = log.detach() if has("old-policy-is-the-new-one") else old
                ratio = (log - base).exp()
                part = -torch.min(ratio * edge, ratio.clamp(0.8, 1.2) * edge).mean()
            else:
                part = -(log * edge).mean()
            entropy = spread.entropy().mean()
            bonus = -2.0 if has("entropy-punished") else o.entropy
            loss = part + 0.5 * F.mse_loss(model.value(seen)[..., 0], wanted) - bonus * entropy
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            finish(step, loss, entropy=float(entropy.detach()))
            step += 1
