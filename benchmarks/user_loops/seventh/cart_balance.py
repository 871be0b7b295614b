"""REINFORCE with a learned baseline on a vectorised pole-balancing task."""
import argparse, csv, os
import torch
import torch.nn as nn
import newllm


class Poles:
    """A few carts at once; +1 for every step that the pole stays up, at most 45."""
    def __init__(self, n, g):
        self.n, self.g = n, g

    def reset(self):
        self.s = (torch.rand(self.n, 4, generator=self.g) - 0.5) * 0.16
        self.alive = torch.ones(self.n)
        return self.s

    def step(self, a):
        x, v, th, om = self.s.unbind(1)
        force = a.float() * 20 - 10
        tmp = (force + 0.05 * om ** 2 * th.sin()) / 1.1
        acc_th = (9.8 * th.sin() - th.cos() * tmp) / (0.5 * (4 / 3 - 0.1 * th.cos() ** 2 / 1.1))
        acc_x = tmp - 0.05 * acc_th * th.cos() / 1.1
        dt = 0.04
        self.s = torch.stack([x + dt * v, v + dt * acc_x, th + dt * om, om + dt * acc_th], 1)
        self.alive = self.alive * ((self.s[:, 0].abs() < 2.4) & (self.s[:, 2].abs() < 0.21)).float()
        return self.s, self.alive


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.pi = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
        self.v = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 1))

    def forward(self, s):
        return self.pi(s), self.v(s).squeeze(-1)


def rollout(env, agent, greedy=False):
    s, alive = env.reset(), torch.ones(env.n)
    S, A, R, M = [], [], [], []
    for _ in range(45):
        with torch.no_grad():
            logits = agent.pi(s)
        a = logits.argmax(1) if greedy else torch.distributions.Categorical(logits=logits).sample()
        S.append(s), A.append(a), M.append(alive)
        s, alive = env.step(a)
        R.append(alive)
        if alive.sum() == 0:
            break
    return torch.stack(S), torch.stack(A), torch.stack(R), torch.stack(M)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--updates", type=int, default=400)
    ap.add_argument("--gamma", type=float, default=0.97)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(4)
    os.makedirs(args.out, exist_ok=True)
    env, test = Poles(8, torch.Generator().manual_seed(1)), Poles(40, torch.Generator().manual_seed(2))
    agent = Agent()
    opt = torch.optim.Adam(agent.parameters(), lr=2e-3)
    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    w = csv.writer(f)
    w.writerow(["update", "loss", "reward", "entropy", "grad_norm", "eval_reward"])
    with newllm.record(agent, opt, out=os.path.join(args.out, "recording"), kind="reinforcement") as recorder:
        for up in range(args.updates):
            S, A, R, M = rollout(env, agent)
            G, run = torch.zeros_like(R), torch.zeros(env.n)
            for t in reversed(range(len(R))):
                run = R[t] + args.gamma * run
                G[t] = run
            G = G / 25.0
            logits, v = agent(S)
            dist = torch.distributions.Categorical(logits=logits)
            adv = (G - v).detach()
            n = M.sum()
            ent = (dist.entropy() * M).sum() / n
            pg = -(dist.log_prob(A) * adv * M).sum() / n
            loss = pg + 0.5 * ((G - v) ** 2 * M).sum() / n - 0.005 * ent
            opt.zero_grad()
            loss.backward()
            gn = nn.utils.clip_grad_norm_(agent.parameters(), 1.0)
            opt.step()
            recorder.step(loss)
            reward = R.sum(0).mean().item()
            recorder.metrics({"reward": reward})
            ev = ""
            if (up + 1) % 40 == 0:
                ev = rollout(test, agent, greedy=True)[2].sum(0).mean().item()
                print(f"update {up + 1} loss {loss.item():.4f} reward {reward:.1f} entropy {ent.item():.3f} eval {ev:.1f}")
            w.writerow([up, loss.item(), reward, ent.item(), gn.item(), ev])
    f.close()


if __name__ == "__main__":
    main()
