# -*- coding: utf-8 -*-
"""Skip-gram with negative sampling on receipts of a market."""
import argparse
import csv
import os
import numpy as np
import torch
import torch as t
import torch.nn as nn
import newllm


class Word2Vec(nn.Module):
    def __init__(self, vocab_size, embedding_size=24):
        super(Word2Vec, self).__init__()
        self.ivectors = nn.Embedding(vocab_size, embedding_size, sparse=True)
        self.ovectors = nn.Embedding(vocab_size, embedding_size, sparse=True)
        self.ivectors.weight.data.uniform_(-0.5 / embedding_size, 0.5 / embedding_size)
        self.ovectors.weight.data.uniform_(-0.5 / embedding_size, 0.5 / embedding_size)


class SGNS(nn.Module):
    def __init__(self, embedding, vocab_size, n_negs, weights):
        super(SGNS, self).__init__()
        self.embedding, self.vocab_size, self.n_negs = embedding, vocab_size, n_negs
        wf = np.power(weights, 0.75)
        self.weights = t.FloatTensor(wf / wf.sum())

    def forward(self, iword, owords):
        nwords = t.multinomial(self.weights, len(iword) * self.n_negs, replacement=True).view(len(iword), -1)
        iv = self.embedding.ivectors(iword).unsqueeze(2)
        ov = self.embedding.ovectors(owords.unsqueeze(1))
        nv = self.embedding.ovectors(nwords).neg()
        oloss = t.bmm(ov, iv).squeeze(2).sigmoid().clamp(min=1e-7).log().mean(1)
        nloss = t.bmm(nv, iv).squeeze(2).sigmoid().clamp(min=1e-7).log().view(-1, self.n_negs).sum(1)
        return -(oloss + nloss).mean()


def receipts(n, seed):
    """Each receipt is of one kitchen; goods of the kitchen by a Zipf law, now and then anything."""
    rng = np.random.default_rng(seed)
    zipf = 1 / np.arange(1, 31) ** .8
    zipf /= zipf.sum()
    kitchen = rng.integers(0, 8, n)
    goods = kitchen[:, None] * 30 + rng.choice(30, (n, 6), p=zipf)
    noise = rng.random((n, 6)) < .1
    goods[noise] = rng.integers(0, 240, noise.sum())
    return goods


def pairs(goods, rng):
    i, j = rng.integers(0, 6, (2, len(goods), 4))
    keep = i != j
    rows = np.arange(len(goods))[:, None].repeat(4, 1)
    return np.stack([goods[rows[keep], i[keep]], goods[rows[keep], j[keep]]], 1)


def purity(w):
    w = nn.functional.normalize(w, dim=1)
    s = w @ w.T - 2 * t.eye(240)
    nn5 = s.topk(5, 1).indices // 30
    return (nn5 == (t.arange(240) // 30)[:, None]).float().mean().item()


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--out', required=True)
    parser.add_argument('--sound', action='store_true')
    parser.add_argument('--n_negs', type=int, default=8)
    parser.add_argument('--mb', type=int, default=512)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(12)
    rng = np.random.default_rng(12)
    goods, held = receipts(40000, 1), receipts(3000, 2)
    model = SGNS(Word2Vec(240), 240, args.n_negs, np.bincount(goods.ravel(), minlength=240))
    optim = t.optim.SparseAdam(list(model.parameters()), lr=5e-3)
    valid = t.tensor(pairs(held, rng))
    step = 0
    with newllm.record(model, optim, out=os.path.join(args.out, 'recording')) as recorder, open(os.path.join(args.out, 'log.csv'), 'w') as f:
        w = csv.writer(f)
        w.writerow(['step', 'epoch', 'loss', 'valid_loss', 'neighbour_purity'])
        for epoch in range(1, 4):
            p = t.tensor(pairs(goods, rng))
            for idx in t.randperm(len(p)).split(args.mb):
                loss = model(p[idx, 0], p[idx, 1])
                optim.zero_grad()
                loss.backward()
                optim.step()
                recorder.step(loss)
                step += 1
                row = [step, epoch, loss.item(), '', '']
                if step % 60 == 0:
                    with t.no_grad():
                        v = model(valid[:, 0], valid[:, 1]).item()
                    row[3:] = [v, purity(model.embedding.ivectors.weight.data)]
                    recorder.validation(v)
                    print(row)
                w.writerow(row)
