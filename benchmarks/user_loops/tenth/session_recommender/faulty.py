"""Next-item recommendation for shop sessions: a small Transformer over the items of a session (BERT4Rec-like pooling)."""

import sys

import newllm
import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(42)

ITEMS, GROUPS, MAX_LEN, PAD = 200, 20, 24, 0
PER_GROUP = ITEMS // GROUPS


def simulate(count, g):
    """Sessions of 5 to 20 views. A buyer has one goal and browses two themes; the goal's group is fixed by both themes
    together."""
    pair = torch.randperm(GROUPS * GROUPS, generator=torch.Generator().manual_seed(1)).view(GROUPS, GROUPS) % GROUPS
    popularity = 1 / torch.arange(1, PER_GROUP + 1).float()
    sessions = torch.full((count, MAX_LEN), PAD)
    bought = torch.zeros(count, dtype=torch.long)
    for n in range(count):
        length = int(torch.randint(5, 21, (1,), generator=g))
        a, b = torch.randperm(GROUPS // 2, generator=g)[:2].tolist()
        theme = torch.where(torch.rand(length, generator=g) < 0.5, a, b)
        theme[-1], theme[-2] = a, b
        stray = torch.rand(length, generator=g) < 0.15
        stray[-2:] = False
        theme[stray] = torch.randint(0, GROUPS, (int(stray.sum()),), generator=g)
        rank = torch.multinomial(popularity, length, replacement=True, generator=g)
        sessions[n, :length] = 1 + theme * PER_GROUP + rank
        target_rank = int(torch.multinomial(popularity**2, 1, generator=g))
        bought[n] = 1 + pair[a, b] * PER_GROUP + target_rank
    return sessions, bought


class SessionModel(nn.Module):
    def __init__(self, width=64, heads=4, layers=2):
        super().__init__()
        self.items = nn.Embedding(ITEMS + 1, width, padding_idx=PAD)
        self.places = nn.Embedding(MAX_LEN, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout=0.1, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, ITEMS + 1)

    def forward(self, sessions):
        mask = sessions != PAD
        lengths = (sessions != PAD).sum(1)
        back = (lengths[:, None] - 1 - torch.arange(sessions.shape[1])).clamp(min=0)
        h = self.items(sessions) + self.places(back)
        h = self.encoder(h, src_key_padding_mask=mask)
        last = h[torch.arange(len(h)), lengths - 1]
        return self.head(self.norm(last))


@torch.no_grad()
def evaluate(model, sessions, bought):
    model.eval()
    logits = torch.cat([model(s) for s in sessions.split(250)])
    model.train()
    loss = F.cross_entropy(logits, bought).item()
    top = logits.topk(10, dim=1).indices
    hit = (top == bought[:, None]).any(1).float().mean().item()
    return loss, hit


g = torch.Generator().manual_seed(7)
sessions, bought = simulate(9000, g)
val_sessions, val_bought = simulate(1000, g)

model = SessionModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
BATCH, STEPS = 64, 700
scheduler = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda s: min(1.0, (s + 1) / 50) * (1 - s / (STEPS + 1))
)
run = newllm.record(model, optimizer, out="runs/" + sys.argv[1])
order = torch.randperm(len(sessions), generator=g)
at = 0
for step in range(1, STEPS + 1):
    if at + BATCH > len(order):
        order, at = torch.randperm(len(sessions), generator=g), 0
    rows = order[at : at + BATCH]
    at += BATCH
    loss = F.cross_entropy(model(sessions[rows]), bought[rows])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    run.step(loss)
    if step % 50 == 0:
        val, hit = evaluate(model, val_sessions, val_bought)
        run.validation(val)
        run.metrics({"hit_at_10": hit})
        print(f"step {step} loss {loss.item():.4f} val {val:.4f} hit@10 {hit:.3f}", flush=True)
run.close()
