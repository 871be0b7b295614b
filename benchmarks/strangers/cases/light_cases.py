"""Runs of Lightning."""

from collections.abc import Callable
from typing import Any

import torch
from benchmarks.strangers.cases import faults, schedules
from benchmarks.strangers.cases.light import light
from benchmarks.strangers.cases.registry import Group
from benchmarks.strangers.cases.vision import augmented
from torch.optim import lr_scheduler

cnn = Group("lightning", "CNN classifier", light)
mlp = Group("lightning", "MLP classifier", light, network="mlp")
lstm = Group("lightning", "language model (LSTM)", light, task="language", steps=260, batch=8,
             trainer={"val_check_interval": 50, "log_every_n_steps": 4})  # fmt: skip
vae = Group("lightning", "VAE", light, task="vae")
_EACH = {"log_every_n_steps": 1}
_RAW = {"gradient_clip_val": None}


def _follows(schedule: schedules.Schedule) -> Callable[[torch.optim.Optimizer], Any]:
    return lambda optimizer: lr_scheduler.LambdaLR(optimizer, schedule)


# Healthy.
cnn.healthy("pl-cnn-standard", "nothing")
cnn.healthy("pl-cnn-one-cycle", "the rate rises for a third of the run by plan (one cycle)",
            schedule=lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=264))  # fmt: skip
cnn.healthy("pl-cnn-restarts", "warm restarts by plan", rate=1e-2,
            schedule=lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 88))  # fmt: skip
cnn.healthy("pl-cnn-augmented", "augmentation in training alone", augments=True)
cnn.healthy(
    "pl-cnn-accumulation", "four batches are accumulated", trainer={"accumulate_grad_batches": 4}, steps=80, batch=16
)
cnn.healthy("pl-cnn-averaged", "averaged weights are evaluated: validation lags at first", averages=True)
mlp.healthy("pl-mlp-standard", "nothing", trainer=_EACH)
mlp.healthy(
    "pl-mlp-stopped", "stopped by plan when validation no longer fell", rows=300, patience=3, steps=500, batch=16
)
mlp.healthy("pl-mlp-rough", "four images a batch: rough", batch=4, rate=5e-4, trainer=_EACH, steps=350)
lstm.healthy("pl-lstm-standard", "nothing")
lstm.healthy("pl-lstm-warmup", "a warm-up of 80 steps", schedule=_follows(schedules.warmup(80, schedules.cosine(260))),
             rate=1e-2)  # fmt: skip
vae.healthy("pl-vae-standard", "a sum of pixels, nats")
vae.healthy("pl-vae-annealing", "the weight of the divergence rises by plan: the loss hardly falls",
            weight=lambda step: min(2.0, step / 100))  # fmt: skip

# Faults.
mlp.faulty("pl-rate-spike", "rate multiplied briefly", "the rate is 100 times as high for three steps", (150, 152),
           hooks=(faults.RateTimes(150, 3, 100.0),), trainer=_EACH | _RAW)  # fmt: skip
lstm.faulty("pl-rate-zero", "rate at zero", "the rate is zero from step 60 on", (60, None),
            hooks=(faults.RateTimes(60, 10**6, 0.0),))  # fmt: skip
lstm.faulty("pl-schedule-by-epoch", "schedule stepped too rarely",
            "warm-up and decay count steps, but the interval is an epoch",
            schedule=_follows(schedules.warmup(100, schedules.cosine(260))), interval="epoch", rate=5e-3)  # fmt: skip
cnn.faulty("pl-schedule-by-step", "schedule stepped too often", "StepLR means epochs, but the interval is a step",
           schedule=lambda optimizer: lr_scheduler.StepLR(optimizer, 3, 0.5), rate=1e-3)  # fmt: skip
cnn.faulty("pl-keeps-gradients", "gradients never zeroed", "optimizer_zero_grad does nothing", norm=False,
           hooks=(faults.KeepsGradients(),), optimizer="sgd", rate=0.02, trainer=_RAW)  # fmt: skip
mlp.faulty("pl-keeps-half", "gradients of a part never zeroed", "gradients of the last layer are never cleared",
           hooks=(faults.KeepsGradients("7."),), optimizer="sgd", rate=0.05, trainer=_RAW)  # fmt: skip
mlp.faulty("pl-frozen", "a layer is frozen that should train", "all but the last bias is frozen",
           hooks=(faults.Frozen(("1.", "3.", "5.", "7.weight")),))  # fmt: skip
lstm.faulty("pl-missing", "parameters missing in the optimizer", "the optimizer knows the embedding alone",
            hooks=(faults.Missing(("rnn", "head")),))  # fmt: skip
cnn.faulty("pl-dead", "dead ReLUs", "biases start at -15: no unit fires", norm=False,
           hooks=(faults.DeadUnits(-15.0, "0."),))  # fmt: skip
cnn.faulty("pl-softmax-twice", "softmax twice", "the network ends in a softmax and the loss has another", softmax=True)
cnn.faulty(
    "pl-sum",
    "loss summed, not averaged",
    "the loss is a sum over the batch, with SGD",
    sums=True,
    optimizer="sgd",
    rate=0.05,
    norm=False,
    trainer=_RAW,
)
mlp.faulty("pl-sorted", "data sorted by class", "the loader does not shuffle data that lie sorted", in_order=True,
           shuffles=False, trainer=_EACH, steps=350)  # fmt: skip
mlp.faulty("pl-same-batch", "the same batch again and again", "the data set was cut to one batch", rows=32)
cnn.faulty(
    "pl-corrupted",
    "one corrupted sample",
    "one image is 5,000 times too bright, and has a wrong label",
    corrupted=5000.0,
    norm=False,
    trainer=_EACH | _RAW,
)
mlp.faulty("pl-permuted-once", "targets of one batch permuted", "the labels of step 170 are shuffled", (170, 170),
           hooks=(faults.Permuted(lambda step: step == 170),), trainer=_EACH)  # fmt: skip
lstm.faulty(
    "pl-permuted-from",
    "targets permuted from a step on",
    "targets of other rows from step 150 on",
    (150, None),
    hooks=(faults.Permuted(lambda step: step >= 150),),
)
cnn.faulty("pl-batch-of-one", "batch-norm with a batch of one", "batch-norm is fed one image at a time", batch=1,
           steps=400, trainer={"val_check_interval": 50, "log_every_n_steps": 2})  # fmt: skip
mlp.faulty("pl-dropout-95", "dropout far too strong", "dropout is 0.95", dropout=0.95)
mlp.faulty(
    "pl-dropout-evaluates",
    "dropout alive in evaluation",
    "the module is in training mode in validation",
    dropout=0.7,
    stays_in_training=True,
    trainer={"val_check_interval": 10, "log_every_n_steps": 2},
    visible="no",
    why="validation is as rough and as bad as training, as with a hard task",
)
cnn.faulty("pl-other-preprocessing", "evaluation with another preprocessing", "validation images are 0..16, not 0..1",
           changes_validation=lambda batch: (batch[0] * 16, batch[1]))  # fmt: skip
cnn.faulty("pl-evaluates-augmented", "augmentation in evaluation", "validation images alone are shifted and blurred",
           changes_validation=lambda batch: (augmented(batch[0]), batch[1]),
           trainer={"val_check_interval": 11, "log_every_n_steps": 2})  # fmt: skip
mlp.faulty("pl-labels-misaligned", "validation labels misaligned", "validation labels are shifted by one row",
           changes_validation=lambda batch: (batch[0], torch.roll(batch[1], 1)))  # fmt: skip
mlp.faulty("pl-init-large", "initialisation far too large", "all matrices start 15 times too large",
           hooks=(faults.Scaled(15.0),))  # fmt: skip
lstm.faulty("pl-init-zero", "initialisation at zero", "all weights start at zero", hooks=(faults.Scaled(0.0),))
lstm.faulty("pl-explodes", "recurrent state explodes", "a ReLU RNN with recurrent weights three times too large",
            network="ReLU", hooks=(faults.Scaled(3.0, "weight_hh"),),
            trainer=_RAW | {"val_check_interval": 50, "log_every_n_steps": 2})  # fmt: skip
lstm.faulty("pl-other-tokenizer", "another tokenizer in validation", "validation text is encoded by another alphabet",
            other_tokenizer=True)  # fmt: skip
lstm.faulty("pl-not-shifted", "target not shifted", "the target is the input itself", unshifted=True)
vae.faulty(
    "pl-vae-collapse", "KL collapse", "the divergence weighs 30: the code says nothing", weight=lambda step: 30.0
)
cnn.faulty("pl-average-stuck", "averaged weights never updated", "averaged weights are evaluated, but never updated",
           averages=False)  # fmt: skip
mlp.faulty("pl-zeroed", "weights damaged once", "a matrix is set to zero after step 140", (140, None), trainer=_EACH,
           hooks=(faults.Damaged(140, "3.weight", "zero"),))  # fmt: skip
mlp.faulty(
    "pl-forgets",
    "optimizer made anew again and again",
    "the optimizer's state is dropped every epoch",
    (43, None),
    hooks=(faults.Forgets(43),),
    rate=2e-2,
    trainer=_EACH | _RAW,
)
mlp.faulty("pl-decay-huge", "weight decay far too large", "weight decay is 50", weight_decay=50.0)
lstm.faulty("pl-clip-low", "clip far too low", "the clip is 0.00001 with SGD", optimizer="sgd", rate=0.3,
            trainer={"gradient_clip_val": 1e-5, "val_check_interval": 50, "log_every_n_steps": 4})  # fmt: skip
lstm.faulty("pl-diverges", "rate too high", "the rate is 0.5", rate=0.5)
lstm.faulty("pl-crawls", "rate too low", "the rate is 0.000003", rate=3e-6)
mlp.faulty("pl-fp16", "fp16 overflow", "gradients overflow in fp16 at a fixed scale of the loss", steps=100,
           hooks=(faults.HalfGradients(2.0**22),), trainer=_RAW)  # fmt: skip
