"""Transformer which reverses short strings of tokens, in bf16 autocast; the vocabulary is widened on the way."""
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm


class Model(nn.Module):
    def __init__(self, vocab, d=48, n=8):
        super().__init__()
        self.emb = nn.Embedding(vocab + 4, d)
        self.pos = nn.Parameter(0.05 * torch.randn(n, d))
        layer = nn.TransformerEncoderLayer(d, 4, 96, dropout=0.0, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab + 4)

    def forward(self, t):
        return self.head(self.enc(self.emb(t) + self.pos))

    def widen(self):
        # four spare tokens are taken into use
        self.head.reset_parameters()
        with torch.no_grad():
            self.emb.weight[-4:].normal_(0, 1.0)


def main(updates=380, vocab=14, length=8):
    torch.manual_seed(29)
    model = Model(vocab, n=length)
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98), weight_decay=0.02)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / 40))
    with newllm.record(model, opt, out="runs/reverse_transformer") as recorder, open("losses.txt", "w") as log:
        for step in range(updates):
            if step == 260:
                model.widen()
            t = torch.randint(0, vocab, (32, length))
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(t)
            loss = F.cross_entropy(logits.float().flatten(0, 1), t.flip(1).flatten())
            opt.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            recorder.step(loss)
            sched.step()
            log.write(f"{loss.item()!r}\n")


main()
