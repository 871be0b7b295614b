"""Runs of transformers' Trainer."""

import torch
from benchmarks.strangers.cases import faults, schedules
from benchmarks.strangers.cases.hugging import hugging
from benchmarks.strangers.cases.registry import Group

gpt2 = Group("transformers", "language model (GPT-2)", hugging)
llama = Group("transformers", "language model (Llama)", hugging, network="llama")
bert = Group("transformers", "language model (BERT)", hugging, network="bert decoder")
classifier = Group("transformers", "text classifier (BERT)", hugging, network="classifier",
                   arguments={"learning_rate": 2e-3})  # fmt: skip

# Healthy.
gpt2.healthy("hf-gpt2-standard", "nothing: linear decay to zero")
gpt2.healthy("hf-gpt2-console", "nothing; the printed lines", log="console", arguments={"warmup_steps": 10})
gpt2.healthy("hf-gpt2-bars", "nothing; the printed lines with progress bars", log="bars", steps=100)
gpt2.healthy("hf-gpt2-restarts", "the cosine restarts by plan, three times", schedule=schedules.restarts(40))
gpt2.healthy("hf-gpt2-smoothing", "label smoothing holds training above validation",
             arguments={"label_smoothing_factor": 0.2})  # fmt: skip
gpt2.healthy(
    "hf-gpt2-accumulation",
    "eight batches of one row are accumulated",
    steps=60,
    arguments={
        "gradient_accumulation_steps": 8,
        "per_device_train_batch_size": 1,
        "eval_steps": 10,
        "logging_steps": 1,
    },
)
gpt2.healthy("hf-gpt2-resumed", "resumed from a checkpoint with all that belongs to it", resume=60, steps=120)
gpt2.healthy("hf-gpt2-dropout", "dropout 0.3: validation below training", dropout=0.3, log="console")
gpt2.healthy(
    "hf-gpt2-rough",
    "two rows a batch, each step logged: very noisy",
    steps=250,
    arguments={"per_device_train_batch_size": 2, "logging_steps": 1, "eval_steps": 50, "learning_rate": 2e-3},
)
gpt2.healthy("hf-gpt2-few-rows", "100 rows, 4 epochs: a saw-tooth by epoch", rows=100, steps=52,
             arguments={"logging_steps": 1, "eval_strategy": "epoch", "learning_rate": 1e-2})  # fmt: skip
llama.healthy("hf-llama-standard", "nothing", arguments={"lr_scheduler_type": "cosine", "warmup_steps": 20})
llama.healthy("hf-llama-constant", "a constant rate", log="console", arguments={"lr_scheduler_type": "constant"})
bert.healthy("hf-bert-decoder", "nothing", steps=100)
classifier.healthy("hf-classifier-standard", "nothing")
classifier.healthy(
    "hf-classifier-imbalance", "one row in seven is of class 1: a low loss from the start", share=0.15, steps=200
)
classifier.healthy("hf-classifier-easy", "a plateau at ln 2, then the task is found", steps=200, log="console")
classifier.healthy("hf-classifier-late", "a plateau at ln 2 first, then the task is found", steps=240,
                   arguments={"learning_rate": 8e-4, "lr_scheduler_type": "constant"})  # fmt: skip

# Faults.
gpt2.faulty(
    "hf-rate-spike",
    "rate multiplied briefly",
    "the rate is 100 times as high for three steps",
    (70, 72),
    hooks=(faults.RateTimes(70, 3, 100.0),),
    arguments={"logging_steps": 1, "lr_scheduler_type": "constant"},
)
gpt2.faulty("hf-endless-warmup", "warm-up never ends", "the warm-up takes 20,000 steps, the run 120",
            arguments={"warmup_steps": 20_000})  # fmt: skip
llama.faulty(
    "hf-endless-warmup-llama",
    "warm-up never ends",
    "the warm-up takes 10,000 steps, the run 120",
    log="console",
    arguments={"warmup_steps": 10_000, "lr_scheduler_type": "cosine"},
)
llama.faulty(
    "hf-schedule-short",
    "rate at zero",
    "the schedule was made for 30 steps: then the rate is zero",
    (30, None),
    schedule=schedules.linear(30),
)
gpt2.faulty("hf-decay-huge", "weight decay far too large", "weight decay is 40",
            arguments={"weight_decay": 40.0, "lr_scheduler_type": "constant"})  # fmt: skip
gpt2.faulty("hf-clip-low", "clip far too low", "max_grad_norm is 0.00001 with SGD", log="console",
            arguments={"optim": "sgd", "learning_rate": 0.5, "max_grad_norm": 1e-5})  # fmt: skip
llama.faulty(
    "hf-frozen",
    "a layer is frozen that should train",
    "all but the norms is frozen",
    hooks=(faults.Frozen(("lm_head", "model.embed", "model.layers.0.self", "model.layers.0.mlp")),),
)
llama.faulty(
    "hf-missing",
    "parameters missing in the optimizer",
    "the optimizer knows the norms alone",
    hooks=(faults.Missing(("lm_head", "model.embed", "model.layers.0.self", "model.layers.0.mlp")),),
)
gpt2.faulty("hf-shifted-twice", "target shifted twice", "labels are shifted before the model shifts them", twice=True,
            visible="no", why="the loss is higher than it could be, which only another run would show")  # fmt: skip
gpt2.faulty("hf-not-shifted", "target not shifted", "the loss of one's own compares a token with itself",
            own_loss="unshifted")  # fmt: skip
bert.faulty(
    "hf-no-mask",
    "causal mask missing",
    "BERT without is_decoder sees what it is to predict",
    network="bert",
    steps=500,
    arguments={"lr_scheduler_type": "constant", "learning_rate": 5e-3, "logging_steps": 5},
)
gpt2.faulty("hf-same-rows", "the same batch again and again", "the data set has eight rows", rows=8)
classifier.faulty("hf-sorted", "data sorted by class", "rows are read in order, and lie sorted by class", rows=800,
                  in_order=True, shuffles=False, steps=200, arguments={"lr_scheduler_type": "constant",
                  "learning_rate": 2e-3})  # fmt: skip
classifier.faulty(
    "hf-permuted-from",
    "targets permuted from a step on",
    "labels are exchanged from step 80 on",
    (80, None),
    steps=160,
    hooks=(faults.Permuted(lambda step: step >= 80),),
)
classifier.faulty(
    "hf-permuted-often",
    "targets of every k-th batch permuted",
    "labels of every 12th batch are exchanged",
    steps=160,
    hooks=(faults.Permuted(lambda step: step % 12 == 5),),
    arguments={"logging_steps": 1, "learning_rate": 2e-3},
)
gpt2.faulty(
    "hf-ascent",
    "loss with the wrong sign",
    "the loss is negated, and so made larger",
    hooks=(faults.Ascent(),),
    arguments={"learning_rate": 3e-4},
)
gpt2.faulty("hf-not-divided", "accumulated loss not divided", "the loss of 16 accumulated batches is not divided",
            own_loss="undivided", steps=60, arguments={"gradient_accumulation_steps": 16, "eval_steps": 10,
            "per_device_train_batch_size": 1, "logging_steps": 1})  # fmt: skip
llama.faulty("hf-other-tokenizer", "another tokenizer in validation", "validation text is encoded by another alphabet",
             other_tokenizer=True)  # fmt: skip
gpt2.faulty(
    "hf-bit-flip",
    "weights damaged once",
    "weights of a matrix are 1,024 times as large after step 70",
    (70, None),
    hooks=(faults.Damaged(70, "transformer.h.0.mlp.c_fc.weight", "flip"),),
    arguments={"logging_steps": 1},
)
llama.faulty("hf-zeroed", "weights damaged once", "the embedding is set to zero after step 80", (80, None),
             hooks=(faults.Damaged(80, "model.embed_tokens.weight", "zero"),), log="console")  # fmt: skip
gpt2.faulty(
    "hf-moments-lost",
    "moments lost at a resume",
    "optimizer.pt was deleted before the resume",
    (60, None),
    visible="no",
    why="the moments are built again within the noise of the loss",
    resume=60,
    deletes=("optimizer.pt",),
    arguments={"learning_rate": 1e-2, "logging_steps": 1, "lr_scheduler_type": "constant"},
)
gpt2.faulty(
    "hf-resume-rate",
    "resumed with the wrong step",
    "scheduler.pt was deleted: the schedule begins anew",
    (80, None),
    resume=80,
    deletes=("scheduler.pt", "optimizer.pt"),
    arguments={"learning_rate": 8e-3},
)
gpt2.faulty("hf-init-large", "initialisation far too large", "all matrices start 30 times too large",
            hooks=(faults.Scaled(30.0),))  # fmt: skip
llama.faulty("hf-embedding-scale", "embeddings far too large", "the head starts 300 times too large",
             hooks=(faults.Scaled(300.0, "lm_head"),))  # fmt: skip
gpt2.faulty("hf-fp16", "fp16 overflow", "gradients overflow in fp16 at a fixed scale of the loss", (0, None), steps=60,
            hooks=(faults.HalfGradients(2.0**22),), arguments={"max_grad_norm": 0.0})  # fmt: skip
classifier.faulty("hf-overfits", "over-fitting", "60 rows are learned by heart", rows=60, steps=240,
                  arguments={"eval_steps": 15, "learning_rate": 3e-3, "lr_scheduler_type": "constant"})  # fmt: skip
classifier.faulty("hf-labels-misaligned", "validation labels misaligned", "validation labels are shifted by one row",
                  misaligned=1, steps=160)  # fmt: skip
gpt2.faulty("hf-diverges", "rate too high", "the rate is 1", log="console",
            arguments={"learning_rate": 1.0, "lr_scheduler_type": "constant"})  # fmt: skip
llama.faulty("hf-crawls", "rate too low", "the rate is 0.000002", arguments={"learning_rate": 2e-6})
gpt2.faulty("hf-dropout-95", "dropout far too strong", "dropout is 0.95 everywhere", dropout=0.95)
gpt2.faulty("hf-swallowed", "updates lost to rounding", "pure bf16 weights with a small rate", dtype=torch.bfloat16,
            arguments={"learning_rate": 2e-5, "lr_scheduler_type": "constant"})  # fmt: skip
