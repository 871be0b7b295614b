"""Character model of short river tales; the hidden state runs on through the text."""
import argparse, csv, os, random, time
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

NAMES = "Mara Tomas Ilse Jonas Petra Emil".split()
PLACES = "the mill|the old bridge|the ferry|the reeds|the upper lock|the island".split("|")
ACTS = "found a silver fish|lost a shoe|saw a heron|mended a net|heard a bell|tied up the boat".split("|")
ENDS = "and told nobody|and laughed for an hour|until the moon rose|before the rain came|and went home".split("|")


def tales(n, rng):
    out = []
    for _ in range(n):
        who, other = rng.sample(NAMES, 2)
        out.append(f"{who} went down to {rng.choice(PLACES)}. There {who} {rng.choice(ACTS)} {rng.choice(ENDS)}. "
                   f"\"Is that you, {other}?\" asked {who}. {other} {rng.choice(ACTS)} {rng.choice(ENDS)}.\n")
    return "".join(out)


class CharGRU(nn.Module):
    def __init__(self, vocab, d=32, h=128):
        super().__init__()
        self.emb, self.gru, self.out = nn.Embedding(vocab, d), nn.GRU(d, h, batch_first=True), nn.Linear(h, vocab)

    def forward(self, ids, state=None):
        h, state = self.gru(self.emb(ids), state)
        return self.out(h), state


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--epochs", type=int, default=2)
    p.add_argument("--bs", type=int, default=16)
    p.add_argument("--bptt", type=int, default=48)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(141)
    os.makedirs(args.out, exist_ok=True)

    rng = random.Random(141)
    text, text_v = tales(1500, rng), tales(60, rng)
    stoi = {c: i for i, c in enumerate(sorted(set(text + text_v)))}
    data = torch.tensor([stoi[c] for c in text])
    data = data[: len(data) // args.bs * args.bs].view(args.bs, -1)
    val = torch.tensor([stoi[c] for c in text_v])[None, :]
    model = CharGRU(len(stoi))
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    per_epoch = (data.shape[1] - 1) // args.bptt
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.epochs * per_epoch, eta_min=1e-4)

    def evaluate():
        model.eval()
        with torch.no_grad():
            out, _ = model(val[:, :-1])
            right = int((out.argmax(-1) == val[:, 1:]).sum())
            loss = F.cross_entropy(out.flatten(0, 1), val[:, 1:].flatten()).item()
        model.train()
        return loss, right

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "epoch", "loss", "lr", "val_loss", "val_acc"])
    step = 0
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for epoch in range(args.epochs):
            state = None
            for k in range(per_epoch):
                i = k * args.bptt
                x, y = data[:, i:i + args.bptt], data[:, i + 1:i + args.bptt + 1]
                out, state = model(x, state)
                state = state.detach()
                loss = F.cross_entropy(out.flatten(0, 1), y.flatten())
                opt.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                opt.step()
                sched.step()
                recorder.step(loss)
                step += 1
                vl = va = ""
                if step % 50 == 0:
                    vl, right = evaluate()
                    va = right / (val.shape[1] - 1)
                    recorder.validation(vl, correct=right, count=val.shape[1] - 1)
                    print(f"step {step} loss {loss.item():.4f} val {vl:.4f} acc {va:.3f}")
                log.writerow([step, epoch, round(loss.item(), 5), sched.get_last_lr()[0], vl, va])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
