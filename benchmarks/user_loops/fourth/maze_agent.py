"""REINFORCE with a learned baseline on a small maze."""
import argparse, csv, os
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
import newllm

MAZE = ["......#", ".##.#..", "..#.#.#", "#...#..", "..#...G"]
H, W = 5, 7; MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]

def free(r, c): return 0 <= r < H and 0 <= c < W and MAZE[r][c] != "#"

def play(net, n, rng, horizon=30):
    cells = [(r, c) for r in range(H) for c in range(W) if MAZE[r][c] == "."]
    pos = [cells[k] for k in rng.integers(0, len(cells), n)]; alive = np.ones(n, bool)
    S, A, R, M = [], [], [], []
    for _ in range(horizon):
        s = torch.zeros(n, H * W); s[torch.arange(n), torch.tensor([r * W + c for r, c in pos])] = 1
        with torch.no_grad(): a = torch.distributions.Categorical(logits=net(s)[0]).sample()
        rew = np.zeros(n)
        M.append(alive.copy())
        for i in np.flatnonzero(alive):
            dr, dc = MOVES[a[i]]; q = (pos[i][0] + dr, pos[i][1] + dc)
            rew[i] = -.03
            if free(*q): pos[i] = q
            if MAZE[pos[i][0]][pos[i][1]] == "G": rew[i] = 1; alive[i] = False
        S.append(s); A.append(a); R.append(rew)
        if not alive.any(): break
    ret = np.zeros(n); G = []
    for rew in R[::-1]: ret = rew + .97 * ret; G.append(ret.copy())
    mask = torch.tensor(np.stack(M)).flatten()
    return torch.cat(S)[mask], torch.cat(A)[mask], torch.tensor(np.stack(G[::-1]), dtype=torch.float32).flatten()[mask], np.sum(R, 0).mean(), 1 - alive.mean()

class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__(); self.body = nn.Sequential(nn.Linear(H * W, 64), nn.Tanh()); self.pi, self.v = nn.Linear(64, 4), nn.Linear(64, 1)
    def forward(self, s): h = self.body(s); return self.pi(h), self.v(h).squeeze(-1)

if __name__ == "__main__":
    ap = argparse.ArgumentParser(); ap.add_argument("--out"); ap.add_argument("--sound", action="store_true"); args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True); torch.set_num_threads(1); torch.manual_seed(23); rng = np.random.default_rng(23)
    net = ActorCritic(); opt = torch.optim.Adam(net.parameters(), lr=5e-3)
    with open(args.out + "/log.csv", "w") as f, newllm.record(net, opt, out=args.out + "/recording", kind="reinforcement") as recorder:
        w = csv.writer(f); w.writerow(["step", "loss", "return", "solved", "entropy"])
        for step in range(1, 401):
            s, a, g, score, solved = play(net, 16, rng)
            logits, v = net(s); adv = g - v.detach(); dist = torch.distributions.Categorical(logits=logits); ent = dist.entropy().mean()
            loss = -(dist.log_prob(a) * adv).mean() + .5 * F.mse_loss(v, g) - .01 * ent
            opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(net.parameters(), 1.0); opt.step()
            recorder.step(loss); recorder.metrics({"reward": float(score)})
            w.writerow([step, loss.item(), score, solved, ent.item()])
            if step % 50 == 0: print(step, loss.item(), score, solved, ent.item())
