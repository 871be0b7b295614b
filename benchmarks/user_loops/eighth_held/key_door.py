"""Actor and critic on a grid where a key must be fetched before the door pays anything."""
import argparse, csv, os, time
import numpy as np
import torch
import torch.nn as nn
import newllm

SIZE, LIMIT, ENVS = 4, 30, 32
MOVES = torch.tensor([[0, 1], [0, -1], [1, 0], [-1, 0]])


class Grid:
    def __init__(self, n):
        self.n, self.key, self.door = n, torch.tensor([0, 3]), torch.tensor([3, 0])
        self.at, self.has, self.t = torch.zeros(n, 2).long(), torch.zeros(n).bool(), torch.zeros(n).long()
        self.reset(torch.ones(n).bool())

    def reset(self, which):
        self.at[which] = torch.randint(SIZE, (int(which.sum()), 2))
        self.has[which], self.t[which] = False, 0

    def see(self):
        one = nn.functional.one_hot(self.at[:, 0] * SIZE + self.at[:, 1], SIZE * SIZE).float()
        return torch.cat([one * ~self.has[:, None], one * self.has[:, None]], 1)

    def step(self, a):
        self.at = (self.at + MOVES[a]).clamp(0, SIZE - 1)
        self.t += 1
        self.has |= (self.at == self.key).all(1)
        won = self.has & (self.at == self.door).all(1)
        over = won | (self.t >= LIMIT)
        self.reset(over)
        return won.float(), over


def net(out):
    return nn.Sequential(nn.Linear(2 * SIZE * SIZE, 64), nn.Tanh(), nn.Linear(64, out))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--updates", type=int, default=500)
    p.add_argument("--horizon", type=int, default=10)
    p.add_argument("--gamma", type=float, default=0.95)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(221)
    os.makedirs(args.out, exist_ok=True)

    actor, critic = net(4), net(1)
    opt = torch.optim.Adam(actor.parameters(), lr=3e-3)
    opt_critic = torch.optim.Adam(critic.parameters(), lr=5e-3)
    env = Grid(ENVS)
    done, wins = [], []

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["update", "actor_loss", "critic_loss", "entropy", "reward_per_step", "solved_of_last_200"])
    with newllm.record(actor, opt, out=os.path.join(args.out, "recording"), kind="reinforcement") as recorder:
        for update in range(args.updates):
            seen, acts, rewards, overs = [], [], [], []
            for _ in range(args.horizon):
                s = env.see()
                with torch.no_grad():
                    a = torch.distributions.Categorical(logits=actor(s)).sample()
                r, over = env.step(a)
                seen.append(s)
                acts.append(a)
                rewards.append(r)
                overs.append(over.float())
                wins += r[over].tolist()
            with torch.no_grad():
                back = critic(env.see()).squeeze(1)
            returns = []
            for r, over in zip(reversed(rewards), reversed(overs)):
                back = r + args.gamma * back * (1 - over)
                returns.insert(0, back)
            s, a, g = torch.cat(seen), torch.cat(acts), torch.cat(returns)
            value = critic(s).squeeze(1)
            critic_loss = (value - g).pow(2).mean()
            opt_critic.zero_grad()
            critic_loss.backward()
            opt_critic.step()

            policy = torch.distributions.Categorical(logits=actor(s))
            gain = g - value.detach()
            gain = gain / (gain.std() + 1e-3)
            loss = -(policy.log_prob(a) * gain).mean() - 0.01 * policy.entropy().mean()
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(actor.parameters(), 0.5)
            opt.step()
            recorder.step(loss)
            rate, solved = torch.cat(rewards).mean().item(), float(np.mean(wins[-200:])) if wins else 0.0
            recorder.metrics({"reward": rate, "critic_loss": critic_loss.item()})
            if (update + 1) % 50 == 0:
                print(f"update {update + 1} reward {rate:.3f} solved {solved:.2f} entropy {policy.entropy().mean().item():.2f}")
            log.writerow([update, round(loss.item(), 5), round(critic_loss.item(), 5),
                          round(policy.entropy().mean().item(), 4), round(rate, 5), round(solved, 3)])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
