# PPO on a small cellar with one exit; reward 1 at the exit and nothing anywhere else.
import argparse, csv, os
from dataclasses import dataclass
import numpy as np
import torch
import torch.nn as nn
from torch.distributions.categorical import Categorical
import newllm


@dataclass
class Args:
    seed: int = 1
    num_envs: int = 16
    num_steps: int = 64
    iterations: int = 45
    learning_rate: float = 1e-3
    gamma: float = 0.97
    gae_lambda: float = 0.95
    num_minibatches: int = 4
    update_epochs: int = 4
    clip_coef: float = 0.2
    ent_coef: float = 0.01
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5


class Cellar:
    MAP = ["........", ".##.###.", ".#....#.", ".#.##...", "...#..#.", ".###.##.", "......#."]

    def __init__(self, n, seed):
        self.rng = np.random.default_rng(seed)
        self.wall = np.array([[c == "#" for c in row] for row in self.MAP])
        self.free = np.argwhere(~self.wall)
        self.goal = np.array([6, 7])
        self.n, self.pos, self.t = n, np.zeros((n, 2), int), np.zeros(n, int)
        for i in range(n):
            self.place(i)

    def place(self, i):
        while True:
            self.pos[i] = self.free[self.rng.integers(len(self.free))]
            if (self.pos[i] != self.goal).any():
                break
        self.t[i] = 0

    def obs(self):
        o = np.zeros((self.n, 15), np.float32)
        o[np.arange(self.n), self.pos[:, 0]] = 1
        o[np.arange(self.n), 7 + self.pos[:, 1]] = 1
        return o

    def step(self, act):
        move = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]])[act]
        new = self.pos + move
        ok = (new >= 0).all(1) & (new[:, 0] < 7) & (new[:, 1] < 8)
        ok[ok] &= ~self.wall[new[ok, 0], new[ok, 1]]
        self.pos[ok] = new[ok]
        self.t += 1
        at_goal = (self.pos == self.goal).all(1)
        done = at_goal | (self.t >= 50)
        length = self.t.copy()
        for i in np.flatnonzero(done):
            self.place(i)
        return self.obs(), at_goal.astype(np.float32), done.astype(np.float32), length


def layer_init(layer, std=np.sqrt(2), bias_const=0.0):
    torch.nn.init.orthogonal_(layer.weight, std)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.critic = nn.Sequential(layer_init(nn.Linear(15, 64)), nn.Tanh(), layer_init(nn.Linear(64, 64)), nn.Tanh(), layer_init(nn.Linear(64, 1), std=1.0))
        self.actor = nn.Sequential(layer_init(nn.Linear(15, 64)), nn.Tanh(), layer_init(nn.Linear(64, 64)), nn.Tanh(), layer_init(nn.Linear(64, 4), std=0.01))

    def forward(self, x, action=None):
        probs = Categorical(logits=self.actor(x))
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action), probs.entropy(), self.critic(x).squeeze(-1)


parser = argparse.ArgumentParser()
parser.add_argument("--out", required=True)
parser.add_argument("--sound", action="store_true")
cli = parser.parse_args()
args = Args()
os.makedirs(cli.out, exist_ok=True)
torch.set_num_threads(1)
np.random.seed(args.seed)
torch.manual_seed(args.seed)
envs = Cellar(args.num_envs, args.seed)
agent = Agent()
optimizer = torch.optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)
batch_size = args.num_envs * args.num_steps
T, N = args.num_steps, args.num_envs
obs, actions, logprobs = torch.zeros(T, N, 15), torch.zeros(T, N, dtype=torch.long), torch.zeros(T, N)
rewards, dones, values = torch.zeros(T, N), torch.zeros(T, N), torch.zeros(T, N)
next_obs, next_done = torch.tensor(envs.obs()), torch.zeros(N)
global_step = 0
with newllm.record(agent, optimizer, out=os.path.join(cli.out, "recording"), kind="reinforcement") as recorder, open(os.path.join(cli.out, "log.csv"), "w") as fh:
    cols = ["global_step", "charts/episodic_return", "charts/episodic_length", "charts/learning_rate", "losses/value_loss", "losses/policy_loss", "losses/entropy", "losses/approx_kl", "losses/clipfrac", "losses/explained_variance"]
    writer = csv.DictWriter(fh, cols)
    writer.writeheader()
    for iteration in range(1, args.iterations + 1):
        optimizer.param_groups[0]["lr"] = (1.0 - (iteration - 1.0) / args.iterations) * args.learning_rate
        returns_seen, lengths = [], []
        for step in range(T):
            global_step += N
            obs[step], dones[step] = next_obs, next_done
            with torch.no_grad():
                action, logprob, _, value = agent(next_obs)
            values[step], actions[step], logprobs[step] = value, action, logprob
            o, r, d, length = envs.step(action.numpy())
            rewards[step] = torch.tensor(r)
            next_obs, next_done = torch.tensor(o), torch.tensor(d)
            returns_seen += r[d > 0].tolist()
            lengths += length[d > 0].tolist()
        with torch.no_grad():
            next_value = agent(next_obs)[3]
            advantages = torch.zeros_like(rewards)
            last = 0
            for t in reversed(range(T)):
                nonterminal = 1.0 - (next_done if t == T - 1 else dones[t + 1])
                nextvalues = next_value if t == T - 1 else values[t + 1]
                delta = rewards[t] + args.gamma * nextvalues * nonterminal - values[t]
                advantages[t] = last = delta + args.gamma * args.gae_lambda * nonterminal * last
            returns = advantages + values
        b = [v.reshape(batch_size, *v.shape[2:]) for v in (obs, actions, logprobs, advantages, returns, values)]
        b_obs, b_actions, b_logprobs, b_adv, b_ret, b_val = b
        clipfracs = []
        for epoch in range(args.update_epochs):
            for mb in torch.randperm(batch_size).chunk(args.num_minibatches):
                _, newlogprob, entropy, newvalue = agent(b_obs[mb], b_actions[mb])
                logratio = newlogprob - b_logprobs[mb]
                ratio = logratio.exp()
                with torch.no_grad():
                    approx_kl = ((ratio - 1) - logratio).mean()
                    clipfracs.append(((ratio - 1.0).abs() > args.clip_coef).float().mean().item())
                adv = b_adv[mb]
                adv = (adv - adv.mean()) / (adv.std() + 1e-8)
                pg_loss = torch.max(-adv * ratio, -adv * torch.clamp(ratio, 1 - args.clip_coef, 1 + args.clip_coef)).mean()
                v_loss = 0.5 * ((newvalue - b_ret[mb]) ** 2).mean()
                entropy_loss = entropy.mean()
                loss = pg_loss - args.ent_coef * entropy_loss + v_loss * args.vf_coef
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), args.max_grad_norm)
                optimizer.step()
                recorder.step(loss)
        y_pred, y_true = b_val.numpy(), b_ret.numpy()
        ev = 1 - np.var(y_true - y_pred) / max(np.var(y_true), 1e-12)
        ret = float(np.mean(returns_seen)) if returns_seen else 0.0
        recorder.metrics({"reward": ret, "episode_length": float(np.mean(lengths)) if lengths else 0.0})
        writer.writerow(dict(zip(cols, [global_step, ret, np.mean(lengths) if lengths else "", optimizer.param_groups[0]["lr"], v_loss.item(), pg_loss.item(), entropy_loss.item(), approx_kl.item(), np.mean(clipfracs), ev])))
        if iteration % 5 == 0:
            print(f"global_step={global_step}, episodic_return={ret:.3f}, length={np.mean(lengths):.1f}, entropy={entropy_loss.item():.3f}")
