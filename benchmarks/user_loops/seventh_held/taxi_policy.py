"""A2C on a 6x6 grid taxi stand: small fare next door, big fare across town."""
import argparse, csv, os
import torch
import torch.nn as nn
import newllm

N, HORIZON = 6, 16
MOVES = torch.tensor([[0, 1], [0, -1], [1, 0], [-1, 0]])


class Town:
    def __init__(self, n, seed):
        self.n, self.g = n, torch.Generator().manual_seed(seed)

    def reset(self):
        self.pos = torch.randint(0, 2, (self.n, 2), generator=self.g)
        self.done = torch.zeros(self.n, dtype=torch.bool)
        return self.obs()

    def obs(self):
        o = torch.zeros(self.n, 2 * N)
        o.scatter_(1, self.pos[:, :1], 1.0)
        o.scatter_(1, self.pos[:, 1:] + N, 1.0)
        return o

    def step(self, a):
        self.pos = torch.where(self.done[:, None], self.pos, (self.pos + MOVES[a]).clamp(0, N - 1))
        near = (self.pos == torch.tensor([2, 1])).all(1) & ~self.done
        far = (self.pos == torch.tensor([4, 4])).all(1) & ~self.done
        r = 0.3 * near.float() + 1.0 * far.float()
        self.done = self.done | near | far
        return self.obs(), r, self.done.clone()


class ActorCritic(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2 * N, h), nn.Tanh())
        self.actor, self.critic = nn.Linear(h, 4), nn.Linear(h, 1)

    def forward(self, o):
        h = self.body(o)
        return self.actor(h), self.critic(h).squeeze(-1)


def play(env, net):
    o, alive = env.reset(), torch.ones(env.n)
    O, A, R, M = [], [], [], []
    for _ in range(HORIZON):
        with torch.no_grad():
            a = torch.distributions.Categorical(logits=net(o)[0]).sample()
        O.append(o), A.append(a), M.append(alive)
        o, r, done = env.step(a)
        R.append(r)
        alive = 1 - done.float()
    return torch.stack(O), torch.stack(A), torch.stack(R), torch.stack(M)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--updates", type=int, default=450)
    ap.add_argument("--ent_coef", type=float, default=0.04)
    ap.add_argument("--gamma", type=float, default=0.97)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    os.makedirs(args.out, exist_ok=True)
    env, test, net = Town(32, 1), Town(200, 2), ActorCritic()
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["update", "loss", "policy_loss", "value_loss", "entropy", "mean_return", "test_return"])
    with newllm.record(net, opt, out=os.path.join(args.out, "recording"), kind="reinforcement") as recorder:
        for up in range(args.updates):
            O, A, R, M = play(env, net)
            G, run = torch.zeros_like(R), torch.zeros(env.n)
            for t in reversed(range(HORIZON)):
                run = R[t] + args.gamma * run
                G[t] = run
            logits, v = net(O)
            dist = torch.distributions.Categorical(logits=logits)
            n = M.sum()
            adv = (G - v).detach()
            policy_loss = -(dist.log_prob(A) * adv * M).sum() / n
            value_loss = ((G - v) ** 2 * M).sum() / n
            entropy = (dist.entropy() * M).sum() / n
            bonus = -args.ent_coef * entropy if args.sound else args.ent_coef * entropy
            loss = policy_loss + 0.5 * value_loss + bonus
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            opt.step()
            recorder.step(loss)
            ret = R.sum(0).mean().item()
            recorder.metrics({"reward": ret, "entropy": entropy.item()})
            te = ""
            if (up + 1) % 50 == 0:
                te = play(test, net)[2].sum(0).mean().item()
                print(f"{up + 1} loss {loss.item():.4f} entropy {entropy.item():.3f} return {ret:.3f} test {te:.3f}")
            log.writerow([up, loss.item(), policy_loss.item(), value_loss.item(), entropy.item(), ret, te])
    f.close()


if __name__ == "__main__":
    main()
