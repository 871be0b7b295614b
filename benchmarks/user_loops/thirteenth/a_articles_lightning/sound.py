"""Which article is a sentence from? A convolutional classifier on WikiText-2, with Lightning."""
import lzma
import re
import sys
from collections import Counter

import lightning as L
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset

import newllm.lightning

torch.set_num_threads(1)
L.seed_everything(5)

SOURCE = "wikitext2.train.txt.xz"
ARTICLES = [
    "Bob Dylan", "Ireland", "Cambodian Campaign", "Laurence Olivier", "Jin – Song Wars", "Roger Federer",
    "Missouri River", "Magadheera", "Track and field", "Star", "Eva Perón", "Ancient Egyptian deities",
]
VOCABULARY = 8000
LENGTH = 40
PAD, UNKNOWN = 0, 1


def read_sentences():
    texts, labels, article = [], [], None
    with lzma.open(SOURCE, "rt", encoding="utf-8") as file:
        for line in file:
            heading = re.fullmatch(r" ?= ([^=].*[^=]) = ?\n", line)
            if heading:
                article = heading.group(1)
            elif article in ARTICLES and not line.lstrip().startswith("="):
                for sentence in line.strip().split(" . "):
                    if len(sentence.split()) >= 8:
                        texts.append(sentence.lower())
                        labels.append(ARTICLES.index(article))
    return texts, labels


def build_vocabulary(texts):
    counts = Counter(word for text in texts for word in text.split() if word != "<unk>")
    return {word: i + 2 for i, (word, _) in enumerate(counts.most_common(VOCABULARY - 2))}


class SentenceDataset(Dataset):
    def __init__(self, texts, labels, vocabulary=None):
        self.vocabulary = vocabulary or build_vocabulary(texts)
        self.labels = torch.tensor(labels)
        self.ids = torch.full((len(texts), LENGTH), PAD)
        for row, text in zip(self.ids, texts):
            ids = [self.vocabulary.get(word, UNKNOWN) for word in text.split()[:LENGTH]]
            row[: len(ids)] = torch.tensor(ids)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.ids[i], self.labels[i]


class ArticleData(L.LightningDataModule):
    def setup(self, stage=None):
        texts, labels = read_sentences()
        train_texts, val_texts, train_labels, val_labels = train_test_split(
            texts, labels, test_size=0.25, stratify=labels, random_state=0
        )
        self.train_set = SentenceDataset(train_texts, train_labels)
        self.val_set = SentenceDataset(val_texts, val_labels, self.train_set.vocabulary)

    def train_dataloader(self):
        return DataLoader(self.train_set, batch_size=32, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val_set, batch_size=256)


class SentenceClassifier(L.LightningModule):
    def __init__(self, dim=64, filters=64, dropout=0.3, lr=1e-3):
        super().__init__()
        self.save_hyperparameters()
        self.embedding = nn.Embedding(VOCABULARY, dim, padding_idx=PAD)
        self.convolutions = nn.ModuleList([nn.Conv1d(dim, filters, size, padding=size // 2) for size in (1, 3)])
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * filters, len(ARTICLES))

    def forward(self, ids):
        h = self.dropout(self.embedding(ids)).transpose(1, 2)
        pooled = [F.relu(convolution(h)).amax(dim=2) for convolution in self.convolutions]
        return self.output(self.dropout(torch.cat(pooled, dim=1)))

    def step(self, batch, name):
        ids, labels = batch
        logits = self(ids)
        loss = F.cross_entropy(logits, labels)
        accuracy = (logits.argmax(dim=1) == labels).float().mean()
        self.log_dict({f"{name}_loss": loss, f"{name}_accuracy": accuracy}, on_step=False, on_epoch=True, batch_size=len(ids))
        return loss

    def training_step(self, batch, batch_idx):
        return self.step(batch, "train")

    def validation_step(self, batch, batch_idx):
        self.step(batch, "val")

    def on_train_epoch_end(self):
        m = self.trainer.callback_metrics
        print(f"epoch {self.current_epoch + 1}: " + ", ".join(f"{k} {v:.3f}" for k, v in sorted(m.items())))

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.hparams.lr, weight_decay=0.01)


def main():
    data = ArticleData()
    trainer = L.Trainer(
        max_epochs=12,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[newllm.lightning.Recorder(out="runs/" + sys.argv[1])],
    )
    trainer.fit(SentenceClassifier(), datamodule=data)
    print(len(data.train_set), "sentences for training,", len(data.val_set), "for validation")


if __name__ == "__main__":
    main()
