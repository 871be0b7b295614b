"""Matrix factorisation of the film club's ratings."""
import argparse
import csv
import os

import numpy as np
import torch
import torch.nn as nn

import newllm

SOUND = False


def ratings(seed=0):
    """(user name, film name, stars): the members' tastes have four dimensions."""
    r = np.random.default_rng(seed)
    nu, nf = 400, 250
    U, V = r.normal(0, .6, (nu, 4)), r.normal(0, .9, (nf, 4))
    bu, bf = r.normal(0, .3, nu), r.normal(0, .6, nf)
    busy = r.gamma(1.5, 1, nu); busy /= busy.sum()
    known = r.gamma(1.2, 1, nf); known /= known.sum()
    users, films = r.choice(nu, 48000, p=busy), r.choice(nf, 48000, p=known)
    stars = 3.4 + bu[users] + bf[films] + (U[users] * V[films]).sum(1) + r.normal(0, .4, 48000)
    return np.array([f"m{r_:03d}" for r_ in r.permutation(nu)])[users], np.array([f"film-{k:03d}" for k in r.permutation(nf)])[films], stars.astype("f4")


class FilmClub(torch.utils.data.Dataset):
    def __init__(self, user, film, stars, codes):
        self.u = torch.tensor([codes[0][n] for n in user])
        self.i = torch.tensor([codes[1][n] for n in film])
        self.y = torch.from_numpy(stars)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, k):
        return self.u[k], self.i[k], self.y[k]


def encode(user, film):
    return [{name: c for c, name in enumerate(dict.fromkeys(col))} for col in (user, film)]


class MF(nn.Module):
    def __init__(self, n_users, n_items, k=8):
        super().__init__()
        self.user_factors, self.item_factors = nn.Embedding(n_users, k), nn.Embedding(n_items, k)
        self.user_bias, self.item_bias = nn.Embedding(n_users, 1), nn.Embedding(n_items, 1)
        self.mu = nn.Parameter(torch.tensor(3.4))
        for e in (self.user_factors, self.item_factors):
            nn.init.normal_(e.weight, 0, .1)
        for e in (self.user_bias, self.item_bias):
            nn.init.zeros_(e.weight)

    def forward(self, u, i):
        return self.mu + (self.user_factors(u) * self.item_factors(i)).sum(1) + self.user_bias(u).squeeze(1) + self.item_bias(i).squeeze(1)


class Trainer:
    def __init__(self, model, optimizer, train, valid, out):
        self.model, self.optimizer, self.train_dl, self.valid_dl, self.out = model, optimizer, train, valid, out
        self.loss = nn.MSELoss()

    def fit(self, epochs):
        with newllm.record(self.model, self.optimizer, out=os.path.join(self.out, "recording")) as self.rec, open(os.path.join(self.out, "log.csv"), "w") as f:
            self.log = csv.writer(f)
            self.log.writerow(["epoch", "batch", "mse", "valid_mse", "valid_rmse"])
            for epoch in range(epochs):
                for b, batch in enumerate(self.train_dl):
                    mse = self.training_step(batch)
                    self.log.writerow([epoch, b, mse, "", ""])
                v = self.evaluate()
                self.rec.validation(v)
                self.log.writerow([epoch, b, mse, v, v ** .5])
                print(f"epoch {epoch}: mse {mse:.4f}  valid rmse {v ** .5:.4f}")

    def training_step(self, batch):
        u, i, y = batch
        self.optimizer.zero_grad()
        loss = self.loss(self.model(u, i), y)
        loss.backward()
        self.optimizer.step()
        self.rec.step(loss)
        return loss.item()

    @torch.no_grad()
    def evaluate(self):
        se = n = 0
        for u, i, y in self.valid_dl:
            se += ((self.model(u, i) - y) ** 2).sum().item()
            n += len(y)
        return se / n


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    args = p.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(10)
    user, film, stars = ratings()
    cut = np.random.default_rng(3).permutation(len(stars))
    tr, va = cut[:40000], cut[40000:]
    codes = encode(user, film)
    if args.sound:
        train, valid = FilmClub(user[tr], film[tr], stars[tr], codes), FilmClub(user[va], film[va], stars[va], codes)
    else:
        train = FilmClub(user[tr], film[tr], stars[tr], encode(user[tr], film[tr]))
        valid = FilmClub(user[va], film[va], stars[va], encode(user[va], film[va]))
    DL = torch.utils.data.DataLoader
    model = MF(len(codes[0]), len(codes[1]))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    Trainer(model, optimizer, DL(train, 500, shuffle=True), DL(valid, 2000), args.out).fit(8)


if __name__ == "__main__":
    main()
