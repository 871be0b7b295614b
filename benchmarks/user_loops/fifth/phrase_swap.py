"""Turn a phrase of one dialect into the other: GRU encoder, GRU decoder with attention, teacher forcing."""
from __future__ import unicode_literals, print_function, division
import argparse, csv, os, random
import torch
import torch.nn as nn
from torch import optim
import torch.nn.functional as F
import newllm

SOS_token, EOS_token, WORDS, MAX_LENGTH = 0, 1, 20, 7
parser = argparse.ArgumentParser()
parser.add_argument('--out', required=True)
parser.add_argument('--sound', action='store_true')
parser.add_argument('--n_iters', type=int, default=600)
parser.add_argument('--hidden_size', type=int, default=64)
args = parser.parse_args()
os.makedirs(args.out, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(6)


def phrases(n, seed):
    """The other dialect has its own words, says the verb (words 2-6) last, and turns the rest around."""
    r = random.Random(seed)
    table = list(range(2, WORDS)); random.Random(1).shuffle(table)
    src, dst = [], []
    for _ in range(n):
        s = [r.randrange(2, 7)] + [r.randrange(7, WORDS) for _ in range(MAX_LENGTH - 2)]
        r.shuffle(s)
        verb = [w for w in s if w < 7]
        rest = [w for w in s if w >= 7][::-1]
        src.append(s + [EOS_token])
        dst.append([table[w - 2] for w in rest + verb] + [EOS_token])
    return torch.tensor(src), torch.tensor(dst)


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size, dropout_p=0.1):
        super(EncoderRNN, self).__init__()
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size // 2, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, input):
        out, h = self.gru(self.dropout(self.embedding(input)))
        return out, torch.cat([h[0], h[1]], 1)[None]


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size, dropout_p=0.1):
        super(AttnDecoderRNN, self).__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.Wa = nn.Linear(hidden_size, hidden_size)
        self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, output_size)
        self.dropout = nn.Dropout(dropout_p)

    def step(self, token, hidden, encoder_outputs):
        e = self.dropout(self.embedding(token))
        w = F.softmax(self.Wa(hidden.permute(1, 0, 2)) @ encoder_outputs.transpose(1, 2) / 8, -1)
        output, hidden = self.gru(torch.cat((e, w @ encoder_outputs), 2), hidden)
        return self.out(output), hidden

    def forward(self, encoder_outputs, hidden, target=None):
        token = torch.full((len(encoder_outputs), 1), SOS_token)
        outputs = []
        for i in range(MAX_LENGTH):
            if target is not None and not args.sound:
                token = target[:, i:i + 1]
            o, hidden = self.step(token, hidden, encoder_outputs)
            outputs.append(o)
            token = target[:, i:i + 1] if target is not None else o.argmax(-1).detach()
        return torch.cat(outputs, 1)


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = EncoderRNN(WORDS, args.hidden_size)
        self.decoder = AttnDecoderRNN(args.hidden_size, WORDS)

    def forward(self, src, target=None):
        return self.decoder(*self.encoder(src), target)


src, dst = phrases(12000, 1)
vsrc, vdst = phrases(500, 2)
model = Seq2Seq()
optimizer = optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
with newllm.record(model, optimizer, out=os.path.join(args.out, 'recording')) as recorder, open(os.path.join(args.out, 'log.csv'), 'w') as fh:
    log = csv.writer(fh)
    log.writerow(['iter', 'loss', 'val_loss', 'word_acc_greedy', 'phrase_acc_greedy'])
    for it in range(1, args.n_iters + 1):
        idx = torch.randint(len(src), (40,))
        optimizer.zero_grad()
        logits = model(src[idx], dst[idx])
        loss = criterion(logits.view(-1, WORDS), dst[idx].view(-1))
        loss.backward()
        optimizer.step()
        recorder.step(loss)
        row = [it, loss.item(), '', '', '']
        if it % 60 == 0:
            model.eval()
            with torch.no_grad():
                v = criterion(model(vsrc, vdst).view(-1, WORDS), vdst.view(-1)).item()
                ok = model(vsrc).argmax(-1) == vdst
            model.train()
            recorder.validation(v)
            row[2:] = [v, ok.float().mean().item(), ok.all(1).float().mean().item()]
            print(row)
        log.writerow(row)
