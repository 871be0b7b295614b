"""Which faults are injected, how large, in what, and where each must show: fixed before any detector was fitted.

`size` is all that the injection (`injection.py`) reads. `visible` says where the fault shows at all: "loss" (a log of
losses is enough), "signals" (the recorder's signals are needed) or "data" (only the data facts tell). It was set by
what the fault must look like and is held against each run's healthy twin, see `twins.py` and README.md; no detector
takes part in that. A finding counts when its kind is one of `findings`; a cause when it is one of `causes`.
"""

from dataclasses import dataclass, field
from typing import Literal

Visible = Literal["loss", "signals", "data"]
RUNS_PER_KIND = 6
TEXT = ("cell", "stack", "attention", "lstm")
ALL = (*TEXT, "mlp", "cnn")
RECORDED = ("recorder",)
EITHER = ("recorder", "csv-step")
ANY = ("recorder", "csv-step", "csv-epoch", "recorder", "jsonl", "csv-epoch")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of fault.

    Attributes:
        name: with dashes.
        visible: where it shows.
        what: one sentence: what is done to the healthy twin.
        models: taken in turn.
        logs: forms of the log, taken in turn.
        size: numbers that the injection reads; times are shares of the run.
        findings: kinds of finding that count as having found it.
        causes: names of the cause that count as right, beside the kind's own name.
        settings: changes of the set-up that the healthy twin has too.
    """

    name: str
    visible: Visible
    what: str
    models: tuple[str, ...]
    size: dict[str, float]
    findings: tuple[str, ...]
    causes: tuple[str, ...]
    logs: tuple[str, ...] = EITHER
    settings: dict[str, float | str] = field(default_factory=dict)


_BURST = ("spike", "worse-than-uniform", "worse-than-untrained", "diverged", "gradient-explosion")
_UNSTABLE = (*_BURST, "not-finite", "slow-divergence", "plateau", "update-ratio", "second-moment", "activation-growth")
_BAD_EVALUATION = ("worse-than-uniform", "worse-than-untrained", "changed-evaluation")

_LOSS = (
    Kind(
        name="learning-rate",
        visible="loss",
        what="the learning rate is 50 times the healthy one from the first step",
        models=("cell", "lstm", "mlp", "cnn"),
        size={"factor": 50},
        findings=(*_UNSTABLE, "dead-units", "saturated-gates", "one-predicted-class", "constant-accuracy"),
        causes=("learning-rate",),
        logs=ANY,
    ),
    Kind(
        name="rising-learning-rate",
        visible="loss",
        what="a schedule with the wrong sign: from half of the run the rate grows by 6 % every step",
        models=("stack", "attention", "mlp", "cnn"),
        size={"at": 0.5, "growth": 1.06},
        findings=(*_UNSTABLE, "learning-rate-jump"),
        causes=("learning-rate", "schedule"),
        logs=ANY,
    ),
    Kind(
        name="no-warm-up",
        visible="loss",
        what="a rate 12 times the usual without the 100 steps of warm-up that the twin has",
        models=("cnn",),
        size={"warm_up": 0},
        findings=(*_UNSTABLE, "dead-units"),
        causes=("warm-up", "learning-rate"),
        settings={"warm_up": 100, "rate_factor": 12},
    ),
    Kind(
        name="corrupted-batch",
        visible="loss",
        what="one batch of random tokens (or of noise with random labels) at 60 % of the run",
        models=ALL,
        size={"at": 0.6, "steps": 1},
        findings=("spike", "gradient-explosion", "worse-than-uniform", "worse-than-untrained"),
        causes=("bad-batch", "data"),
    ),
    Kind(
        name="repeated-text",
        visible="loss",
        what="for 20 steps at half of the run every row of every batch is one and the same window",
        models=TEXT,
        size={"at": 0.5, "steps": 20},
        findings=("spike", "repeated-windows", "loss-drop"),
        causes=("repeated-text", "data"),
    ),
    Kind(
        name="label-noise",
        visible="loss",
        what="for 30 steps at half of the run the targets of each batch are shuffled",
        models=ALL,
        size={"at": 0.5, "steps": 30},
        findings=(*_BURST, "plateau", "slow-divergence"),
        causes=("label-noise", "bad-batch", "data"),
        logs=ANY,
    ),
    Kind(
        name="fp16-overflow",
        visible="loss",
        what="gradients pass through fp16 with a loss scale that doubles every 2 steps and is never checked",
        models=("lstm", "mlp", "attention", "cnn"),
        size={"at": 0.5, "every": 2, "first_scale": 1024},
        findings=("not-finite", "gradient-explosion", "diverged", "skipped-updates"),
        causes=("precision", "loss-scale"),
    ),
    Kind(
        name="nan-batch",
        visible="loss",
        what="the loss of one batch at 60 % of the run is NaN; in runs of even number the update is skipped",
        models=ALL,
        size={"at": 0.6},
        findings=("not-finite",),
        causes=("bad-batch", "data", "nan-batch", "not-finite-batch"),
        logs=ANY,
    ),
    Kind(
        name="stale-evaluation",
        visible="loss",
        what="from half of the run, three evaluations in a row report the value of the one before",
        models=ALL,
        size={"at": 0.5, "evaluations": 3},
        findings=("stale-evaluation", "repeated-loss"),
        causes=("stale-evaluation",),
        logs=ANY,
    ),
    Kind(
        name="unshuffled-domains",
        visible="loss",
        what="the training data come in four domains (or pairs of classes), one after the other",
        models=("lstm", "stack", "mlp", "cnn"),
        size={"domains": 4},
        findings=("spike", "data-order", "worse-than-untrained", "worse-than-uniform", "one-predicted-class"),
        causes=("data-order", "data"),
    ),
    Kind(
        name="tokenizer-mismatch",
        visible="loss",
        what="validation is encoded by a tokenizer whose ids are permuted",
        models=TEXT,
        size={},
        findings=(*_BAD_EVALUATION, "perplexity-mismatch", "over-fitting", "validation-rises", "label-frequency"),
        causes=("tokenizer",),
        logs=ANY,
    ),
    Kind(
        name="changed-evaluation",
        visible="loss",
        what="from 60 % of the run, evaluations read windows of 1 token instead of 16 (or logits times 10)",
        models=ALL,
        size={"at": 0.6, "window": 1, "logits": 10},
        findings=("changed-evaluation", "spike", "resume-jump", "over-fitting", "validation-rises", *_BAD_EVALUATION),
        causes=("evaluation-configuration",),
        logs=ANY,
    ),
    Kind(
        name="over-fitting",
        visible="loss",
        what="the training set is 48 windows (or examples), seen again and again for 300 steps at twice the rate",
        models=("stack", "attention", "lstm", "mlp"),
        size={"examples": 48},
        findings=("over-fitting", "parameters-per-token", "repeated-windows"),
        causes=("data-size", "small-data"),
        logs=ANY,
        settings={"steps": 300, "rate_factor": 2},
    ),
)

# Seeds go by the place of a kind among all: two stand here that turned out to show in the loss.
_SIGNALS = (
    Kind(
        name="beta2",
        visible="signals",
        what="Adam's beta2 is 0.5 (twin: 0.999), below the square of beta1",
        models=("lstm", "attention", "mlp", "cnn"),
        size={"beta2": 0.5},
        findings=(*_UNSTABLE,),
        causes=("beta2",),
        logs=RECORDED,
    ),
    Kind(
        name="vanishing-initialisation",
        visible="signals",
        what="every weight matrix between the first and the last layer starts at a hundredth of its size",
        models=("mlp", "cnn", "cell"),
        size={"factor": 0.01},
        findings=("vanishing-gradient", "vanishing-signal", "plateau", "update-ratio"),
        causes=("initialisation",),
        logs=RECORDED,
    ),
    Kind(
        name="unbounded-recurrence",
        visible="signals",
        what="the cell's context is additive, without a norm, under a gain above 1 (twin: gated)",
        models=("cell",),
        size={"factor": 0.3},
        findings=("context-growth", "activation-growth", "gradient-explosion", "spike"),
        causes=("additive-context", "recurrence"),
        logs=RECORDED,
    ),
    Kind(
        name="exploding-embedding",
        visible="signals",
        what="the embedding's learning rate is 100 times that of the other layers",
        models=TEXT,
        size={"factor": 100},
        findings=(*_UNSTABLE, "saturated-gates", "attention-collapse", "context-growth"),
        causes=("embedding", "learning-rate"),
        logs=RECORDED,
    ),
    Kind(
        name="saturated-gates",
        visible="signals",
        what="the biases of all gates start at -12",
        models=("lstm", "cell", "stack"),
        size={"bias": -12},
        findings=("saturated-gates", "vanishing-signal", "vanishing-gradient", "plateau"),
        causes=("initialisation", "gate-bias"),
        logs=RECORDED,
    ),
    Kind(
        name="dead-units",
        visible="signals",
        what="four of five units of a hidden ReLU layer start with a bias of -20",
        models=("mlp", "cnn"),
        size={"share": 0.8, "bias": -20},
        findings=("dead-units",),
        causes=("dead-units", "initialisation"),
        logs=RECORDED,
    ),
    Kind(
        name="frozen-layer",
        visible="signals",
        what="one layer in the middle is not handed to the optimizer",
        models=("stack", "attention", "mlp", "cnn"),
        size={},
        findings=("frozen-layer", "update-ratio"),
        causes=("frozen-layer",),
        logs=RECORDED,
    ),
    Kind(
        name="moments-lost",
        visible="signals",
        what="a resume at half of the run starts with an empty optimizer state",
        models=ALL,
        size={"at": 0.5},
        findings=("resume-jump", "second-moment", "spike", "update-ratio"),
        causes=("lost-moments", "resume"),
        logs=RECORDED,
    ),
    Kind(
        name="schedule-restarted",
        visible="signals",
        what="a resume at 55 % of a cosine schedule starts the schedule, warm-up and all, from its beginning",
        models=ALL,
        size={"at": 0.55},
        findings=("learning-rate-jump", "resume-jump", "spike"),
        causes=("schedule-restart", "resume"),
        logs=RECORDED,
        settings={"schedule": "cosine", "warm_up": 20},
    ),
    Kind(
        name="accumulation-scale",
        visible="signals",
        what="gradients of 4 micro-batches (2 in every eighth update) are summed, not averaged; in runs of odd number "
        "the sum is also what is reported as loss",
        models=("lstm", "mlp", "stack", "cnn"),
        size={"scale": 1},
        findings=("accumulation-scale", "gradient-explosion", "worse-than-uniform"),
        causes=("accumulation-scale",),
        logs=RECORDED,
        settings={"accumulate": 4},
    ),
    Kind(
        name="missing-zero-grad",
        visible="loss",
        what="the gradient is never cleared",
        models=("lstm", "stack", "mlp", "cnn"),
        size={},
        findings=("gradient-carried", *_UNSTABLE),
        causes=("zero-grad",),
        logs=RECORDED,
    ),
    Kind(
        name="skipped-updates",
        visible="loss",
        what="from 60 % of the run the optimizer's step is never taken",
        models=ALL,
        size={"at": 0.6},
        findings=("skipped-updates", "frozen-layer", "update-ratio", "repeated-loss", "stale-evaluation"),
        causes=("skipped-updates", "precision", "loss-scale"),
        logs=RECORDED,
    ),
    Kind(
        name="evaluation-in-training-mode",
        visible="signals",
        what="evaluations run with dropout 0.2 switched on",
        models=("stack", "attention", "lstm", "mlp"),
        size={},
        findings=("evaluation-in-training-mode",),
        causes=("training-mode",),
        logs=RECORDED,
        settings={"dropout": 0.2},
    ),
)

_DATA = (
    Kind(
        name="unknown-words",
        visible="data",
        what="15 % of the words of validation are unknown to training",
        models=TEXT,
        size={"share": 0.15},
        findings=("unknown-tokens", "never-trained-tokens"),
        causes=("unknown-tokens",),
        logs=RECORDED,
        settings={"task": "words"},
    ),
    Kind(
        name="small-validation",
        visible="data",
        what="validation is 6 sentences",
        models=TEXT,
        size={"documents": 6},
        findings=("small-validation",),
        causes=("validation-size", "small-validation"),
        logs=RECORDED,
        settings={"task": "words"},
    ),
    Kind(
        name="leak",
        visible="data",
        what="half of the documents of validation are in training too",
        models=TEXT,
        size={"share": 0.5},
        findings=("leak", "near-duplicates"),
        causes=("leak",),
        logs=RECORDED,
    ),
    Kind(
        name="duplicates",
        visible="data",
        what="half of the training documents are copies of 20 of them",
        models=TEXT,
        size={"share": 0.5, "documents": 20},
        findings=("repeated-windows", "near-duplicates"),
        causes=("duplicates", "repeated-text"),
        logs=RECORDED,
    ),
)

KINDS = {kind.name: kind for kind in (*_LOSS, *_SIGNALS, *_DATA)}
