from __future__ import print_function
import argparse, csv, os
import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
import newllm

parser = argparse.ArgumentParser(description='VAE on pressed glyphs')
parser.add_argument('--batch-size', type=int, default=128)
parser.add_argument('--epochs', type=int, default=16)
parser.add_argument('--seed', type=int, default=1)
parser.add_argument('--anneal', type=int, default=400, help='updates until the KL term has its full weight')
parser.add_argument('--log-interval', type=int, default=5)
parser.add_argument('--out', required=True)
parser.add_argument('--sound', action='store_true')
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
os.makedirs(args.out, exist_ok=True)


def glyphs(n, seed):
    """20x20 ink pictures: a tilted bar crossed by an arc, of varying place and size."""
    r = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:20, 0:20].astype('f4')
    cx, cy = r.uniform(7, 13, (2, n, 1, 1)); ang = r.uniform(0, np.pi, (n, 1, 1)); rad = r.uniform(3, 7, (n, 1, 1))
    bar = np.exp(-((xx - cx) * np.sin(ang) - (yy - cy) * np.cos(ang)) ** 2 / 1.0) * (np.hypot(xx - cx, yy - cy) < 7)
    arc = np.exp(-(np.hypot(xx - cx, yy - cy) - rad) ** 2 / .8) * (yy < cy)
    return torch.tensor(np.clip(bar + arc, 0, 1).astype('f4')).view(n, 400)


train_loader = DataLoader(TensorDataset(glyphs(6000, 0)), batch_size=args.batch_size, shuffle=True, drop_last=True)
test_loader = DataLoader(TensorDataset(glyphs(1000, 1)), batch_size=500)


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(400, 200)
        self.fc21 = nn.Linear(200, 10)
        self.fc22 = nn.Linear(200, 10)
        self.fc3 = nn.Linear(10, 200)
        self.fc4 = nn.Linear(200, 400)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


model = VAE()
optimizer = optim.Adam(model.parameters(), lr=1.5e-3)


# summed over all elements and the batch, as in the paper's appendix B
def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x, reduction='sum')
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE, KLD


updates = 0
with newllm.record(model, optimizer, out=os.path.join(args.out, 'recording')) as recorder, open(os.path.join(args.out, 'log.csv'), 'w') as f:
    log = csv.writer(f)
    log.writerow(['update', 'loss', 'bce', 'kld', 'kl_weight', 'test_loss'])
    for epoch in range(1, args.epochs + 1):
        model.train()
        for data, in train_loader:
            beta = min(1.0, updates / args.anneal)
            optimizer.zero_grad()
            bce, kld = loss_function(*((lambda r: (r[0], data, r[1], r[2]))(model(data))))
            loss = bce + beta * kld
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            updates += 1
            if updates % args.log_interval == 0:
                log.writerow([updates, loss.item(), bce.item(), kld.item(), beta, ''])
        model.eval()
        test_loss = 0
        with torch.no_grad():
            for data, in test_loader:
                recon, mu, logvar = model(data)
                b, k = loss_function(recon, data, mu, logvar)
                test_loss += (b + k).item()
        test_loss /= 1000
        recorder.validation(test_loss * args.batch_size)
        log.writerow([updates, '', '', '', beta, test_loss])
        print('====> Epoch: {} bce {:.2f} kld {:.2f} test {:.3f}'.format(epoch, bce.item() / 128, kld.item() / 128, test_loss))
