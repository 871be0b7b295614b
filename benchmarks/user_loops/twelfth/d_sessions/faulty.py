"""Intent of a shop session from the order of its events (Lightning)."""
import sys
import warnings

import lightning
import newllm.lightning
import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")

EVENTS, LENGTH, CLASSES = 24, 40, 6
ORDERS = [(1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1)]


def make_sessions(count, seed):
    rng = np.random.default_rng(seed)
    events = rng.integers(4, EVENTS, size=(count, LENGTH))
    intents = rng.integers(0, CLASSES, size=count)
    for row, intent in enumerate(intents):
        places = np.sort(rng.choice(LENGTH, size=3, replace=False))
        events[row, places] = ORDERS[intent]
    noisy = rng.random(count) < 0.02
    intents[noisy] = rng.integers(0, CLASSES, size=noisy.sum())
    return TensorDataset(torch.from_numpy(events), torch.from_numpy(intents))


class IntentModel(lightning.LightningModule):
    def __init__(self, width=64, learning_rate=1.5e-3):
        super().__init__()
        self.save_hyperparameters()
        self.embedding = nn.Embedding(EVENTS, 32)
        self.encoder = nn.GRU(32, width, batch_first=True)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(width, CLASSES)
        self.outputs = []

    def forward(self, events):
        states, _ = self.encoder(self.embedding(events))
        return self.head(self.dropout(states.mean(dim=1)))

    def training_step(self, batch, index):
        events, intents = batch
        loss = F.cross_entropy(self(events), intents)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, index):
        events, intents = batch
        self.outputs.append((self(events), intents))

    def on_validation_epoch_end(self):
        logits = torch.cat([one for one, _ in self.outputs])
        intents = torch.cat([one for _, one in self.outputs])
        predicted = logits.argmax(dim=1)
        accuracy = (predicted == intents).float().mean()
        self.log("val_loss", F.cross_entropy(logits, intents))
        self.log("val_accuracy", accuracy)
        self.log("macro_f1", float(f1_score(intents.numpy(), predicted.numpy(), average="macro")))

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams.learning_rate, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Printer(lightning.Callback):
    def on_validation_end(self, trainer, module):
        if not trainer.sanity_checking:
            shown = {name: round(float(value), 4) for name, value in trainer.callback_metrics.items()}
            print(trainer.current_epoch, trainer.global_step, shown, flush=True)


def main(name):
    lightning.seed_everything(11, verbose=False)
    training = DataLoader(make_sessions(6400, 1), batch_size=128, shuffle=True, drop_last=True)
    validation = DataLoader(make_sessions(1500, 2), batch_size=250)
    trainer = lightning.Trainer(
        max_epochs=14, accelerator="cpu", gradient_clip_val=1.0, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
        callbacks=[newllm.lightning.Recorder(out=f"runs/{name}"), Printer()],
    )
    trainer.fit(IntentModel(), training, validation)


if __name__ == "__main__":
    main(sys.argv[1])
