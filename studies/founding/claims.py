"""The claims of the founding document, each with its one primary measure and the arms that decide it.

To add one: its function in `verdicts.py`, its entry here, its words in `labels.ja.toml`, then `python -m
studies.founding`, which decides all claims from the stored rows. Only a new arm needs runs.

The measures were written before the first run of the study. What a review made clearer while it ran (what is said
where an interval lies across a bound; claim 13's "does not hold") is in docs/LOG.md.
"""

from collections.abc import Callable, Sequence

from newllm.study.design import Claim, Decision, Rows

from . import verdicts
from .arms import BASELINE, CONTEXT_RUNS, REMEDIES, TRANSFORMER


def _claim(
    number: int,
    text: str,
    measure: str,
    arms: Sequence[str],
    decide: Callable[[Rows], Decision],
    compares: bool = False,
) -> Claim:
    return Claim(str(number), text, measure, tuple(arms), decide, compares, 8 if compares else verdicts.LEAST_SEEDS)


CLAIMS = (
    _claim(1, "Every run spikes, at epochs 17 to 22.",
           "Share of the four context runs whose first validation spike opens at epochs 17 to 22. "
           "Holds if it is 0.95 or more and its 95 % interval lies above 0.7, does not hold if the interval lies "
           "below 0.5, in part between.",
           CONTEXT_RUNS, verdicts.every_run_spikes),
    _claim(2, "The loss rises 2 to 9 times within one epoch.",
           "Largest ratio of neighbouring validation losses in the first spike, median over runs. "
           "Holds if the interval lies within 2 to 9, does not hold if outside, in part if across a bound.",
           CONTEXT_RUNS, verdicts.two_to_nine_times),
    _claim(3, "It heals itself within a few epochs.",
           "Share of first validation spikes that are healed within 5 epochs. "
           "Holds if the interval lies at 0.5 or above, does not hold if below, in part if across.",
           CONTEXT_RUNS, verdicts.heals_itself),
    _claim(4, "Larger models spike harder.",
           "Height of the tallest validation spike, experiment 2 minus baseline, paired sign-flip test.",
           (BASELINE, "experiment2"), verdicts.larger_spike_harder, compares=True),
    _claim(5, "Cause 1: the additive update lets the context grow until it overflows.",
           "Probe spikes by equal progress: baseline minus the control whose context is cut off, paired sign-flip "
           "test. Does not hold if half of the runs without a context, or more, spike too (by the "
           "interval of their share).",
           (BASELINE, "zero-context"), verdicts.context_overflows, compares=True),
    _claim(6, "Cause 2: gradients explode past a clip of 1.0, more in larger models.",
           "Logarithm of the largest gradient norm before clipping, experiment 2 minus baseline, paired sign-flip "
           "test; in part if only the first half of the sentence is true (the interval of the share "
           "of baseline runs beyond 1.0 lies above 0.5).",
           (BASELINE, "experiment2"), verdicts.gradients_explode, compares=True),
    _claim(7, "Cause 3: the effective learning rate grows with the context.",
           "Growth of the median update-to-weight ratio from the plateau to the onset, in the logarithm: baseline "
           "minus the control without a context, paired sign-flip test.",
           (BASELINE, "zero-context"), verdicts.effective_rate_grows, compares=True),
    _claim(8, "The train/validation gap after a spike is over-fitting.",
           "Share of the gap at epoch 50 that words unknown to training carry. "
           "Holds if the interval lies below 0.5, does not hold if above, undecided if across.",
           (BASELINE, "validation-known"), verdicts.gap_is_over_fitting),
    _claim(9, "The perplexities at spikes show a totally confused model.",
           "Share of the first validation spike's height that unknown words carry. "
           "Holds if the interval lies below 0.5, does not hold if above, undecided if across.",
           (BASELINE,), verdicts.totally_confused),
    _claim(10, "Best at about epoch 20 means that the architecture's expressiveness is used up.",
           "Fall of the probe loss from the epoch of the best validation loss to its lowest after it, nats. "
           "Holds if the interval lies below 0.1, does not hold if above, undecided if across.",
           CONTEXT_RUNS, verdicts.expressiveness_used_up),
    _claim(11, "Accuracy 0.1714 is about 1/6, near random.",
           "Share of the correct predictions that are the end of the sentence. "
           "Holds if the interval lies below 0.5, does not hold if above (then it is a rule, "
           "not chance), undecided if across.",
           (BASELINE,), verdicts.near_random),
    _claim(12, "The Transformer trains without spikes, improving until epoch 49.",
           "Share of runs without a probe spike whose best validation is at epoch 45 or later. "
           "Holds if the interval lies at 0.5 or above; in part if only the first half does, or across.",
           (TRANSFORMER,), verdicts.transformer_is_calm),
    _claim(13, "The six remedies help.",
           "Share of runs that get as far as the baseline ever does without a probe spike: mean over the six "
           "remedies minus the baseline's, paired sign-flip test. Holds if each remedies most runs, else in part; does "
           "not hold if the interval of the mean share lies below 0.5 and it is no more than the baseline's.",
           (BASELINE, *REMEDIES), verdicts.remedies_help, compares=True),
    _claim(14, "The spike shows the additive design unfit: a norm or a gate is indispensable.",
           "Share of runs that a residual FNN remedies while the context stays additive. "
           "Holds if the interval lies below 0.5, does not hold if above, undecided if across.",
           (BASELINE, "residual", "norm-write", "gate", "init-he", "layers-1", "clip-none", "sgd"),
           verdicts.norm_or_gate_indispensable),
)  # fmt: skip
