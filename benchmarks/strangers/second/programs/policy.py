"""Policies on a grid: PPO as most scripts have it, and deep Q-learning."""

import random

import torch
import torch.nn.functional as F
from torch import nn

from .common import Options, mean

SIZE, LONGEST = 5, 20


class Grid:
    """Many grids at once: go to the goal. Step costs 0.02, the goal pays 1."""

    def __init__(self, count: int, bonus: float = 0.0) -> None:
        self.count, self.bonus = count, bonus
        self.me = torch.randint(0, SIZE, (count, 2))
        self.goal = torch.randint(0, SIZE, (count, 2))
        self.time = torch.zeros(count, dtype=torch.long)
        self.total = torch.zeros(count)
        self.finished: list[tuple[float, int, bool]] = []

    def see(self) -> torch.Tensor:
        return torch.cat([self.me, self.goal, self.goal - self.me], 1).float() / SIZE

    def act(self, action: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        move = torch.tensor([[0, 1], [0, -1], [1, 0], [-1, 0]])[action]
        self.me = (self.me + move).clamp(0, SIZE - 1)
        self.time += 1
        there = (self.me == self.goal).all(1)
        near = (self.me - self.goal).abs().sum(1) == 1
        reward = there.float() - 0.02 + self.bonus * near.float()
        self.total += reward
        done = there | (self.time >= LONGEST)
        for k in done.nonzero()[:, 0].tolist():
            self.finished.append((float(self.total[k]), int(self.time[k]), bool(there[k])))
            self.me[k], self.goal[k] = torch.randint(0, SIZE, (2,)), torch.randint(0, SIZE, (2,))
            self.time[k], self.total[k] = 0, 0.0
        return reward, done


class Net(nn.Module):
    """A body for policy and value."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.policy, self.value = nn.Linear(64, 4), nn.Linear(64, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = self.body(x)
        return self.policy(h), self.value(h)[..., 0]


def train(o: Options) -> None:
    (_ppo if o.get("task", "ppo") == "ppo" else _dqn)(o)
    o.log.close()


def _roll(o: Options, grid: Grid, model: Net, length: int) -> tuple[torch.Tensor, ...]:
    seen, actions, logs, rewards, dones, values = [], [], [], [], [], []
    with torch.no_grad():
        for _ in range(length):
            x = grid.see()
            logits, value = model(x)
            dist = torch.distributions.Categorical(logits=logits)
            a = dist.sample()
            r, d = grid.act(a)
            if o.fault == "reward never reaches the learner":
                r = r.long().float() * 0
            for row, item in zip(
                (seen, actions, logs, rewards, dones, values), (x, a, dist.log_prob(a), r, d, value), strict=True
            ):
                row.append(item)
        last = model(grid.see())[1]
    rewards = [o.if_fault("rewards not scaled", 500.0, 1.0) * r for r in rewards]
    advantage, result = torch.zeros(grid.count), []
    for k in reversed(range(length)):
        alive = 1 - dones[k].float()
        delta = rewards[k] + 0.97 * last * alive - values[k]
        advantage = delta + 0.97 * 0.95 * alive * advantage
        result.insert(0, advantage)
        last = values[k]
    adv = torch.stack(result)
    returns = adv + torch.stack(values)
    if o.fault == "advantages of other episodes":
        adv = adv[:, torch.randperm(grid.count)]
    return tuple(t.flatten(0, 1) for t in (torch.stack(seen), torch.stack(actions), torch.stack(logs), adv, returns))


def _ppo(o: Options) -> None:
    rounds, length = o.get("steps", 90), 32
    grid = Grid(16, o.if_fault("reward hacking", 0.25, 0.0))
    model = Net()
    rate = o.get("lr", 1e-3) * o.if_fault("policy steps far too long", 40, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    bonus = o.if_fault("entropy bonus with the wrong sign", -2.0, o.if_fault("entropy bonus far too large", 3.0, 0.01))
    sign = o.if_fault("advantage with the wrong sign", -1.0, 1.0)
    for k in range(rounds):
        x, a, old, adv, returns = _roll(o, grid, model, length)
        if o.get("normalise", True):
            adv = (adv - adv.mean()) / (adv.std() + 1e-8)
        shown: dict[str, list[float]] = {n: [] for n in ("pg", "v", "h", "kl", "clip")}
        for _ in range(o.get("passes", 4)):
            for i in torch.randperm(len(x)).split(128):
                logits, value = model(x[i])
                dist = torch.distributions.Categorical(logits=logits)
                log = dist.log_prob(a[i])
                before = log.detach() if o.fault == "ratio always one" else old[i]
                ratio = (log - before).exp()
                pg = -torch.min(sign * adv[i] * ratio, sign * adv[i] * ratio.clamp(0.8, 1.2)).mean()
                if o.fault == "policy steps far too long":
                    pg = -(adv[i] * ratio).mean()
                v = F.mse_loss(value, returns[i])
                h = dist.entropy().mean()
                loss = pg + 0.5 * v - bonus * h
                optimizer.zero_grad()
                loss.backward()
                if o.get("clip", 0.5):
                    nn.utils.clip_grad_norm_(model.parameters(), o.get("clip", 0.5))
                optimizer.step()
                kl = (
                    float((before - log).detach().mean().abs())
                    if o.fault == "ratio always one"
                    else float(((ratio - 1) - ratio.log()).detach().mean())
                )
                for name, item in zip(shown, (pg, v, h, kl, ((ratio - 1).abs() > 0.2).float().mean()), strict=True):
                    shown[name].append(float(item.detach()) if isinstance(item, torch.Tensor) else item)
        _show_policy(o, k, grid, shown, rate, length)
    return


def _show_policy(o: Options, k: int, grid: Grid, shown: dict[str, list[float]], rate: float, length: int) -> None:
    last = grid.finished[-60:]
    reward = mean([r * o.if_fault("rewards not scaled", 500.0, 1.0) for r, _, _ in last])
    extra = {"success_rate": mean([float(s) for _, _, s in last])} if o.get("success", False) else {}
    numbers = {n: mean(v) for n, v in shown.items()}
    if o.log.style == "box":
        o.log.row(**{
            "rollout/ep_len_mean": mean([t for _, t, _ in last]), "rollout/ep_rew_mean": reward,
            **{f"rollout/{n}": v for n, v in extra.items()}, "time/iterations": k + 1,
            "time/total_timesteps": (k + 1) * length * grid.count, "train/approx_kl": numbers["kl"],
            "train/clip_fraction": numbers["clip"], "train/entropy_loss": -numbers["h"], "train/learning_rate": rate,
            "train/loss": numbers["pg"] + 0.5 * numbers["v"], "train/policy_gradient_loss": numbers["pg"],
            "train/value_loss": numbers["v"],
        })  # fmt: skip
        return
    o.log.row(
        step=k, episodic_return=reward, **extra, policy_loss=numbers["pg"], value_loss=numbers["v"],
        entropy=numbers["h"], approx_kl=numbers["kl"], clipfrac=numbers["clip"],
    )  # fmt: skip


def _dqn(o: Options) -> None:
    steps, count, at = o.get("steps", 1500), 8, o.get("at", 0)
    grid, body = Grid(count), Net()
    target = Net()
    target.load_state_dict(body.state_dict())
    optimizer = torch.optim.Adam(body.parameters(), lr=o.get("lr", 1e-3))
    memory: list[tuple[torch.Tensor, ...]] = []
    losses: list[float] = []
    gamma = o.if_fault("bootstrap past the end of episodes", 1.0, 0.95)
    for step in range(steps):
        epsilon = 1.0 if o.fault == "exploration never ends" else max(0.05, 1 - step / (0.5 * steps))
        x = grid.see()
        with torch.no_grad():
            a = body(x)[0].argmax(1)
        a = torch.where(torch.rand(count) < epsilon, torch.randint(0, 4, (count,)), a)
        r, d = grid.act(a)
        if o.fault == "bootstrap past the end of episodes":
            d = torch.zeros_like(d)
        if not (o.fault == "memory never refreshed" and step > 12):
            memory.append((x, a, r, grid.see(), d.float()))
        memory = memory[-o.get("memory", 400) :]
        if step < 10:
            continue
        sx, sa, sr, sn, sd = (torch.cat(part) for part in zip(*random.sample(memory, min(8, len(memory))), strict=True))
        with torch.no_grad():
            following = (body if o.fault == "bootstrap past the end of episodes" else target)(sn)[0].max(1)[0]
        q = body(sx)[0].gather(1, sa[:, None])[:, 0]
        loss = F.smooth_l1_loss(q, sr + gamma * (1 - sd) * following)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 25 == 0 and not (o.fault == "target network never copied" and step >= at):
            target.load_state_dict(body.state_dict())
        if step % o.get("every", 20) == 0:
            reward = mean([r for r, _, _ in grid.finished[-40:]])
            o.log.row(step=step, reward=reward, td_loss=mean(losses[-20:]), q_mean=q.mean(), epsilon=epsilon)
