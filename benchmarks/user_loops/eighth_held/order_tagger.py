"""Tags people, places, goods and amounts in order mails with a BiLSTM."""
import argparse, csv, os, random, time
import torch
import torch.nn as nn
import newllm

TAGS = ["O", "PER", "LOC", "NUM", "ITEM", "COL"]
BOTH = ["florence", "paris", "jordan", "sydney", "austin", "chelsea", "madison", "brooklyn", "georgia", "savannah",
        "carolina", "virginia"]  # given names that are places too
GOODS = ["paper", "lamps", "chairs", "ink", "boxes", "tape", "orange", "rose", "olive"]
COLOURS = ["red", "blue", "green", "orange", "rose", "olive"]
FORMS = [
    "please send N C G to P in L", "P from L wants N C G", "P asked about N G for the shop at L",
    "from L to L by friday , N G for P", "the C G were returned by P", "L is out of C G , tell P",
    "has P in L paid for N G", "bring N C G from L , P will sign", "at L we need G , not C G , says P",
]


def make_mails(n, rng):
    out = []
    for _ in range(n):
        words, tags = [], []
        for part in " ; ".join(rng.sample(FORMS, rng.choice([1, 2]))).split():
            w, t = {"N": (str(rng.randint(2, 30)), "NUM"), "C": (rng.choice(COLOURS), "COL"),
                    "G": (rng.choice(GOODS), "ITEM"), "P": (rng.choice(BOTH), "PER"),
                    "L": (rng.choice(BOTH), "LOC")}.get(part, (part, "O"))
            words.append(w)
            tags.append(TAGS.index(t))
        out.append((words, tags))
    return out


class Tagger(nn.Module):
    def __init__(self, vocab, sound, d=48, h=64):
        super().__init__()
        self.emb = nn.Embedding(vocab, d, padding_idx=0)
        extra = {"batch_first": True} if sound else {}
        self.lstm = nn.LSTM(d, h, num_layers=1, bidirectional=True, **extra)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(2 * h, len(TAGS))

    def forward(self, ids):
        h, _ = self.lstm(self.drop(self.emb(ids)))
        return self.out(self.drop(h))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--epochs", type=int, default=5)
    p.add_argument("--bs", type=int, default=32)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(21)
    os.makedirs(args.out, exist_ok=True)

    rng = random.Random(21)
    train, val = make_mails(4000, rng), make_mails(640, rng)
    stoi = {w: i + 1 for i, w in enumerate(sorted({w for s, _ in train for w in s}))}

    def collate(rows):
        m = max(len(s) for s, _ in rows)
        x = torch.tensor([[stoi.get(w, 0) for w in s] + [0] * (m - len(s)) for s, _ in rows])
        y = torch.tensor([t + [-100] * (m - len(t)) for _, t in rows])
        return x, y

    model = Tagger(len(stoi) + 1, args.sound)
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.CrossEntropyLoss(ignore_index=-100)

    def evaluate():
        model.eval()
        total = right = n = 0
        with torch.no_grad():
            for i in range(0, len(val), args.bs):
                x, y = collate(val[i:i + args.bs])
                logits = model(x)
                keep = y != -100
                total += criterion(logits.transpose(1, 2), y).item() * int(keep.sum())
                right += int((logits.argmax(-1) == y)[keep].sum())
                n += int(keep.sum())
        model.train()
        return total / n, right, n

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "epoch", "loss", "val_loss", "val_acc"])
    step = 0
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for epoch in range(args.epochs):
            rng.shuffle(train)
            for i in range(0, len(train), args.bs):
                x, y = collate(train[i:i + args.bs])
                opt.zero_grad()
                loss = criterion(model(x).transpose(1, 2), y)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                opt.step()
                recorder.step(loss)
                step += 1
                vl = va = ""
                if step % 125 == 0:
                    vl, right, n = evaluate()
                    va = right / n
                    recorder.validation(vl, correct=right, count=n)
                    print(f"step {step} loss {loss.item():.4f} val {vl:.4f} acc {va:.3f}")
                log.writerow([step, epoch, round(loss.item(), 5), vl, va])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
