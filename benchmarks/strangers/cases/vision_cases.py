"""Runs of the digits in a plain loop."""

import torch
from benchmarks.strangers.cases import faults, schedules
from benchmarks.strangers.cases.loop import Plan
from benchmarks.strangers.cases.registry import Group
from benchmarks.strangers.cases.vision import vision

cnn = Group("plain", "CNN classifier", vision)
mlp = Group("plain", "MLP classifier", vision, network="mlp", style="tutorial")
_STANDARD = Plan(steps=301, eval_every=43)
_SGD = Plan(steps=301, eval_every=43, optimizer="sgd", rate=0.05, weight_decay=5e-4)

# Healthy.
cnn.healthy("cnn-standard", "nothing", plan=_STANDARD)
cnn.healthy("cnn-imbalance", "one class has most of the samples", plan=_STANDARD, imbalance=0.2, batch=16, style="csv")
cnn.healthy("cnn-easy", "an easy task: the loss is nearly zero for most of the run", plan=_STANDARD, binary=True)
cnn.healthy("cnn-augmented", "augmentation in training alone: validation far better than training", plan=_STANDARD,
            augments=True, style="jsonl", recorded=True)  # fmt: skip
cnn.healthy("cnn-mixup", "mixup: the training loss stays high and rough", plan=_STANDARD, mixes=True, style="csv")
cnn.healthy("cnn-focal", "focal loss: very small values", plan=_STANDARD, loss="focal", style="logging")
cnn.healthy("cnn-label-noise", "15 % of the labels are wrong by nature: a floor far above zero", style="keras",
            plan=_STANDARD, noise=0.15, dropout=0.3)  # fmt: skip
cnn.healthy(
    "cnn-sgd",
    "SGD, rate falls in a staircase",
    style="logging",
    recorded=True,
    plan=Plan(steps=301, eval_every=43, optimizer="sgd", rate=0.05, schedule=schedules.staircase(100, 0.1)),
)
cnn.healthy("cnn-averaged", "averaged weights are evaluated: validation lags at first", style="jsonl",
            plan=Plan(steps=301, eval_every=20, ema=0.98))  # fmt: skip
cnn.healthy("cnn-stopped", "200 samples: stopped by plan when validation no longer fell", style="keras", train=200,
            plan=Plan(steps=120, eval_every=6), dropout=0.2)  # fmt: skip
cnn.healthy("cnn-unfreezing", "the first layers are frozen for 100 steps and then train, by plan", style="csv",
            plan=_STANDARD, hooks=(faults.Unfreeze(("0.", "3."), 100),), recorded=True)  # fmt: skip
mlp.healthy("mlp-standard", "nothing", plan=_STANDARD, recorded=True)
mlp.healthy("mlp-dropout", "strong dropout: validation better than training", plan=_STANDARD, dropout=0.4)
mlp.healthy(
    "mlp-probe",
    "only the last layer trains, by plan (a linear probe)",
    plan=Plan(steps=301, eval_every=43, rate=3e-2),
    style="csv",
    hooks=(faults.Frozen(("1.", "3.", "5.")),),
)

# Faults.
cnn.faulty(
    "cnn-softmax-twice",
    "softmax twice",
    "the network ends in a softmax and the loss has another",
    plan=_STANDARD,
    softmax=True,
)
cnn.faulty("cnn-sorted", "data sorted by class", "the loader does not shuffle data that lie sorted by class",
           plan=Plan(steps=430, eval_every=43, log_every=1), order="sorted", recorded=True, style="csv")  # fmt: skip
mlp.faulty("mlp-sorted", "data sorted by class", "the loader does not shuffle data that lie sorted by class",
           plan=Plan(steps=430, eval_every=43, log_every=2), order="sorted", style="jsonl")  # fmt: skip
mlp.faulty("mlp-same-batch", "the same batch again and again", "the loader begins anew at every step", plan=_STANDARD,
           order="same")  # fmt: skip
cnn.faulty("cnn-shard", "the loader repeats one shard", "every epoch reads the first eighth of the data", order="shard",
           plan=Plan(steps=430, eval_every=43), style="keras", train=600)  # fmt: skip
mlp.faulty("mlp-shard", "the loader repeats one shard", "every epoch reads the first eighth of the data", order="shard",
           plan=Plan(steps=430, eval_every=20), style="csv", train=600, recorded=True)  # fmt: skip
cnn.faulty(
    "cnn-corrupted",
    "one corrupted sample",
    "one image is 3,000 times too bright, and has a wrong label",
    style="logging",
    plan=Plan(steps=301, eval_every=43, log_every=1, clip=None),
    corrupted=3000.0,
    norm=False,
    recorded=True,
)
mlp.faulty(
    "mlp-corrupted",
    "one corrupted sample",
    "one image is 500 times too bright, and has a wrong label",
    style="csv",
    plan=Plan(steps=301, eval_every=43, log_every=1),
    corrupted=500.0,
)
mlp.faulty("mlp-permuted-once", "targets of one batch permuted", "the labels of the batch of step 180 are shuffled",
           (180, 180), plan=Plan(steps=301, eval_every=43, log_every=1), style="jsonl",
           hooks=(faults.Permuted(lambda step: step == 180),))  # fmt: skip
cnn.faulty("cnn-permuted-often", "targets of every k-th batch permuted", "the labels of every tenth batch are shuffled",
           plan=Plan(steps=301, eval_every=43, log_every=1), style="csv", recorded=True,
           hooks=(faults.Permuted(lambda step: step % 10 == 3),))  # fmt: skip
mlp.faulty("mlp-permuted-from", "targets permuted from a step on", "labels are shuffled from step 150 on", (150, None),
           plan=_STANDARD, hooks=(faults.Permuted(lambda step: step >= 150),))  # fmt: skip
cnn.faulty("cnn-sum", "loss summed, not averaged", "the loss is the sum of a batch, with SGD", plan=_SGD, loss="sum",
           style="logging", norm=False)  # fmt: skip
mlp.faulty(
    "mlp-over-batch",
    "loss over the wrong axis",
    "softmax over the batch in place of the classes",
    plan=_STANDARD,
    loss="over the batch",
)
cnn.faulty("cnn-dropout-95", "dropout far too strong", "dropout is 0.95", plan=_STANDARD, dropout=0.95)
mlp.faulty("mlp-dropout-95", "dropout far too strong", "dropout is 0.95", plan=_STANDARD, dropout=0.95, style="csv",
           recorded=True)  # fmt: skip
mlp.faulty("mlp-dropout-evaluates", "dropout alive in evaluation", "model.eval() is never called, dropout 0.6",
           plan=Plan(steps=430, eval_every=20, switches_to_eval=False), dropout=0.6, style="jsonl", visible="no",
           why="validation is as rough and as bad as training, as with a hard task")  # fmt: skip
cnn.faulty("cnn-batch-of-one", "batch-norm with a batch of one", "batch-norm is fed one image at a time", batch=1,
           plan=Plan(steps=500, eval_every=50, rate=3e-3), style="csv")  # fmt: skip
cnn.faulty("cnn-dead", "dead ReLUs", "biases start at -20: no unit fires", plan=_STANDARD, norm=False,
           hooks=(faults.DeadUnits(-20.0, "0."),), style="logging", recorded=True)  # fmt: skip
mlp.faulty("mlp-dead", "dead ReLUs", "one step with a rate 3,000 times too high kills all units", (60, None),
           plan=Plan(steps=301, eval_every=43, clip=None, optimizer="sgd", rate=0.05),
           hooks=(faults.RateTimes(60, 1, 3000.0),), recorded=True)  # fmt: skip
mlp.faulty("mlp-init-large", "initialisation far too large", "all matrices start ten times too large", plan=_STANDARD,
           hooks=(faults.Scaled(10.0),))  # fmt: skip
mlp.faulty("mlp-init-zero", "initialisation at zero", "all weights start at zero", plan=_STANDARD,
           hooks=(faults.Scaled(0.0),), style="keras")  # fmt: skip
cnn.faulty("cnn-rate-zero", "rate at zero", "the rate is zero from step 25 on", (25, None), plan=_SGD, style="csv",
           hooks=(faults.RateTimes(25, 10**6, 0.0),))  # fmt: skip
mlp.faulty("mlp-clip-low", "clip far too low", "the clip is 0.0001 with SGD", style="logging",
           plan=Plan(steps=301, eval_every=43, optimizer="sgd", rate=0.05, clip=1e-4))  # fmt: skip
mlp.faulty("mlp-decay-huge", "weight decay far too large", "weight decay is 0.5 in SGD", style="csv",
           plan=Plan(steps=301, eval_every=43, optimizer="sgd", rate=0.05, weight_decay=0.5))  # fmt: skip
mlp.faulty("mlp-keeps-gradients", "gradients never zeroed", "zero_grad is missing", recorded=True, style="logging",
           plan=Plan(steps=301, eval_every=43, optimizer="sgd", rate=0.02, clip=None),
           hooks=(faults.KeepsGradients(),))  # fmt: skip
cnn.faulty(
    "cnn-frozen",
    "a layer is frozen that should train",
    "both first convolutions are frozen, no norm",
    norm=False,
    plan=_STANDARD,
    hooks=(faults.Frozen(("0.", "2.")),),
    style="csv",
    recorded=True,
    visible="recording",
    why="the log shows a slightly worse model",
)
cnn.faulty(
    "cnn-log-zero",
    "NaN from log(0)",
    "a loss by hand takes the logarithm of a probability of 0",
    style="logging",
    plan=_STANDARD,
    loss="log of zero",
    gain=8.0,
)
cnn.faulty("cnn-average-stuck", "averaged weights never updated", "averaged weights are evaluated, but never updated",
           plan=Plan(steps=301, eval_every=20, ema=0.98, ema_moves=False), style="jsonl")  # fmt: skip
mlp.faulty("mlp-average-stuck", "averaged weights never updated", "averaged weights are evaluated, but never updated",
           plan=Plan(steps=301, eval_every=43, ema=0.98, ema_moves=False), style="keras")  # fmt: skip
cnn.faulty("cnn-evaluates-augmented", "augmentation in evaluation", "evaluation is shifted and blurred as training is",
           plan=Plan(steps=430, eval_every=20), augments=True, augments_evaluation=True, style="jsonl", visible="no",
           why="training and validation agree, both higher than they should be")  # fmt: skip
mlp.faulty("mlp-evaluates-augmented", "augmentation in evaluation", "only evaluation images are shifted and blurred",
           plan=Plan(steps=301, eval_every=20), augments_evaluation=True, style="csv")  # fmt: skip
cnn.faulty(
    "cnn-other-preprocessing",
    "evaluation with another preprocessing",
    "evaluation images are 16 times as bright",
    plan=_STANDARD,
    preprocesses_evaluation=lambda images: images * 16,
)
mlp.faulty("mlp-other-preprocessing", "evaluation with another preprocessing", "evaluation images are upside down",
           plan=_STANDARD, preprocesses_evaluation=lambda images: images.flip(2), recorded=True)  # fmt: skip
mlp.faulty(
    "mlp-labels-misaligned",
    "validation labels misaligned",
    "validation labels are shifted by one row",
    style="csv",
    plan=_STANDARD,
    validation_labels=lambda labels: torch.roll(labels, 1),
)
cnn.faulty(
    "cnn-normalised-twice",
    "inputs scaled away",
    "images are divided by 255 three times",
    style="csv",
    norm=False,
    plan=_SGD,
    preprocesses=lambda images: images / 255**3,
)
cnn.faulty("cnn-trains-on-validation", "validation leaks into training", "the training set contains all of validation",
           plan=Plan(steps=540, eval_every=54), trains_on_validation=True, style="keras", visible="no",
           why="validation falls with training to zero, as on an easy task")  # fmt: skip
mlp.faulty("mlp-ascent", "loss with the wrong sign", "the loss is made larger", plan=Plan(steps=200, rate=3e-4),
           hooks=(faults.Ascent(),))  # fmt: skip
mlp.faulty("mlp-diverges", "rate too high", "the rate of SGD is 5", recorded=True,
           plan=Plan(steps=301, eval_every=43, optimizer="sgd", rate=5.0, clip=None))  # fmt: skip
mlp.faulty("mlp-zeroed", "weights damaged once", "a matrix is set to zero after step 150", (150, None), plan=_STANDARD,
           style="csv", hooks=(faults.Damaged(150, "5.weight", "zero"),), recorded=True)  # fmt: skip
mlp.faulty("mlp-overfits", "over-fitting", "100 samples with a fifth of wrong labels, trained to the end", train=100,
           noise=0.2, plan=Plan(steps=600, eval_every=12, weight_decay=0.0), style="keras", batch=25)  # fmt: skip
mlp.faulty(
    "mlp-recreated",
    "optimizer made anew again and again",
    "Adam is made anew every epoch at a high rate",
    plan=Plan(steps=430, rate=2e-2, eval_every=43, recreate=43, log_every=1, clip=None),
    style="csv",
)
