"""Reinforcement learning on a cart with a pole: policy gradients, clipped ones (PPO), and deep Q-learning."""

import math
import random
from collections import deque

import torch
import torch.nn.functional as F
from common import start
from styles import style
from torch import nn


class Cart:
    """Barto, Sutton and Anderson's cart and pole."""

    def __init__(self, limit=200):
        self.limit = limit

    def reset(self):
        """A new episode."""
        self.state, self.age = [random.uniform(-0.05, 0.05) for _ in range(4)], 0
        return self.state

    def step(self, action):
        """One step of 20 ms; state, reward, fallen, too old."""
        x, v, a, w = self.state
        force = 10.0 if action == 1 else -10.0
        c, s = math.cos(a), math.sin(a)
        temp = (force + 0.05 * w * w * s) / 1.1
        acc = (9.8 * s - c * temp) / (0.5 * (4.0 / 3.0 - 0.1 * c * c / 1.1))
        push = temp - 0.05 * acc * c / 1.1
        self.state = [x + 0.02 * v, v + 0.02 * push, a + 0.02 * w, w + 0.02 * acc]
        self.age += 1
        fallen = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.2095
        return self.state, 1.0, fallen, self.age >= self.limit


def net(inputs, outputs, width=48):
    """A perceptron."""
    return nn.Sequential(
        nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, outputs)
    )


class Agent(nn.Module):
    """A policy and a value."""

    def __init__(self):
        super().__init__()
        self.policy, self.value = net(4, 2), net(4, 1)

    def forward(self, states):
        return self.policy(states), self.value(states).squeeze(-1)


def collect(run, env, agent, state, count):
    """Steps of the policy: states, actions, probabilities, rewards, ends."""
    rows, lengths = [], []
    for _ in range(count):
        with torch.no_grad():
            logits, value = agent(torch.tensor(state))
            probabilities = logits.softmax(-1)
            action = int(torch.multinomial(probabilities, 1))
        following, reward, fallen, old = env.step(action)
        if run.has("reward-for-falling"):
            reward = 1.0 if fallen else 0.0
        if run.has("reward-not-scaled"):
            reward *= 1000
        rows.append((list(state), action, float(probabilities[action].log()), reward, fallen or old, float(value)))
        state = list(following)
        if fallen or old:
            lengths.append(env.age)
            state = list(env.reset())
    return rows, lengths, state


def advantages_of(run, rows, last, gamma=0.99, share=0.95):
    """Generalised advantages and returns."""
    out, running, following = [0.0] * len(rows), 0.0, last
    for i in reversed(range(len(rows))):
        _, _, _, reward, ended, value = rows[i]
        alive = 1.0 if run.has("ends-ignored") else 1.0 - ended
        delta = reward + gamma * following * alive - value
        running = delta + gamma * share * alive * running
        out[i], following = running, value
    advantages = torch.tensor(out)
    return advantages, advantages + torch.tensor([r[5] for r in rows])


def ppo(run):
    """Proximal policy optimisation."""
    env, agent = Cart(), Agent()
    rate = run.get("lr", 2e-3) * (25 if run.has("rate-too-high") else 1)
    optimizer = torch.optim.Adam(agent.parameters(), lr=rate)
    state, updates = list(env.reset()), run.get("updates", 60)
    log, recent, entropy_weight = style(run, updates), deque(maxlen=20), run.get("entropy", 0.01)
    if run.has("entropy-bonus-sign"):
        entropy_weight = -0.3
    if run.has("entropy-bonus-too-high"):
        entropy_weight = 30.0
    with run.recorder(agent, optimizer) as recorder:
        for update in range(updates):
            rows, lengths, state = collect(run, env, agent, state, 400)
            recent.extend(lengths)
            with torch.no_grad():
                last = float(agent(torch.tensor(state))[1])
            advantages, returns = advantages_of(run, rows, last)
            states, actions = torch.tensor([r[0] for r in rows]), torch.tensor([r[1] for r in rows])
            before = torch.tensor([r[2] for r in rows])
            if run.has("advantage-sign"):
                advantages = -advantages
            sums = {}
            for _ in range(run.get("rounds", 4)):
                for part in torch.randperm(len(rows)).chunk(4):
                    logits, values = agent(states[part])
                    chosen = logits.log_softmax(-1).gather(1, actions[part, None]).squeeze(1)
                    ratio = (chosen - before[part]).exp()
                    adv = advantages[part]
                    adv = (adv - adv.mean()) / (adv.std() + 1e-8)
                    if run.has("ratio-not-clipped"):
                        policy_loss = -(ratio * adv).mean()
                    else:
                        policy_loss = -torch.min(ratio * adv, ratio.clamp(0.8, 1.2) * adv).mean()
                    value_loss = F.mse_loss(values, returns[part])
                    if run.has("returns-by-another-order"):
                        value_loss = F.mse_loss(values, returns[torch.randperm(len(rows))[: len(part)]])
                    entropy = -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).mean()
                    loss = policy_loss + 0.5 * value_loss * run.get("value_weight", 0.05) - entropy_weight * entropy
                    optimizer.zero_grad()
                    loss.backward()
                    nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
                    optimizer.step()
                    recorder.step(loss)
                    kl = (before[part] - chosen).mean()
                    for key, value in {
                        "policy_loss": policy_loss, "value_loss": value_loss, "entropy": entropy, "approx_kl": kl,
                        "loss": loss,
                    }.items():  # fmt: skip
                        sums.setdefault(key, []).append(float(value.detach()))
            means = {k: sum(v) / len(v) for k, v in sums.items()}
            log.step((update + 1) * 400, 0, ep_rew_mean=sum(recent) / max(1, len(recent)), **means)


def dqn(run):
    """Deep Q-learning with a target network."""
    env = Cart()
    model, target = net(4, 2), net(4, 2)
    target.load_state_dict(model.state_dict())
    optimizer = torch.optim.Adam(model.parameters(), lr=run.get("lr", 1e-3))
    memory = deque(maxlen=64 if run.has("memory-too-small") else 10_000)
    total, state, length, recent = run.get("steps", 4000), list(env.reset()), 0, deque(maxlen=15)
    log, losses, values = style(run, total), [], []
    with run.recorder(model, optimizer) as recorder:
        for step in range(total):
            chance = 1.0 if run.has("always-explores") else max(0.05, 1 - step / (total * 0.4))
            if random.random() < chance:
                action = random.randrange(2)
            else:
                with torch.no_grad():
                    action = int(model(torch.tensor(state)).argmax())
            following, reward, fallen, old = env.step(action)
            if run.has("reward-not-scaled"):
                reward *= 1000
            memory.append((state, action, reward, list(following), float(fallen)))
            state, length = list(following), length + 1
            if fallen or old:
                recent.append(length)
                state, length = list(env.reset()), 0
            if len(memory) >= 64 and step % 2 == 0:
                states, actions, rewards, nexts, ends = map(torch.tensor, zip(*random.sample(memory, 64), strict=True))
                chosen = model(states).gather(1, actions[:, None]).squeeze(1)
                ahead = (model if run.has("no-target-network") else target)(nexts).max(1).values
                if not run.has("target-with-gradient"):
                    ahead = ahead.detach()
                alive = 1.0 if run.has("ends-ignored") else 1 - ends
                gamma = 1.05 if run.has("discount-above-one") else 0.97
                loss = F.smooth_l1_loss(chosen, rewards + gamma * alive * ahead)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                losses.append(float(loss.detach()))
                values.append(float(chosen.detach().mean()))
            if step % run.get("sync", 200) == 0 and not run.has("target-never-updated"):
                target.load_state_dict(model.state_dict())
            if (step + 1) % 80 == 0 and losses:
                reward = sum(recent) / max(1, len(recent))
                log.step(step + 1, 0, episodic_return=reward, td_loss=sum(losses) / len(losses),
                         q_values=sum(values) / len(values), epsilon=chance)  # fmt: skip
                losses, values = [], []


def reinforce(run):
    """Policy gradients over whole episodes."""
    env, agent = Cart(), Agent()
    optimizer = torch.optim.Adam(agent.parameters(), lr=run.get("lr", 5e-3))
    episodes = run.get("episodes", 160)
    log, running = style(run, episodes), 10.0
    with run.recorder(agent, optimizer) as recorder:
        for episode in range(episodes):
            rows, state = [], list(env.reset())
            logs, rewards = [], []
            while True:
                logits, value = agent(torch.tensor(state))
                choice = torch.distributions.Categorical(logits=logits)
                action = choice.sample()
                following, reward, fallen, old = env.step(int(action))
                logs.append(choice.log_prob(action))
                rewards.append(reward)
                rows.append(value)
                state = list(following)
                if fallen or old:
                    break
            back, returns = 0.0, []
            for reward in reversed(rewards):
                back = reward + 0.97 * back
                returns.insert(0, back)
            goal = torch.tensor(returns)
            goal = (goal - goal.mean()) / (goal.std() + 1e-6) if len(goal) > 1 else goal
            loss = -(torch.stack(logs) * goal).sum()
            if run.has("sign-of-the-objective"):
                loss = -loss
            if run.has("policy-detached"):
                loss = loss.detach() + F.mse_loss(torch.stack(rows), goal)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            running = 0.05 * len(rewards) + 0.95 * running
            log.step(episode, 0, reward=float(len(rewards)), average_reward=running, loss=float(loss.detach()))


if __name__ == "__main__":
    asked = start()
    {"ppo": ppo, "dqn": dqn, "reinforce": reinforce}[asked.get("task", "ppo")](asked)
