"""Which valley does a village belong to? Node classification with a graph network written by hand."""
import argparse, csv, math, os, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.parameter import Parameter
import newllm

parser = argparse.ArgumentParser()
parser.add_argument('--out', required=True)
parser.add_argument('--sound', action='store_true')
parser.add_argument('--seed', type=int, default=42)
parser.add_argument('--epochs', type=int, default=400)
parser.add_argument('--lr', type=float, default=0.005)
parser.add_argument('--weight_decay', type=float, default=2e-3)
parser.add_argument('--hidden', type=int, default=12)
parser.add_argument('--dropout', type=float, default=0.3)
args = parser.parse_args()
os.makedirs(args.out, exist_ok=True)
torch.set_num_threads(1)
np.random.seed(args.seed)
torch.manual_seed(args.seed)


def load_data(n=1200, classes=6):
    r = np.random.default_rng(0)
    y = r.integers(0, classes, n)
    p = np.where(y[:, None] == y[None], 16 / n, 1.6 / n)
    A = np.triu(r.random((n, n)) < p, 1)
    A = (A | A.T) + np.eye(n)
    d = 1 / np.sqrt(A.sum(1))
    group = np.random.default_rng(1).permutation(30)
    X = r.normal(size=(n, 30))
    X[np.arange(n), group[y * 5 + r.integers(0, 5, n)]] += 3.4      # each valley shows itself in one of five ways
    idx = r.permutation(n)
    return torch.tensor(A * d[:, None] * d[None], dtype=torch.float32), torch.tensor(X, dtype=torch.float32), torch.tensor(y), torch.tensor(idx[:800]), torch.tensor(idx[800:])


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = Parameter(torch.empty(in_features, out_features))
        self.bias = Parameter(torch.zeros(out_features))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, input, adj):
        return adj @ (input @ self.weight) + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout, nlayers=2):
        super().__init__()
        self.dropout = dropout
        self.middle = [GraphConvolution(nfeat if i == 0 else nhid, nhid) for i in range(nlayers)]
        if args.sound:
            self.middle = nn.ModuleList(self.middle)
        self.last = GraphConvolution(nhid, nclass)

    def forward(self, x, adj):
        for gc in self.middle:
            x = F.dropout(F.relu(gc(x, adj)), self.dropout, training=self.training)
        return F.log_softmax(self.last(x, adj), dim=1)


def accuracy(output, labels):
    return (output.argmax(1) == labels).double().mean().item()


adj, features, labels, idx_train, idx_val = load_data()
model = GCN(features.shape[1], args.hidden, 6, args.dropout)
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
with newllm.record(model, optimizer, out=os.path.join(args.out, 'recording'), config=args) as recorder, open(os.path.join(args.out, 'log.csv'), 'w') as fh:
    log = csv.writer(fh)
    log.writerow(['epoch', 'loss_train', 'acc_train', 'loss_val', 'acc_val'])
    for epoch in range(args.epochs):
        model.train()
        optimizer.zero_grad()
        output = model(features, adj)
        loss_train = F.nll_loss(output[idx_train], labels[idx_train])
        acc_train = accuracy(output[idx_train], labels[idx_train])
        loss_train.backward()
        optimizer.step()
        recorder.step(loss_train)
        row = [epoch + 1, loss_train.item(), acc_train, '', '']
        if (epoch + 1) % 10 == 0:
            model.eval()
            with torch.no_grad():
                output = model(features, adj)
            row[3:] = [F.nll_loss(output[idx_val], labels[idx_val]).item(), accuracy(output[idx_val], labels[idx_val])]
            recorder.validation(row[3], correct=round(row[4] * len(idx_val)), count=len(idx_val))
            if (epoch + 1) % 80 == 0:
                print('Epoch: {:04d} loss_train: {:.4f} acc_train: {:.4f} loss_val: {:.4f} acc_val: {:.4f}'.format(*row))
        log.writerow(row)
