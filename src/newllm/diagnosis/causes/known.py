"""The causes that the doctor may name or leave open: what each is, and what would show it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A cause.

    Attributes:
        what: in a sentence.
        probes: of `newllm.check`, that show it before the first step.
        column: the signal whose column, if it is logged, may show it.
        recorded: whether `newllm.record` may show it.
    """

    what: str
    probes: tuple[str, ...] = ()
    column: str = ""
    recorded: bool = False


CAUSES = {
    "changed-state": Known(
        "Something else than the optimizer changed weights or moments: overwritten, loaded, damaged.", recorded=True
    ),
    "learning-rate": Known("Too high, or raised.", column="learning_rate"),
    "learning-rate-low": Known(
        "Too low for the steps given: nothing moves but the loss, by a little, and always down.",
        probes=(
            "moves",
            "learns",
        ),
        column="learning_rate",
    ),
    "learning-rate-zero": Known("At zero: nothing is updated any more.", probes=("schedule",), column="learning_rate"),
    "warm-up-unfinished": Known(
        "The warm-up is as long as the run, or counts in another unit.", probes=("schedule",), column="learning_rate"
    ),
    "schedule-ended": Known(
        "The schedule is over, or turns round, while the training goes on.",
        probes=("schedule",),
        column="learning_rate",
    ),
    "schedule-restarted": Known("The schedule began anew.", probes=("schedule",), column="learning_rate"),
    "no-warm-up": Known(
        "The rate is at its highest from the first update on, and the loss leaves its trend within the first updates.",
        column="learning_rate",
    ),
    "tight-clipping": Known("Gradients are clipped to nearly nothing.", column="gradient_norm"),
    "weight-decay": Known("Weights are pulled to zero faster than they learn.", recorded=True),
    "no-gradient": Known(
        "The weights get no gradient.",
        probes=(
            "gradients",
            "optimizer-holds",
        ),
        column="gradient_norm",
    ),
    "cleared-gradient": Known(
        "The gradient is cleared between the backward pass and the step, or the step comes first.",
        probes=("step-order",),
        recorded=True,
    ),
    "missing-zero-grad": Known(
        "Gradients are never cleared.", probes=("step-order",), column="gradient_norm", recorded=True
    ),
    "accumulation-scale": Known(
        "Micro-batches are summed where they should be averaged, or divided by their number twice.",
        probes=(
            "accumulation",
            "reduction",
        ),
        recorded=True,
    ),
    "moments-lost": Known("The optimizer's moments were lost at a resume.", recorded=True),
    "beta2": Known("Adam's second moment lags behind the gradient.", recorded=True),
    "corrupted-batch": Known("One batch is bad: up at once, and back at once.", column="gradient_norm"),
    "label-noise": Known("Labels that do not belong to their inputs, over a part of the run or from a step on."),
    "changed-inputs": Known(
        "From a step on the model is given other inputs: scaled, shifted, of another source.", recorded=True
    ),
    "changed-targets": Known(
        "From a step on the loss asks for other targets: scaled, shifted, coded otherwise.", recorded=True
    ),
    "repeated-batch": Known("One and the same batch is given again and again.", recorded=True),
    "tiny-batch": Known("Batch norm takes its statistics from a batch of a few rows.", recorded=True),
    "lost-updates": Known(
        "Weights of 16 bits stay where they are: updates below half a step of the format are rounded away.",
        recorded=True,
    ),
    "periodic-batch": Known("Every k-th batch is bad."),
    "optimizer-reset": Known("The optimizer forgets its moments again and again."),
    "repeated-text": Known("Text that training had seen made the loss fall first."),
    "data-order": Known("Data that are read in an order that means something.", probes=("order",)),
    "data-size": Known("Too little data: training learns them by heart."),
    "class-imbalance": Known(
        "One class is far more frequent than the others, and is the answer to everything.", column="validation_accuracy"
    ),
    "target-leak": Known(
        "The target stands in the input.",
        probes=(
            "causality",
            "shift",
            "answers",
        ),
        column="validation_loss",
    ),
    "unbounded-recurrence": Known("A context that grows with every position.", recorded=True),
    "additive-context": Known("The context is added to and never forgets."),
    "exploding-embedding": Known("The embedding is updated far more than the rest.", recorded=True),
    "initialisation": Known(
        "Weights start at a wrong scale.",
        probes=(
            "initial-loss",
            "scale",
            "gradient-scale",
        ),
        recorded=True,
    ),
    "frozen-layer": Known(
        "Weights that should train never move.",
        probes=(
            "optimizer-holds",
            "gradients",
            "moves",
        ),
        recorded=True,
    ),
    "dead-units": Known("Units that are zero for every input.", probes=("scale",), recorded=True),
    "fp16-overflow": Known(
        "Numbers beyond what half precision holds.",
        probes=(
            "half-precision",
            "autocast",
        ),
        column="gradient_norm",
    ),
    "not-finite-batch": Known("A batch that holds, or makes, a value that is not finite.", probes=("finite",)),
    "numerics-in-loss": Known(
        "A formula, mostly of a loss by hand, that is not finite somewhere, or whose derivative is not: a root, a norm "
        "or a logarithm of zero, a division by nothing.",
        probes=(
            "finite",
            "loss-form",
        ),
    ),
    "tokenizer-mismatch": Known(
        "Validation is encoded otherwise than training.", probes=("vocabulary",), column="validation_loss"
    ),
    "evaluation-preparation": Known(
        "Evaluation data are prepared otherwise than training's: scaled, shifted, augmented.", probes=("evaluation",)
    ),
    "evaluation-configuration": Known(
        "The evaluation runs the model otherwise than training does: on its own outputs, in other settings.",
        probes=("evaluation",),
    ),
    "evaluation-mode": Known(
        "The evaluation runs in training mode.",
        probes=(
            "evaluation",
            "evaluation-mode",
        ),
        recorded=True,
    ),
    "stale-evaluation": Known(
        "An evaluation of old weights, or one that was kept.", probes=("evaluation",), column="validation_loss"
    ),
    "unknown-tokens": Known("Targets that training never had.", probes=("vocabulary",)),
    "double-softmax": Known(
        "The loss is given probabilities where it wants logits.", probes=("loss-form",), column="validation_accuracy"
    ),
    "loss-axis": Known(
        "The training loss is taken over another axis, or of other pairs, than the validation loss.",
        probes=("loss-form",),
    ),
    "dropout": Known("Too many activations are dropped in training.", probes=("evaluation-mode",), recorded=True),
    "reduction": Known(
        "The training loss is a multiple of what it should be: summed, or scaled, and not averaged.",
        probes=("reduction",),
        column="validation_accuracy",
    ),
    "input-scale": Known("Inputs are hundreds of times as large as weights expect.", probes=("scale",), recorded=True),
    "target-scale": Known("Targets are thousands of times as large as what the model gives.", recorded=True),
    "output-activation": Known(
        "An activation behind the last layer keeps outputs from where targets are.", recorded=True
    ),
    "wrong-targets": Known(
        "Targets that do not belong to their inputs: what is learnt of them is of no use elsewhere.",
        probes=(
            "shift",
            "broadcast",
        ),
    ),
    "regularisation": Known(
        "What acts in training alone is too strong: dropout, augmentation, smoothed labels, a penalty, a bonus."
    ),
    "auxiliary-loss": Known("Another part of the loss has all the say, or the wrong sign."),
    "bootstrap-target": Known(
        "The target of a value goes on behind the end of an episode, or takes the highest of noisy estimates."
    ),
    "loss-sign": Known("The loss is made larger: its sign is wrong.", probes=("learns",), column="validation_loss"),
    "loss-definition": Known(
        "The loss is given what it is not made for: no log-probabilities, targets out of range, a wrong sign.",
        probes=("loss-form",),
    ),
    "rank-disagreement": Known("Ranks of one training no longer hold one model."),
    "reference-is-policy": Known("The reference of a preference training is the policy itself."),
    "reference-mismatch": Known("The reference of a preference training is another model than the policy began as."),
    "stale-probabilities": Known("A policy's old log-probabilities are computed anew instead of being kept."),
    "leak": Known("Validation holds data that training has."),
    "evaluation-in-training-mode": Known(
        "Evaluations run while the model is in training mode.",
        probes=(
            "evaluation",
            "evaluation-mode",
        ),
        recorded=True,
    ),
    "update-in-evaluation-mode": Known("The model is left in evaluation mode while it trains.", recorded=True),
    "changed-evaluation": Known("Evaluations of one run are made on different sets."),
    "small-validation": Known("Validation is too small for what is read from it."),
    "padding-counted": Known("Padding is among the targets.", probes=("padding",), recorded=True),
    "batch-as-time": Known("A layer reads the rows of a batch as steps in time.", probes=("rows",), recorded=True),
    "inverted-mask": Known("A mask is the wrong way round: padding is read, and the text is not.", recorded=True),
}
