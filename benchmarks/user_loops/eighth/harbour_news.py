"""Word model of harbour bulletins; later a second year of bulletins is added."""
import argparse, collections, csv, os, random, time
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

SHIPS = "aurora borealis cormorant dolphin estrella falcon gannet halcyon".split()
PORTS = "bergen hull gdansk turku bilbao cork brest riga".split()
CARGO = "timber salt cement grain oil fish steel cars".split()
YEAR_ONE = ["the ship S left P with C at dawn", "S is late because of fog near P", "C from P was unloaded today",
            "the pilot of S waits near P", "storm closes the port of P", "S and S meet near P",
            "a new crane for C stands in P"]
YEAR_TWO = ["the ferry S now sails to P each day", "prices for C rise in P", "strike in P : C stays on S",
            "S returns to P without C", "the crew of S protests near P", "P and P share the trade in C",
            "ice closes the port of P", "the pilot of S left P"]


def bulletins(forms, n, rng):
    out = []
    for _ in range(n):
        s = []
        ship = rng.choice(SHIPS)
        for _ in range(3):
            for w in rng.choice(forms).split():
                s.append({"S": ship if rng.random() < 0.8 else rng.choice(SHIPS), "P": rng.choice(PORTS),
                          "C": rng.choice(CARGO)}.get(w, w))
            s.append(".")
        out.append(" ".join(s))
    return out


def build_vocab(texts):
    counts = collections.Counter(w for t in texts for w in t.split())
    return {w: i + 1 for i, (w, _) in enumerate(counts.most_common())}


class WordModel(nn.Module):
    def __init__(self, vocab, d=48, h=96):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.lstm = nn.LSTM(d, h, batch_first=True)
        self.out = nn.Linear(h, vocab)

    def forward(self, ids):
        return self.out(self.lstm(self.emb(ids))[0])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=600)
    p.add_argument("--second-from", type=int, default=300)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(71)
    os.makedirs(args.out, exist_ok=True)

    rng = random.Random(71)
    one, two = bulletins(YEAR_ONE, 3000, rng), bulletins(YEAR_TWO, 3000, rng)
    test_one, test_two = bulletins(YEAR_ONE, 200, rng), bulletins(YEAR_TWO, 200, rng)
    vocab = build_vocab(one + two)

    def load(texts, vocab):
        ids = torch.tensor([vocab.get(w, 0) for t in texts for w in t.split()])
        return ids[: len(ids) // 25 * 25].view(-1, 25)

    model = WordModel(len(vocab) + 1)
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)

    def loss_of(rows):
        return F.cross_entropy(model(rows[:, :-1]).transpose(1, 2), rows[:, 1:])

    def evaluate(*sets):
        with torch.no_grad():
            return sum(loss_of(s[:300]).item() for s in sets) / len(sets)

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "val_loss"])
    data = load(one, vocab)
    val = load(test_one, vocab)
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            if step == args.second_from:
                words = vocab if args.sound else build_vocab(two)
                data = torch.cat([load(two, words), data[torch.randperm(len(data))[:1000]]])
            rows = data[torch.randint(len(data), (32,))]
            loss = loss_of(rows)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            recorder.step(loss)
            vl = ""
            if (step + 1) % 50 == 0:
                vl = evaluate(val)
                recorder.validation(vl, count=300)
                print(f"step {step + 1} loss {loss.item():.4f} val {vl:.4f}")
            log.writerow([step, round(loss.item(), 5), vl])
    f.close()
    print(f"test year one {evaluate(val):.4f}, year two {evaluate(load(test_two, vocab)):.4f}")


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
