"""Tag the slots of requests (people, places, dates, articles) with a bidirectional LSTM."""
import random
import sys

import newllm
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-DATE", "I-DATE", "B-ITEM", "I-ITEM"]
TAG_INDEX = {tag: index for index, tag in enumerate(TAGS)}

random.seed(11)
torch.manual_seed(11)
torch.set_num_threads(1)


# ---------------------------------------------------------------- the requests
def coin(count, taken, parts):
    words = []
    while len(words) < count:
        word = "".join(random.choice("bdfgklmnprstvz") + random.choice("aeiou") for _ in range(parts))
        if word not in taken:
            taken.add(word)
            words.append(word)
    return words


taken = set()
common = coin(500, taken, 2)
first, last = coin(120, taken, 3), coin(120, taken, 3)
places, parts_of_places = coin(120, taken, 3), coin(30, taken, 3)
months, days = coin(12, taken, 3), [str(day) for day in range(1, 32)]
makers, articles = coin(60, taken, 3), coin(100, taken, 3)
places[:40] = first[:40]  # some names are names of people and of places
articles[:30] = common[60:90]  # some articles are everyday words
before = {"PER": common[:8], "LOC": common[8:16], "DATE": common[16:21], "ITEM": common[21:28]}
weights = [1 / (rank + 5) for rank in range(len(common))]


def entity(kind):
    if kind == "PER":
        words = [random.choice(first)] + ([random.choice(last)] if random.random() < 0.6 else [])
    elif kind == "LOC":
        words = [random.choice(places)] + ([random.choice(parts_of_places)] if random.random() < 0.3 else [])
    elif kind == "DATE":
        words = [random.choice(days), random.choice(months)] if random.random() < 0.7 else [random.choice(months)]
    else:
        words = [random.choice(makers), random.choice(articles)] + ([random.choice(days)] if random.random() < 0.3 else [])
    return words, [f"B-{kind}"] + [f"I-{kind}"] * (len(words) - 1)


def filler(count):
    words = random.choices(common, weights, k=count)
    if random.random() < 0.15:
        words.append(random.choice(days))  # a bare number is no date
    return words


def request():
    words, tags = [], []
    for _ in range(random.choice([1, 1, 2, 2, 3])):
        kind = random.choice(["PER", "LOC", "DATE", "ITEM"])
        lead = filler(random.randint(1, 5)) + [random.choice(before[kind])]
        found, found_tags = entity(kind)
        words += lead + found
        tags += ["O"] * len(lead) + found_tags
    tail = filler(random.randint(0, 5))
    return words + tail, tags + ["O"] * len(tail)


train_requests = [request() for _ in range(3000)]
validation_requests = [request() for _ in range(400)]

WORDS = {"<pad>": 0, "<unknown>": 1}
counts = {}
for words, _ in train_requests:
    for word in words:
        counts[word] = counts.get(word, 0) + 1
for word in sorted(counts):
    if counts[word] > 1:
        WORDS[word] = len(WORDS)

TAG_PAD = WORDS["<pad>"]


def encode(words, tags):
    return torch.tensor([WORDS.get(word, 1) for word in words]), torch.tensor([TAG_INDEX[tag] for tag in tags])


def collate(rows):
    words, tags = zip(*rows)
    lengths = torch.tensor([len(row) for row in words])
    words = pad_sequence(words, batch_first=True, padding_value=WORDS["<pad>"])
    tags = pad_sequence(tags, batch_first=True, padding_value=TAG_PAD)
    return words, tags, lengths


train_loader = DataLoader([encode(*row) for row in train_requests], 32, shuffle=True, collate_fn=collate, drop_last=True)
validation_loader = DataLoader([encode(*row) for row in validation_requests], 100, collate_fn=collate)


# ---------------------------------------------------------------- the model
class Tagger(nn.Module):
    def __init__(self, width=64, hidden=96):
        super().__init__()
        self.embedding = nn.Embedding(len(WORDS), width, padding_idx=WORDS["<pad>"])
        self.lstm = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(2 * hidden, len(TAGS))

    def forward(self, words, lengths):
        packed = pack_padded_sequence(self.dropout(self.embedding(words)), lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=words.shape[1])
        return self.head(self.dropout(states))


def spans(tags):
    found, start = set(), None
    for place, tag in enumerate([*tags, "O"]):
        if start is not None and tag != f"I-{tags[start][2:]}":
            found.add((start, place, tags[start][2:]))
            start = None
        if tag.startswith("B-"):
            start = place
    return found


def evaluate(model, criterion):
    model.eval()
    losses, right, words_seen, hits, given, wanted = [], 0, 0, 0, 0, 0
    with torch.no_grad():
        for words, tags, lengths in validation_loader:
            logits = model(words, lengths)
            losses.append(criterion(logits.flatten(0, 1), tags.flatten()).item())
            for guess, tag, length in zip(logits.argmax(-1), tags, lengths):
                guess, tag = guess[:length], tag[:length]
                right += (guess == tag).sum().item()
                words_seen += length.item()
                guessed, true = spans([TAGS[i] for i in guess]), spans([TAGS[i] for i in tag])
                hits, given, wanted = hits + len(guessed & true), given + len(guessed), wanted + len(true)
    model.train()
    return sum(losses) / len(losses), right / words_seen, 2 * hits / max(1, given + wanted)


model = Tagger()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
updates, step = 600, 0
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=updates, pct_start=0.1)
criterion = nn.CrossEntropyLoss(ignore_index=TAG_PAD)

with newllm.record(model, optimizer, out=f"runs/{sys.argv[1]}") as recorder:
    while step < updates:
        for words, tags, lengths in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(words, lengths).flatten(0, 1), tags.flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            recorder.step(loss)
            step += 1
            if step % 50 == 0:
                validation_loss, accuracy, f1 = evaluate(model, criterion)
                recorder.validation(validation_loss, accuracy=accuracy)
                recorder.metrics({"f1": f1})
                print(f"step {step}  loss {loss.item():.4f}  validation loss {validation_loss:.4f}  accuracy {accuracy:.4f}  f1 {f1:.4f}", flush=True)
            if step == updates:
                break
