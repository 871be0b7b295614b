"""Runs of the language models in a plain loop: healthy ones, and faults of the rate and of the update."""

import torch
from benchmarks.strangers.cases import faults, schedules
from benchmarks.strangers.cases.language import language
from benchmarks.strangers.cases.loop import Plan
from benchmarks.strangers.cases.registry import Group

gpt = Group("plain", "language model (GPT)", language, network="gpt")
rnn = Group("plain", "language model (LSTM)", language, network="LSTM", style="tutorial")
simple = Group("plain", "language model (RNN)", language, network="RNN", style="csv")

WARM = schedules.warmup(20, schedules.cosine(400))
STANDARD = Plan(schedule=WARM)

# Healthy.
gpt.healthy("gpt-standard", "nothing: warm-up, cosine", plan=STANDARD, recorded=True)
gpt.healthy("gpt-build", "nothing: warm-up, cosine, AdamW", plan=STANDARD, style="build-nanogpt", recorded=True)
gpt.healthy("gpt-restarts", "the schedule restarts by plan every 130 steps", style="jsonl", recorded=True,
            plan=Plan(schedule=schedules.restarts(130), rate=6e-3))  # fmt: skip
gpt.healthy("gpt-growing-restarts", "restarts by plan, each period twice as long", style="csv",
            plan=Plan(schedule=schedules.restarts(60, 2), rate=8e-3))  # fmt: skip
gpt.healthy("gpt-curriculum", "rows grow from 4 to 32 characters in planned stages", style="logging",
            plan=STANDARD, lengths=lambda step: min(32, 4 * 2 ** (step // 100)))  # fmt: skip
gpt.healthy("gpt-new-domain", "at step 250 training goes on, by plan, on text of another domain: the loss jumps",
            plan=Plan(steps=500, schedule=schedules.constant), late_text=250, style="csv")  # fmt: skip
gpt.healthy("gpt-smoothing", "label smoothing holds the training loss far above that of validation",
            plan=STANDARD, loss="smoothed", style="tutorial")  # fmt: skip
gpt.healthy("gpt-tiny-batch", "two rows a batch: a very noisy loss", plan=Plan(steps=600, rate=1e-3, log_every=1),
            batch=2, length=16, style="jsonl")  # fmt: skip
gpt.healthy("gpt-accumulation", "eight batches are accumulated", plan=Plan(steps=100, accumulate=8, log_every=1),
            batch=4, style="build-nanogpt")  # fmt: skip
gpt.healthy(
    "gpt-stable-decay",
    "warm-up, constant rate, decay in the last fifth: the loss falls once more there",
    plan=Plan(steps=500, schedule=schedules.warmup(30, schedules.stable(500)), rate=6e-3),
    style="jsonl",
)
gpt.healthy("gpt-resumed-overlap", "killed at step 260, resumed whole from a checkpoint of step 240: 20 steps twice",
            plan=Plan(schedule=WARM, resume=260, lost=20), style="jsonl")  # fmt: skip
gpt.healthy("gpt-resumed", "resumed at step 200 with all that was saved", plan=Plan(schedule=WARM, resume=200))
gpt.healthy("gpt-pruned", "at step 250 half of the weights are pruned by plan: the loss jumps and recovers",
            plan=Plan(steps=450), hooks=(faults.Pruned(250, 0.7),), style="csv")  # fmt: skip
gpt.healthy("gpt-epochs", "a short text seen seven times with dropout",
            plan=Plan(steps=420, eval_every=60), lazy=60, dropout=0.2, characters=60_000, style="keras")  # fmt: skip
gpt.healthy(
    "gpt-stopped",
    "over-fitting begins, and the user stops there (early stopping)",
    plan=Plan(steps=600, eval_every=24, rate=3e-3, stop=120),
    lazy=12,
    characters=20_000,
    style="keras",
)
gpt.healthy("gpt-short", "only 40 steps", plan=Plan(steps=40, log_every=1, eval_every=20), style="build-nanogpt")
gpt.healthy("gpt-sparse", "logged every 100 steps", plan=Plan(steps=500, log_every=100, eval_every=100), style="csv")
rnn.healthy("lstm-standard", "nothing", plan=Plan(steps=500), recorded=True)
rnn.healthy("lstm-clipped", "the clip at 0.1 acts at every step, by plan, with Adam", plan=Plan(steps=400, clip=0.1),
            style="logging", recorded=True)  # fmt: skip
rnn.healthy("lstm-perplexity", "perplexity beside the loss", plan=Plan(steps=400), perplexity=True, style="jsonl")
rnn.healthy("lstm-staircase", "the rate falls in steps of five", style="csv",
            plan=Plan(steps=500, schedule=schedules.staircase(150, 0.2), rate=1e-2))  # fmt: skip
rnn.healthy("lstm-triangle", "a cyclic rate", style="jsonl",
            plan=Plan(steps=480, schedule=schedules.triangle(120), rate=1.5e-2))  # fmt: skip
simple.healthy("rnn-standard", "nothing", plan=Plan(steps=400))
simple.healthy("gru-sgd", "SGD with momentum: slow and long", network="GRU", style="logging",
               plan=Plan(steps=500, optimizer="sgd", rate=0.5, weight_decay=0.0))  # fmt: skip

# Faults of the rate and the schedule.
gpt.faulty("gpt-rate-spike", "rate multiplied briefly", "the rate is 60 times as high for three steps", (200, 202),
           plan=STANDARD, hooks=(faults.RateTimes(200, 3, 60.0),), style="build-nanogpt")  # fmt: skip
rnn.faulty("lstm-rate-spike", "rate multiplied briefly", "the rate is 100 times as high for three steps", (300, 302),
           plan=Plan(steps=500), hooks=(faults.RateTimes(300, 3, 100.0),))  # fmt: skip
gpt.faulty("gpt-rate-zero", "rate at zero", "the rate is zero from step 80 on", (80, None), style="logging",
           plan=STANDARD, hooks=(faults.RateTimes(80, 10**6, 0.0),), recorded=True)  # fmt: skip
gpt.faulty("gpt-endless-warmup", "warm-up never ends", "the warm-up takes 40,000 steps, the run 400", (0, None),
           plan=Plan(schedule=schedules.warmup(40_000, schedules.constant)), style="build-nanogpt")  # fmt: skip
rnn.faulty("lstm-endless-warmup", "warm-up never ends", "the warm-up takes 30,000 steps, the run 400", (0, None),
           plan=Plan(schedule=schedules.warmup(30_000, schedules.constant)), style="jsonl", recorded=True)  # fmt: skip
gpt.faulty("gpt-schedule-twice", "schedule stepped too often", "the scheduler is stepped twice a step: it ends halfway",
           (0, None), plan=Plan(steps=600, schedule=schedules.linear(600), calls=2), style="csv")  # fmt: skip
gpt.faulty("gpt-schedule-thrice", "schedule stepped too often",
           "the scheduler is stepped four times a step: the cosine falls and rises again", (0, None),
           plan=Plan(steps=400, schedule=schedules.cosine(400, 0.0), calls=4, rate=8e-3), style="jsonl")  # fmt: skip
gpt.faulty(
    "gpt-schedule-by-epoch",
    "schedule stepped too rarely",
    "warm-up and decay count steps, but the scheduler is stepped once an epoch",
    (0, None),
    plan=Plan(schedule=schedules.warmup(100, schedules.cosine(400)), calls=0),
    style="build-nanogpt",
)
gpt.faulty("gpt-diverges", "rate too high", "the rate is 100 times too high: nothing is learned beyond frequencies",
           (0, None), plan=Plan(rate=0.3, clip=None), style="build-nanogpt", recorded=True)  # fmt: skip
rnn.faulty("lstm-crawls", "rate too low", "the rate is 1,000 times too low", (0, None), plan=Plan(rate=3e-6))

# Faults of the update.
gpt.faulty("gpt-keeps-gradients", "gradients never zeroed", "zero_grad is missing", (0, None),
           plan=Plan(rate=3e-3, clip=None), hooks=(faults.KeepsGradients(),), style="build-nanogpt")  # fmt: skip
gpt.faulty("gpt-keeps-half", "gradients of a part never zeroed", "zero_grad leaves out the blocks", (0, None),
           plan=Plan(rate=1e-2, optimizer="sgd", clip=None), hooks=(faults.KeepsGradients("blocks"),),
           style="build-nanogpt", recorded=True)  # fmt: skip
rnn.faulty(
    "lstm-clip-low",
    "clip far too low",
    "the norm of gradients is clipped to 0.00001 with SGD",
    (0, None),
    plan=Plan(rate=0.5, optimizer="sgd", clip=1e-5, weight_decay=0.0),
    style="logging",
    recorded=True,
)
gpt.faulty("gpt-decay-huge", "weight decay far too large", "weight decay is 30", (0, None), style="jsonl",
           plan=Plan(weight_decay=30.0), recorded=True)  # fmt: skip
gpt.faulty("gpt-ascent", "loss with the wrong sign", "the loss is made larger", (0, None), style="logging",
           plan=Plan(steps=200, rate=3e-4), hooks=(faults.Ascent(),))  # fmt: skip
gpt.faulty("gpt-not-divided", "accumulated loss not divided",
           "the loss of 16 accumulated batches is not divided by 16, with SGD", (0, None), batch=4,
           plan=Plan(steps=120, accumulate=16, divide=False, optimizer="sgd", rate=0.5, clip=None, log_every=1),
           style="build-nanogpt")  # fmt: skip
gpt.faulty("gpt-recreated", "optimizer made anew again and again", "Adam is made anew every 60 steps", (60, None),
           plan=Plan(steps=480, rate=2.5e-2, recreate=60, log_every=1, clip=None), style="jsonl",
           visible="no", why="small bumps every 60 steps, within the noise of the loss")  # fmt: skip
gpt.faulty(
    "gpt-moments-lost",
    "moments lost at a resume",
    "resumed at step 200 without the moments of Adam",
    (200, None),
    plan=Plan(rate=2.5e-2, resume=200, restored="no moments", log_every=1, clip=None),
    style="build-nanogpt",
    visible="no",
    why="the moments are built again within the noise of the loss",
)
gpt.faulty("gpt-resume-rate", "resumed with the wrong step", "resumed at step 300 with the schedule at its start",
           (300, None), plan=Plan(steps=500, rate=1e-2, schedule=schedules.cosine(500), resume=300,
           restored="no schedule"), style="jsonl")  # fmt: skip
gpt.faulty(
    "gpt-bit-flip",
    "weights damaged once",
    "single weights are 65,536 times as large after step 220",
    (220, None),
    plan=Plan(schedule=WARM, log_every=1),
    hooks=(faults.Damaged(220, "blocks.0.mlp.0.weight", "flip", 2.0**16),),
    style="build-nanogpt",
)
gpt.faulty("gpt-zeroed", "weights damaged once", "a matrix is set to zero after step 220", (220, None),
           plan=STANDARD, hooks=(faults.Damaged(220, "head.weight", "zero"),))  # fmt: skip
gpt.faulty("gpt-swallowed", "updates lost to rounding", "pure bf16 weights with a small rate: updates round to nothing",
           (0, None), plan=Plan(rate=3e-5, schedule=schedules.constant), dtype=torch.bfloat16, style="csv")  # fmt: skip
gpt.faulty("gpt-fp16", "fp16 overflow", "gradients overflow in fp16 at a fixed scale of 65,536 x 16", (0, None),
           plan=Plan(steps=150, clip=None), hooks=(faults.HalfGradients(2.0**20),), style="build-nanogpt")  # fmt: skip
