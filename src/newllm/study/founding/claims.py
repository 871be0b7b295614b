"""The fourteen claims of the founding document, each with its one primary measure and the arms that decide it.

Written before the first run of the study. Thresholds stand in the measures; where a claim is a comparison, a
paired sign-flip test decides and Holm's correction over all claims can only make it undecided.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from newllm.study.decisions import compare, interval_of, plain
from newllm.study.design import Claim, Decision, Row, Rows
from newllm.study.founding.arms import BASELINE, CONTEXT_RUNS, REMEDIES, TRANSFORMER
from newllm.study.founding.effects import is_remedied
from newllm.study.statistics import Interval, sign_flip_test
from newllm.study.statistics.shares import share_interval
from newllm.study.units import units

FEW_EPOCHS = 5
WINDOW = (17, 22)
PROBE_SPIKED = "probe_spiked_by_equal_progress"


def every_run_spikes(rows: Rows) -> Decision:
    """Claim 1: share of the context runs whose first validation spike opens at epochs 17 to 22."""
    in_window = _by_seed(rows, CONTEXT_RUNS, lambda row: _within(row["validation_onset"], WINDOW))
    spiking = _by_seed(rows, CONTEXT_RUNS, lambda row: row["validation_spiked"])
    share = _share_of(rows[BASELINE], in_window)
    verdict = _by_bounds(share, holds=0.7, fails=0.5)
    if verdict == "holds" and share.estimate < 0.95:
        verdict = "holds in part"
    onsets = {arm: [row["validation_onset"] for row in rows[arm]] for arm in CONTEXT_RUNS}
    return Decision(
        verdict, {"share_in_window": plain(share), "share_spiking": float(np.mean(spiking)), "onsets": onsets}
    )


def two_to_nine_times(rows: Rows) -> Decision:
    """Claim 2: the largest rise of the validation loss within one epoch, median over the runs that spike."""
    jumps = [
        [row["validation_jump"] for arm in CONTEXT_RUNS if (row := rows[arm][i])["validation_jump"]]
        for i in _seeds(rows)
    ]
    known = [(row, float(np.median(values))) for row, values in zip(rows[BASELINE], jumps, strict=True) if values]
    if not known:
        return Decision("does not hold", {"runs_that_spike": 0})
    jump = interval_of([row for row, _ in known], [value for _, value in known], "median")
    numbers = {"jump": plain(jump), "largest": max(max(values) for values in jumps if values)}
    if jump.low is None or jump.high is None:
        return Decision("undecided", numbers)
    inside = jump.low >= 2 and jump.high <= 9
    outside = jump.high < 2 or jump.low > 9
    return Decision("holds" if inside else "does not hold" if outside else "holds in part", numbers)


def heals_itself(rows: Rows) -> Decision:
    """Claim 3: share of validation spikes that are healed within 5 epochs of their onset."""
    spiking = [[row for arm in CONTEXT_RUNS if (row := rows[arm][i])["validation_spiked"]] for i in _seeds(rows)]
    known = [(row, runs) for row, runs in zip(rows[BASELINE], spiking, strict=True) if runs]
    if not known:
        return Decision("undecided", {"runs_that_spike": 0})
    healed = [
        float(np.mean([_within(run["validation_recovery"], (0, FEW_EPOCHS)) for run in runs])) for _, runs in known
    ]
    probe = [float(np.mean([_within(run["probe_recovery"], (0, FEW_EPOCHS)) for run in runs])) for _, runs in known]
    share = _share_of([row for row, _ in known], healed)
    return Decision(
        _by_bounds(share, holds=0.5, fails=0.5),
        {"share_healed": plain(share), "share_healed_on_the_probe": float(np.mean(probe))},
    )


def larger_spike_harder(rows: Rows) -> Decision:
    """Claim 4: height of the tallest validation spike, experiment 2 minus baseline, paired."""
    return compare(rows, "experiment2", BASELINE, lambda row: row["validation_tallest"])


def context_overflows(rows: Rows) -> Decision:
    """Claim 5: does the baseline spike more often, on the probe, than the same model without any context?"""
    decision = compare(rows, BASELINE, "zero-context", lambda row: row[PROBE_SPIKED])
    shares = {arm: _share(rows[arm], PROBE_SPIKED) for arm in (BASELINE, "zero-context")}
    norms = {"context_norm_at_onset": _median(rows[BASELINE], "context_norm_at_onset")}
    numbers = {**decision.numbers, "share_spiking": shares, **norms}
    if shares["zero-context"] >= 0.5:  # most runs without a context spike too: it cannot be the context
        return Decision("does not hold", numbers)
    return Decision(decision.verdict, numbers, decision.p)


def gradients_explode(rows: Rows) -> Decision:
    """Claim 6: largest gradient norm before clipping, experiment 2 against baseline, paired in the logarithm."""
    decision = compare(rows, "experiment2", BASELINE, lambda row: np.log(row["gradient_highest"]))
    beyond = float(np.mean([row["gradient_highest"] > 1.0 for row in rows[BASELINE]]))
    median = {arm: _median(rows[arm], "gradient_highest") for arm in (BASELINE, "experiment2")}
    numbers = {**decision.numbers, "share_beyond_the_clip": beyond, "median_highest": median}
    if decision.verdict != "holds" and beyond > 0.5:
        return Decision("holds in part", numbers, decision.p)
    return Decision(decision.verdict, numbers, decision.p)


def effective_rate_grows(rows: Rows) -> Decision:
    """Claim 7: how much more the updates grow, relative to the weights, with the context than without it."""

    def growth(row: Row) -> float:
        return float(np.log(row["update_at_onset"] / row["update_before"]))

    decision = compare(rows, BASELINE, "zero-context", growth)
    numbers = {
        **decision.numbers,
        "growth_baseline": float(np.exp(np.median([growth(row) for row in rows[BASELINE]]))),
        "growth_zero_context": float(np.exp(np.median([growth(row) for row in rows["zero-context"]]))),
        "correlation_with_context": _median(rows[BASELINE], "update_context_correlation"),
    }
    return Decision(decision.verdict, numbers, decision.p)


def gap_is_over_fitting(rows: Rows) -> Decision:
    """Claim 8: share of the final gap between validation and probe that unknown words carry."""
    share = interval_of(rows[BASELINE], [row["gap_share_unknown"] for row in rows[BASELINE]])
    known = [row["gap_at_end"] for row in rows["validation-known"]]
    numbers = {"share_of_unknown_words": plain(share), "gap_without_unknown_words": float(np.mean(known))}
    numbers["gap"] = float(np.mean([row["gap_at_end"] for row in rows[BASELINE]]))
    return Decision(_by_bounds(share, holds=0.5, fails=0.5, below=True), numbers)


def totally_confused(rows: Rows) -> Decision:
    """Claim 9: share of the first validation spike's height that unknown words carry."""
    spiking = [row for row in rows[BASELINE] if row["peak_share_unknown"] is not None]
    if not spiking:
        return Decision("undecided", {"runs_that_spike": 0})
    share = interval_of(spiking, [row["peak_share_unknown"] for row in spiking])
    others = {name: float(np.mean([row[f"peak_share_{name}"] for row in spiking])) for name in ("end", "seen")}
    return Decision(
        _by_bounds(share, holds=0.5, fails=0.5, below=True), {"share_of_unknown_words": plain(share), **others}
    )


def expressiveness_used_up(rows: Rows) -> Decision:
    """Claim 10: how far the probe loss falls from the epoch of the best validation loss to the lowest."""
    falls = [
        float(np.mean([rows[arm][i]["probe_at_best"] - rows[arm][i]["lowest_probe"] for arm in CONTEXT_RUNS]))
        for i in _seeds(rows)
    ]
    fall = interval_of(rows[BASELINE], falls)
    best = {arm: _median(rows[arm], "best_epoch") for arm in CONTEXT_RUNS}
    return Decision(_by_bounds(fall, holds=0.1, fails=0.1, below=True), {"fall": plain(fall), "best_epoch": best})


def near_random(rows: Rows) -> Decision:
    """Claim 11: share of the correct predictions that are the end of the sentence."""
    known = [row for row in rows[BASELINE] if row["correct_that_are_end"] is not None]
    share = _share_of(known, [row["correct_that_are_end"] for row in known])
    numbers = {
        "share_of_ends": plain(share),
        "correct": sorted({row["usual_correct"] for row in known}),
        "of": sorted({row["targets"] for row in known}),
        "share_of_epochs": _median(known, "usual_correct_share"),
        "random_guess": 1 / 91,
    }
    return Decision(_by_bounds(share, holds=0.5, fails=0.5, below=True), numbers)


def transformer_is_calm(rows: Rows) -> Decision:
    """Claim 12: share of Transformer runs without a probe spike, whose best epoch is 45 or later."""
    calm = [float(not row["probe_spiked"]) for row in rows[TRANSFORMER]]
    late = [float(row["best_epoch"] >= 45) for row in rows[TRANSFORMER]]
    share = _share_of(rows[TRANSFORMER], calm)
    numbers = {
        "share_calm": plain(share),
        "share_best_late": float(np.mean(late)),
        "share_validation_spiking": _share(rows[TRANSFORMER], "validation_spiked"),
    }
    both = _share_of(rows[TRANSFORMER], [a * b for a, b in zip(calm, late, strict=True)])
    verdict = _by_bounds(both, holds=0.5, fails=0.5)
    if verdict == "does not hold" and _by_bounds(share, holds=0.5, fails=0.5) == "holds":
        verdict = "holds in part"
    return Decision(verdict, numbers)


def remedies_help(rows: Rows) -> Decision:
    """Claim 13: probe spikes by equal progress, mean over the document's six remedies, against the baseline."""
    remedied = [float(np.mean([is_remedied(rows[arm][i]) for arm in REMEDIES])) for i in _seeds(rows)]
    calm = [float(not row[PROBE_SPIKED]) for row in rows[BASELINE]]
    differences = [a - b for a, b in zip(remedied, calm, strict=True)]
    difference = interval_of(rows[BASELINE], differences)
    each = {arm: float(np.mean([is_remedied(row) for row in rows[arm]])) for arm in REMEDIES}
    numbers = {"difference": plain(difference), "share_remedied": each, "baseline_calm": float(np.mean(calm))}
    p = sign_flip_test(differences).p
    if not difference.estimate > 0:
        return Decision("does not hold", numbers, None if difference.estimate == 0 else p)
    return Decision("holds" if min(each.values()) > 0.5 else "holds in part", numbers, p)


def norm_or_gate_indispensable(rows: Rows) -> Decision:
    """Claim 14: share of runs that a residual FNN remedies, with the additive context as it is."""
    remedied = [float(is_remedied(row)) for row in rows["residual"]]
    share = _share_of(rows["residual"], remedied)
    others = {arm: float(np.mean([is_remedied(row) for row in rows[arm]])) for arm in ("norm-write", "gate")}
    return Decision(
        _by_bounds(share, holds=0.5, fails=0.5, below=True),
        {"share_remedied_without_norm_or_gate": plain(share), "share_remedied": others},
    )


def _by_bounds(interval: Interval, *, holds: float, fails: float, below: bool = False) -> str:
    """Return "holds" if the whole interval is at least `holds`, "does not hold" if it is below `fails`.

    With `below`, the claim is that the number is small: holds below, fails above.
    """
    if interval.low is None or interval.high is None:
        return "undecided"
    if below:
        return "holds" if interval.high < holds else "does not hold" if interval.low >= fails else "undecided"
    if interval.low >= holds:
        return "holds"
    return "does not hold" if interval.high < fails else "holds in part"


def _by_seed(rows: Rows, arms: Sequence[str], value: Callable[[Row], Any]) -> list[float]:
    return [float(np.mean([float(value(rows[arm][i])) for arm in arms])) for i in _seeds(rows)]


def _seeds(rows: Rows) -> range:
    return range(min(len(of_arm) for of_arm in rows.values()))


def _share_of(rows: Sequence[Row], shares: Sequence[float]) -> Interval:
    return share_interval(shares, *units(rows))


def _within(value: float | None, bounds: tuple[float, float]) -> bool:
    return value is not None and bounds[0] <= value <= bounds[1]


def _share(rows: Sequence[Row], name: str) -> float:
    return float(np.mean([bool(row[name]) for row in rows]))


def _median(rows: Sequence[Row], name: str) -> float | None:
    known = [row[name] for row in rows if row[name] is not None]
    return float(np.median(known)) if known else None


def _claim(number: int, text: str, measure: str, arms: Sequence[str], decide: Callable[[Rows], Decision]) -> Claim:
    return Claim(str(number), text, measure, tuple(arms), decide)


CLAIMS = (
    _claim(1, "Every run spikes, at epochs 17 to 22.",
           "Share of the four context runs whose first validation spike opens at epochs 17 to 22. "
           "Holds if it is 0.95 or more and its 95 % interval lies above 0.7, does not hold if the interval lies "
           "below 0.5, in part between.",
           CONTEXT_RUNS, every_run_spikes),
    _claim(2, "The loss rises 2 to 9 times within one epoch.",
           "Largest ratio of neighbouring validation losses in the first spike, median over runs. "
           "Holds if the interval lies within 2 to 9, does not hold if outside, in part if across a bound.",
           CONTEXT_RUNS, two_to_nine_times),
    _claim(3, "It heals itself within a few epochs.",
           "Share of first validation spikes that are healed within 5 epochs. "
           "Holds if the interval lies at 0.5 or above, does not hold if below, in part if across.",
           CONTEXT_RUNS, heals_itself),
    _claim(4, "Larger models spike harder.",
           "Height of the tallest validation spike, experiment 2 minus baseline, paired sign-flip test.",
           (BASELINE, "experiment2"), larger_spike_harder),
    _claim(5, "Cause 1: the additive update lets the context grow until it overflows.",
           "Probe spikes by equal progress: baseline minus the control whose context is cut off, paired sign-flip "
           "test. Does not hold if half of the runs without a context, or more, spike too.",
           (BASELINE, "zero-context"), context_overflows),
    _claim(6, "Cause 2: gradients explode past a clip of 1.0, more in larger models.",
           "Logarithm of the largest gradient norm before clipping, experiment 2 minus baseline, paired sign-flip "
           "test; in part if only the first half of the sentence is true.",
           (BASELINE, "experiment2"), gradients_explode),
    _claim(7, "Cause 3: the effective learning rate grows with the context.",
           "Growth of the median update-to-weight ratio from the plateau to the onset, in the logarithm: baseline "
           "minus the control without a context, paired sign-flip test.",
           (BASELINE, "zero-context"), effective_rate_grows),
    _claim(8, "The train/validation gap after a spike is over-fitting.",
           "Share of the gap at epoch 50 that words unknown to training carry. "
           "Holds if the interval lies below 0.5, does not hold if above.",
           (BASELINE, "validation-known"), gap_is_over_fitting),
    _claim(9, "The perplexities at spikes show a totally confused model.",
           "Share of the first validation spike's height that unknown words carry. "
           "Holds if the interval lies below 0.5, does not hold if above.",
           (BASELINE,), totally_confused),
    _claim(10, "Best at about epoch 20 means that the architecture's expressiveness is used up.",
           "Fall of the probe loss from the epoch of the best validation loss to its lowest, nats. "
           "Holds if the interval lies below 0.1, does not hold if above.",
           CONTEXT_RUNS, expressiveness_used_up),
    _claim(11, "Accuracy 0.1714 is about 1/6, near random.",
           "Share of the correct predictions that are the end of the sentence. "
           "Holds if the interval lies below 0.5, does not hold if above: then it is a rule, not chance.",
           (BASELINE,), near_random),
    _claim(12, "The Transformer trains without spikes, improving until epoch 49.",
           "Share of runs without a probe spike whose best validation is at epoch 45 or later. "
           "Holds if the interval lies at 0.5 or above; in part if only the first half does, or across.",
           (TRANSFORMER,), transformer_is_calm),
    _claim(13, "The six remedies help.",
           "Share of runs that get as far as the baseline at its end without a probe spike: mean over the six "
           "remedies minus the baseline's, paired sign-flip test. Holds if each remedies most runs, else in part.",
           (BASELINE, *REMEDIES), remedies_help),
    _claim(14, "The spike shows the additive design unfit: a norm or a gate is indispensable.",
           "Share of runs that a residual FNN remedies while the context stays additive. "
           "Holds if the interval lies below 0.5, does not hold if above.",
           (BASELINE, "residual", "norm-write", "gate"), norm_or_gate_indispensable),
)  # fmt: skip
