"""All that may speak for a cause, in one table. docs/causes.md shows it, with how often each was right.

A row with an argument is true by arithmetic of what was logged, or by what the recorder or the data themselves show: it
names its cause. A row without one is experience: it was wrong in no more kinds of run than it was right, which carries
over to other people's runs so badly (benchmarks/strangers/evidence.py) that it names nothing. What it speaks for comes
first among the open causes. Of several rows that are seen the first names.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from newllm.diagnosis.causes import data, evaluation, given, loss, only_change, rate, start, steps
from newllm.diagnosis.causes.look import Itself, Look

COUNTS = Path(__file__).with_name("counts.json")


@dataclass(frozen=True)
class Evidence:
    """One thing that may be seen in a run.

    Attributes:
        id: the name of its sentence, "because-ID"; a kind of finding where that is the evidence.
        cause: what it speaks for.
        look: returns the numbers of that sentence where it is seen. Its docstring says what must be seen, and what not.
        argument: why nothing else can be behind it; empty where that is not so.
    """

    id: str
    cause: str
    look: Look
    argument: str = ""

    @property
    def sentence(self) -> str:
        """The name of the message that says what was seen."""
        if isinstance(self.look, Itself):
            return "because-seen" if self.argument else "because-spoken-for"
        return f"because-{self.id}"


_ONLY = "such a change makes a loss rise, it is as never before in the run, and nothing else changes there"
_SAME_BATCH = "its rows are compared with each other, token for token"
EVIDENCE = (
    # The state of the training, as the recorder saw it.
    Evidence("moments-forgotten", "optimizer-reset", steps.forgets, "an optimizer keeps the moments that it has"),
    Evidence(
        "begun-anew", "changed-state", start.begun_anew, "a checkpoint that was loaded holds weights that were trained",
    ),
    Evidence(
        "made-anew", "optimizer-reset", Itself("renewed-optimizer", "optimizer-reset"),
        "an optimizer that is made once keeps its moments",
    ),
    Evidence(
        "resumed-anew", "moments-lost", steps.resumed_anew, "an optimizer that is loaded with its state holds moments",
    ),
    Evidence("state-changed", "changed-state", steps.state_changed, "nothing but the optimizer may change bits there"),
    Evidence("ranks-apart", "rank-disagreement", Itself("ranks-apart"), "ranks of one model hold the same numbers"),
    Evidence(
        "gradient-cleared", "cleared-gradient", steps.cleared, "an optimizer that reads no gradient learns nothing",
    ),
    Evidence("gradient-carried", "missing-zero-grad", steps.carried, "cleared gradients are zero or not there"),
    Evidence(
        "gradient-grows", "missing-zero-grad", steps.grows_as_a_sum,
        "the gradient of one batch scatters by 5 to 30 %; only a sum over all batches does not",
    ),
    Evidence("accumulation-scale", "accumulation-scale", steps.grows_with_passes, "a mean of n is as long as one"),
    Evidence("frozen", "frozen-layer", steps.frozen, "weights that are updated change some bit"),
    Evidence("context-grows", "unbounded-recurrence", steps.context_grows, "at a gain above one it multiplies"),
    # What the model is given and asked, as the recorder saw it.
    Evidence(
        "softmax-twice", "double-softmax", Itself("loss-form", "double-softmax"),
        "the gradient is that of two softmaxes, number for number",
    ),
    Evidence(
        "form", "loss-definition", Itself("loss-form", "loss-definition"),
        "the gradient is that of the mistake, number for number",
    ),
    Evidence("targets-changed", "wrong-targets", given.targets_changed, "one input of a data set has one target"),
    Evidence(
        "mirrored-apart", "wrong-targets", Itself("mirrored-targets", "wrong-targets"),
        "who has found where a thing is does not take it for its mirror image",
    ),
    Evidence(
        "recoded", "wrong-targets", given.recoded,
        "who has forgotten, or sees something new, is not wrong by a rule that holds for each class",
    ),
    Evidence(
        "never-asked", "loss-definition", Itself("unasked-rows", "loss-definition"),
        "a text that is to be learnt has a place that counts",
    ),
    Evidence(
        "shifted-twice", "wrong-targets", Itself("target-shift", "wrong-targets"),
        "the targets are compared with the tokens, place for place",
    ),
    Evidence(
        "target-is-input", "target-leak", given.target_is_input,
        "the targets are compared with the tokens, place for place",
    ),
    Evidence(
        "future-seen", "target-leak", given.future_seen, "where the future is kept away, that gradient is exactly zero",
    ),
    Evidence("text-unread", "inverted-mask", given.text_unread, "a mask leaves padding unread, and here all else"),
    Evidence("only-padding-asked", "padding-counted", given.only_padding_asked, "a text has more than one token"),
    Evidence("one-target", "wrong-targets", given.one_target, "a classification has two classes and more"),
    Evidence(
        "told-by-input", "target-leak", given.told_by_input, "what tells the answer alone is a copy of it",
    ),
    Evidence(
        "target-in-input", "target-leak", Itself("target-in-input"),
        "what equals the answer in every row is a copy of it",
    ),
    Evidence(
        "batch-as-time", "batch-as-time", Itself("batch-as-time"),
        "the first axis is time by its setting, and the batch by its length",
    ),
    Evidence(
        "unrelated-noise", "wrong-targets", given.unrelated_noise,
        "noise that is drawn by itself, and not in the input, cannot be told from it",
    ),
    Evidence(
        "inputs-not-finite", "not-finite-batch", given.inputs_not_finite, "the inputs hold it before the loss does",
    ),
    Evidence(
        "batch-outlier", "corrupted-batch", given.batch_outlier,
        "no other batch is like it, and the loss rises at that very update",
    ),
    Evidence("inputs-changed", "changed-inputs", given.inputs_changed, "what the model is given changes at that step"),
    Evidence(
        "other-targets", "changed-inputs", given.other_targets, "the most frequent token of a text stays what it is",
    ),
    Evidence("new-classes", "changed-inputs", given.new_classes, "no model knows a class that it was never asked for"),
    Evidence("repeated-batch", "repeated-batch", given.same_batch, "the rows are the same, number for number"),
    Evidence(
        "back-each-time", "periodic-batch", data.back_each_time,
        "a state that was disturbed would show in the next batch too: only that one batch was other",
    ),
    Evidence(
        "first-update-long", "learning-rate", rate.first_update_long,
        "Adam divides by the gradient's size, so that its first update is as long as the rate says",
    ),
    Evidence(
        "tiny-batch", "tiny-batch", given.tiny_batch,
        "a batch norm in training mode passes on how each row differs from the few others",
    ),
    Evidence(
        "inputs-large", "input-scale", given.inputs_large,
        "weights are drawn for inputs of about 1: a first layer gives back what it is given",
    ),
    Evidence("kl-weight", "regularisation", Itself("kl-weight"), "the weight is the loss's own, read point by point"),
    Evidence("lost-updates", "lost-updates", Itself("lost-updates"), "a number that has a gradient and never moves"),
    Evidence("class-left-out", "loss-definition", Itself("ignored-class"), "no row of the class has a gradient"),
    Evidence("one-class", "data-order", given.batches_of_one_class, "a shuffled batch holds more classes"),
    Evidence(
        "evaluation-inputs", "evaluation-preparation", given.evaluation_inputs,
        "one preparation gives numbers of one size, up to what batches scatter",
    ),
    Evidence(
        "evaluation-tokens", "evaluation-preparation", given.evaluation_tokens,
        "one vocabulary gives the same words the same numbers",
    ),
    Evidence("trained-validation", "leak", Itself("trained-validation"), "the rows are the same, number for number"),
    Evidence(
        "summed-passes", "accumulation-scale", Itself("loss-multiple", "accumulation-scale"),
        "the gradient of the logits has that factor",
    ),
    Evidence(
        "summed-targets", "reduction", Itself("loss-multiple", "reduction"),
        "the gradient of the logits has that factor",
    ),
    Evidence(
        "updates-as-set", "learning-rate-low", steps.updates_as_set,
        "Adam divides by the gradient's size, so that its updates are as long as the rate says",
    ),
    Evidence("targets-far", "target-scale", given.targets_far, "an error is no larger than targets and outputs are"),
    Evidence(
        "outputs-end", "output-activation", given.outputs_end,
        "what a last layer gives has no end, and outputs that learn go where targets are",
    ),
    Evidence("decay", "weight-decay", steps.decays, "rate times decay times weight, held against the whole update"),
    Evidence(
        "dropped", "dropout", steps.dropped, "a layer of which so little is left passes on noise",
    ),
    Evidence(
        "clipped-still", "tight-clipping", steps.clipped_still,
        "what is left by clipping is so little that updates move hardly a bit",
    ),
    # The learning rate's own column.
    Evidence("rate-jumped", "learning-rate", rate.jumped, "the column is the cause itself"),
    Evidence("schedule-restarted", "schedule-restarted", rate.restarted, "the column is the cause itself"),
    Evidence("rate-negative", "schedule-ended", rate.negative, "below zero each update climbs the loss"),
    Evidence("schedule-ended", "schedule-ended", rate.ended, "times zero, no update moves a weight"),
    Evidence("schedule-turned", "schedule-ended", rate.turned, "the column is the cause itself"),
    Evidence("rate-zero", "learning-rate-zero", rate.at_zero, "times zero, no update moves a weight"),
    Evidence("warm-up-unfinished", "warm-up-unfinished", rate.rising_to_the_end, "the column is the cause itself"),
    Evidence(
        "weights-outgrown", "learning-rate", rate.weights_outgrown,
        "the rate alone sets how long such updates are, whatever the gradient",
    ),
    # Gradients.
    Evidence("no-gradient", "no-gradient", steps.gradient_zero, "a gradient of zero moves nothing"),
    Evidence(
        "loss-constant", "no-gradient", steps.loss_constant,
        "batches differ, so a loss that does not is no function of them, and has no gradient",
    ),
    Evidence(
        "generator-stands-still", "no-gradient", Itself("generator-stands-still", "no-gradient"),
        "a generator whose samples do not move while its loss does is not updated by it",
    ),
    # The first forward and backward pass.
    Evidence("gradient-steep", "initialisation", start.gradient_steep, "no update had been made yet"),
    Evidence("layers-idle", "initialisation", start.layers_idle, "no update had been made yet"),
    Evidence("units-off", "dead-units", start.units_off, "no update had been made yet"),
    Evidence("logits-wide", "initialisation", start.logits_wide, "no update had been made yet"),
    # The loss.
    Evidence("floor", "double-softmax", loss.at_floor, "logits that lie in 0 to 1 give no smaller loss"),
    Evidence("mirrors-validation", "loss-sign", loss.mirrors_validation, "one of two equal losses has the other sign"),
    Evidence("part-subtracted", "auxiliary-loss", loss.part_subtracted, "the sum falls as this part grows"),
    Evidence("entropy-added", "auxiliary-loss", loss.entropy_added, "the sum falls as the policy becomes surer"),
    Evidence(
        "divergence-weight",
        "regularisation",
        loss.divergence_weight,
        "the weights follow from the columns; in a likelihood both are one",
    ),
    Evidence(
        "both-sides-win", "wrong-targets", Itself("both-sides-win"),
        "a sample is taken for real or for made: not for both by one discriminator",
    ),
    Evidence(
        "preference-at-reference", "reference-is-policy", Itself("preference-at-reference", "reference-is-policy"),
        "a rate times a gradient moves the policy: away from any reference that is not itself",
    ),
    Evidence(
        "reference-differs", "reference-mismatch", Itself("reference-differs"),
        "before its first update a policy is its reference: rewards are 0",
    ),
    Evidence(
        "preference-without-signal", "wrong-targets", Itself("preference-without-signal", "wrong-targets"),
        "two answers that are equal hold no preference",
    ),
    # Evaluations.
    Evidence(
        "stands-still", "frozen-layer", steps.evaluations_equal,
        "a rate times a gradient moves weights: not those that are evaluated",
    ),
    Evidence(
        "validation-unmoved", "stale-evaluation", evaluation.unmoved,
        "what moves the training loss moves the outputs, for better or worse",
    ),
    Evidence(
        "below-chance", "evaluation-preparation", evaluation.below_chance,
        "who is right more seldom than a guess knows the answer, and is asked for another",
    ),
    Evidence(
        "asked-anew", "wrong-targets", evaluation.asked_anew,
        "to be right less often than a guess, it must have learnt other answers to the same inputs",
    ),
    Evidence(
        "learnt-anew", "wrong-targets", evaluation.learnt_anew,
        "what has lost its way comes back in both losses; other answers are learnt in training alone",
    ),
    Evidence(
        "evaluation-in-training-mode", "evaluation-in-training-mode", Itself("evaluation-in-training-mode"),
        "the recorder saw the mode",
    ),
    Evidence(
        "update-in-evaluation-mode", "update-in-evaluation-mode", Itself("update-in-evaluation-mode"),
        "the recorder saw the mode",
    ),
    Evidence("changed-evaluation", "changed-evaluation", Itself("changed-evaluation"), "the sets have other digests"),
    Evidence("small-validation", "small-validation", Itself("small-validation"), "the interval follows from the count"),
    # The data.
    Evidence("unknown-tokens", "unknown-tokens", Itself("unknown-tokens"), "what never occurs is not learnt"),
    Evidence("padding-counted", "padding-counted", Itself("padding-counted"), "padding was counted among the targets"),
    Evidence("leak", "leak", Itself("leak"), _SAME_BATCH),
    Evidence("near-duplicates", "leak", Itself("near-duplicates"), _SAME_BATCH),
    Evidence("repeated-windows", "repeated-text", Itself("repeated-windows"), _SAME_BATCH),
    Evidence("data-order", "data-order", data.ordered, "a shuffled batch tells nothing of its neighbour"),
    Evidence(
        "update-not-finite", "fp16-overflow", data.update_not_finite,
        "what the optimizer computes from finite numbers is beyond what its numbers hold",
    ),
    Evidence(
        "singular-derivative", "numerics-in-loss", data.singular_derivative,
        "what is not finite goes on to all that the function was made of, and to nothing else",
    ),
    Evidence(
        "derivative-not-finite", "numerics-in-loss", data.derivative_not_finite,
        "in 32 bits no calm gradient overflows; a root, a norm or a logarithm at zero does so",
    ),
    Evidence(
        "finite-again", "not-finite-batch", data.finite_again,
        "a weight that is not finite stays so: only the loss of that batch was not",
    ),
    Evidence(
        "class-never-found", "class-imbalance", data.class_never_found,
        "who is right so often without one of a class answers with another, and is right as often as that occurs",
    ),
    # What changed at the step of a rise, and nothing else did (`changes.py`).
    Evidence("only-state", "changed-state", only_change.state, _ONLY),
    Evidence("only-targets", "changed-targets", only_change.targets, _ONLY),
    Evidence("only-multiple", "reduction", only_change.multiple, _ONLY),
    Evidence("only-decay", "weight-decay", only_change.decay, _ONLY),
    Evidence("only-dropout", "dropout", only_change.dropout, _ONLY),
    # Experience.
    Evidence("batch-with-gradient", "corrupted-batch", data.one_batch),
    Evidence("block", "label-noise", data.block),
    Evidence("by-heart", "data-size", data.by_heart),
    Evidence("too-good", "target-leak", Itself("too-good")),
    Evidence("rate-high", "learning-rate", rate.unusual),
    Evidence("grew-first", "learning-rate", rate.grew_first),
    Evidence("updates-large", "learning-rate", rate.updates_large),
    Evidence("from-start", "learning-rate", rate.from_start),
    Evidence("rate-tiny", "learning-rate-low", rate.bounded),
    Evidence("always-falls", "learning-rate-low", rate.falls_little),
    Evidence("few-train", "frozen-layer", steps.few_train),
    Evidence("last-bias", "no-gradient", steps.of_last_bias),
    Evidence("gradient-first", "fp16-overflow", data.gradient_first_in_half),
    Evidence("own-part-small", "auxiliary-loss", loss.own_part_small),
    Evidence("other-units", "wrong-targets", evaluation.other_units),
    Evidence("training-moved", "stale-evaluation", evaluation.repeated),
    Evidence("never-learnt", "tokenizer-mismatch", evaluation.never_learnt),  # a text of another kind does so too
    Evidence("only-validation-jumps", "evaluation-preparation", evaluation.only_validation_jumps),
    Evidence("ranks-alike", "repeated-text", Itself("ranks-alike")),  # so are losses that were averaged over the ranks
    Evidence("clipped-away", "tight-clipping", steps.clipped_away),  # Adam's updates are as long all the same
    Evidence("constant-multiple", "reduction", loss.constant_multiple),  # so is a part that is added, and falls alike
    Evidence("multiple-of-chance", "reduction", loss.multiple_of_chance),  # other parts, or a model that is too sure
    Evidence("policy-ratio-one", "stale-probabilities", Itself("policy-ratio-one")),  # so it is in one pass by right
)  # fmt: skip


@cache
def counts() -> dict[str, Any]:
    """Return how often each row was right on runs of all authors, and what is said of the runs of one left out.

    Written by `python benchmarks/strangers/evidence.py --write`.
    """
    return json.loads(COUNTS.read_text(encoding="utf-8"))
