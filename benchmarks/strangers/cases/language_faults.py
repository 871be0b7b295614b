"""Runs of the language models in a plain loop: faults of the model, the loss, the data and the evaluation."""

from benchmarks.strangers.cases import faults
from benchmarks.strangers.cases.language_cases import STANDARD, WARM, gpt, rnn, simple
from benchmarks.strangers.cases.loop import Plan

# Faults of the model and of the loss.
gpt.faulty("gpt-no-mask", "causal mask missing", "attention sees what it is to predict", (0, None), causal=False,
           plan=Plan(steps=700, rate=4e-3))  # fmt: skip
gpt.faulty("gpt-not-shifted", "target not shifted", "the target is the input itself", (0, None), shift=0, plan=STANDARD)
rnn.faulty("lstm-not-shifted", "target not shifted", "the target is the input itself", (0, None), shift=0,
           plan=STANDARD, recorded=True)  # fmt: skip
gpt.faulty("gpt-shifted-twice", "target shifted twice", "the target is two characters further", (0, None), shift=2,
           plan=STANDARD, style="logging", visible="no",
           why="the loss is higher than it could be, which only another run would show")  # fmt: skip
gpt.faulty(
    "gpt-softmax-twice",
    "softmax twice",
    "the training loss is given probabilities where it wants logits",
    (0, None),
    loss="twice",
    plan=STANDARD,
    style="build-nanogpt",
)
gpt.faulty(
    "gpt-sum",
    "loss summed, not averaged",
    "the loss is the sum over 256 tokens, with SGD",
    (0, None),
    loss="sum",
    plan=Plan(steps=200, optimizer="sgd", rate=0.1, clip=None),
    style="logging",
)
gpt.faulty("gpt-sum-adam", "loss summed, not averaged", "the training loss is a sum over 256 tokens", (0, None),
           loss="sum", plan=STANDARD, style="csv")  # fmt: skip
gpt.faulty(
    "gpt-wrong-axis",
    "loss over the wrong axis",
    "softmax over the places in place of the vocabulary",
    (0, None),
    loss="wrong axis",
    plan=STANDARD,
    style="logging",
)
rnn.faulty("lstm-viewed", "loss over the wrong axis", "logits are reshaped where they should be transposed", (0, None),
           loss="viewed", plan=STANDARD)  # fmt: skip
gpt.faulty(
    "gpt-embedding-scale",
    "embeddings far too large",
    "embeddings start 30 times too large and are the head too",
    (0, None),
    embedding_scale=30.0,
    plan=STANDARD,
    style="build-nanogpt",
    recorded=True,
)
gpt.faulty("gpt-init-large", "initialisation far too large", "all matrices start ten times too large", (0, None),
           plan=STANDARD, hooks=(faults.Scaled(20.0),), style="build-nanogpt", recorded=True)  # fmt: skip
gpt.faulty("gpt-init-zero", "initialisation at zero", "all weights start at zero", (0, None), plan=STANDARD,
           hooks=(faults.Scaled(0.0),), recorded=True)  # fmt: skip
simple.faulty("rnn-explodes", "recurrent state explodes", "a ReLU RNN starts with recurrent weights twice too large",
              (0, None), network="ReLU", plan=Plan(steps=300, clip=None, rate=1e-3),
              hooks=(faults.Scaled(3.2, "weight_hh"),), style="logging", recorded=True)  # fmt: skip
gpt.faulty(
    "gpt-embedding-missing",
    "parameters missing in the optimizer",
    "the optimizer knows the head alone",
    (0, None),
    plan=STANDARD,
    hooks=(faults.Missing(("wte", "wpe", "blocks", "norm")),),
    style="csv",
    recorded=True,
    visible="recording",
    why="the log shows a slower training",
)

# Faults of the data and of the evaluation.
gpt.faulty("gpt-permuted-once", "targets of one batch permuted", "targets are exchanged between rows at step 250",
           (250, 250), plan=Plan(log_every=1), hooks=(faults.Permuted(lambda step: step == 250),),
           style="build-nanogpt", recorded=True)  # fmt: skip
gpt.faulty(
    "gpt-permuted-often",
    "targets of every k-th batch permuted",
    "targets are exchanged at every 20th step",
    (0, None),
    plan=Plan(log_every=1),
    hooks=(faults.Permuted(lambda step: step % 20 == 7),),
    style="jsonl",
)
rnn.faulty(
    "lstm-permuted-from",
    "targets permuted from a step on",
    "targets are exchanged from step 250 on",
    (250, None),
    plan=Plan(steps=500),
    hooks=(faults.Permuted(lambda step: step >= 250),),
    recorded=True,
)
gpt.faulty("gpt-same-rows", "the same batch again and again", "the loader never moves on", (0, None), style="csv",
           plan=STANDARD, lazy=1)  # fmt: skip
gpt.faulty("gpt-overfits", "over-fitting", "12 batches of a short text are learned by heart", (150, None), lazy=12,
           plan=Plan(steps=600, eval_every=24), characters=20_000, style="keras")  # fmt: skip
gpt.faulty("gpt-other-tokenizer", "another tokenizer in validation", "validation text is encoded by another alphabet",
           (0, None), plan=STANDARD, validation="other")  # fmt: skip
rnn.faulty("lstm-other-tokenizer", "another tokenizer in validation", "validation text is encoded by another alphabet",
           (0, None), plan=STANDARD, validation="other", style="csv", recorded=True)  # fmt: skip
gpt.faulty(
    "gpt-validates-on-training",
    "validation data are training data",
    "validation rows come from the training text",
    (0, None),
    plan=Plan(steps=600, eval_every=24),
    characters=1_500,
    validation="training",
    style="keras",
    visible="no",
    why="both losses fall together to zero, as on an easy task",
)
gpt.faulty(
    "gpt-leaks-memory",
    "throughput falls (memory leak)",
    "every loss keeps its graph and is averaged at each step",
    (0, None),
    plan=Plan(steps=400, log_every=2),
    leak=True,
    style="build-nanogpt",
    recorded=True,
)
gpt.faulty(
    "gpt-dropout-evaluates",
    "dropout alive in evaluation",
    "model.eval() is never called, dropout 0.4",
    (0, None),
    plan=Plan(schedule=WARM, switches_to_eval=False),
    dropout=0.4,
    style="nanogpt",
    visible="no",
    why="validation is a little worse than it should be, which only a second evaluation would show",
)
