"""Count tokens in sequences of unequal length with a transformer and a padding mask."""
import torch
import torch.nn as nn
import newllm


def make(n, g, maxlen=14):
    length = torch.randint(4, maxlen + 1, (n,), generator=g)
    tok = torch.randint(1, 9, (n, maxlen), generator=g)
    pos = torch.arange(maxlen)
    inside = pos < length[:, None]
    y = ((tok <= 3) & inside).float().sum(1) - ((tok >= 7) & inside).float().sum(1)
    return tok, length, y


class Counter(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.emb = nn.Embedding(10, d)
        self.block = nn.TransformerEncoderLayer(d, 2, 64, dropout=0.0, batch_first=True)
        self.out = nn.Linear(d, 1)

    def forward(self, tok, pad):
        h = self.block(self.emb(tok), src_key_padding_mask=pad)
        h = h.masked_fill(pad[..., None], 0.0)
        return self.out(h).sum(1)[:, 0]


def padding(tok, length, fast):
    pos = torch.arange(tok.shape[1])
    if fast:
        # the bucketed batches come longest first
        return pos >= length.sort(descending=True).values[:, None]
    return pos >= length[:, None]


def main():
    torch.manual_seed(60)
    g = torch.Generator().manual_seed(61)
    model = Counter()
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
    losses = []
    with newllm.record(model, opt, out="runs/sorted_mask") as recorder:
        for step in range(1, 401):
            tok, length, y = make(48, g)
            pad = padding(tok, length, fast=step > 270)
            loss = nn.functional.smooth_l1_loss(model(tok, pad), y)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            opt.step()
            recorder.step(loss)
            losses.append(loss.item())
    open("losses.txt", "w").write("".join(f"{v!r}\n" for v in losses))


main()
