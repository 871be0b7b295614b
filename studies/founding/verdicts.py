"""How each claim of the founding document is decided from the rows of its arms; the measures are in `claims.py`.

Every function gets the same seeds of every arm, in their order. A share is judged by its interval; a comparison by
a paired sign-flip test, whose p value Holm's correction may overrule.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from newllm.statistics import Interval, sign_flip_test
from newllm.statistics.bootstrap import share_interval
from newllm.statistics.plain_data import interval_data
from newllm.statistics.units import units
from newllm.study.decisions import compare, interval_of
from newllm.study.design import Decision, Row, Rows

from .arms import BASELINE, CONTEXT_RUNS, REMEDIES, TRANSFORMER
from .effects import is_remedied

FEW_EPOCHS = 5
WINDOW = (17, 22)
LEAST_SEEDS = 6
PROBE_SPIKED = "probe_spiked_by_equal_progress"


def every_run_spikes(rows: Rows) -> Decision:
    """Claim 1: share of the context runs whose first validation spike opens at epochs 17 to 22."""
    in_window = _by_seed(rows, CONTEXT_RUNS, lambda row: _within(row["validation_onset"], WINDOW))
    spiking = _by_seed(rows, CONTEXT_RUNS, lambda row: row["validation_spiked"])
    share = _share_of(rows[BASELINE], in_window)
    verdict = _at_least(share, 0.7, fails=0.5)
    if verdict == "holds" and share.estimate < 0.95:
        verdict = "holds in part"
    onsets = {arm: [row["validation_onset"] for row in rows[arm]] for arm in CONTEXT_RUNS}
    numbers = {"share_in_window": interval_data(share), "share_spiking": float(np.mean(spiking)), "onsets": onsets}
    return Decision(verdict, numbers)


def two_to_nine_times(rows: Rows) -> Decision:
    """Claim 2: the largest rise of the validation loss within one epoch, median over the runs that spike."""
    spiking = _spiking_runs(rows, "validation")
    if len(spiking) < LEAST_SEEDS:
        return _too_few(spiking)
    jumps = [[run["validation_jump"] for run in runs] for _, runs in spiking]
    jump = interval_of([row for row, _ in spiking], [float(np.median(values)) for values in jumps], "median")
    numbers = {"jump": interval_data(jump), "largest": max(max(values) for values in jumps)}
    if jump.low is None or jump.high is None:
        return Decision("undecided", numbers)
    inside, outside = jump.low >= 2 and jump.high <= 9, jump.high < 2 or jump.low > 9
    return Decision("holds" if inside else "does not hold" if outside else "holds in part", numbers)


def heals_itself(rows: Rows) -> Decision:
    """Claim 3: share of validation spikes that are healed within 5 epochs of their onset."""
    spiking = _spiking_runs(rows, "validation")
    if len(spiking) < LEAST_SEEDS:
        return _too_few(spiking)
    healed = [_share_healed(runs, "validation") for _, runs in spiking]
    probe = [_share_healed(runs, "probe") for _, runs in _spiking_runs(rows, "probe")]
    share = _share_of([row for row, _ in spiking], healed)
    numbers: dict[str, Any] = {"share_healed": interval_data(share)}
    if probe:
        numbers["share_healed_on_the_probe"] = float(np.mean(probe))
    return Decision(_at_least(share, 0.5), numbers)


def larger_spike_harder(rows: Rows) -> Decision:
    """Claim 4: height of the tallest validation spike, experiment 2 minus baseline, paired."""
    return compare(rows, "experiment2", BASELINE, lambda row: row["validation_tallest"])


def context_overflows(rows: Rows) -> Decision:
    """Claim 5: does the baseline spike more often, on the probe, than the same model without any context?"""
    decision = compare(rows, BASELINE, "zero-context", lambda row: row[PROBE_SPIKED])
    without = _share_of(rows["zero-context"], [float(row[PROBE_SPIKED]) for row in rows["zero-context"]])
    numbers = {
        **decision.numbers,
        "share_spiking_without_context": interval_data(without),
        "share_spiking_baseline": _share(rows[BASELINE], PROBE_SPIKED),
        "context_norm_at_onset": _median(rows[BASELINE], "context_norm_at_onset"),
    }
    if _at_least(without, 0.5) == "holds":  # most runs without a context spike too: it cannot be the context
        return Decision("does not hold", numbers, decision.p, otherwise="does not hold")
    return Decision(decision.verdict, numbers, decision.p)


def gradients_explode(rows: Rows) -> Decision:
    """Claim 6: largest gradient norm before clipping, experiment 2 against baseline, paired in the logarithm."""
    rows = _where_known(rows, "gradient_highest")
    if len(rows[BASELINE]) < LEAST_SEEDS:
        return _too_few(rows[BASELINE])
    decision = compare(rows, "experiment2", BASELINE, lambda row: float(np.log(row["gradient_highest"])))
    beyond = _share_of(rows[BASELINE], [float(row["gradient_highest"] > 1.0) for row in rows[BASELINE]])
    median = {arm: _median(rows[arm], "gradient_highest") for arm in (BASELINE, "experiment2")}
    numbers = {**decision.numbers, "share_beyond_the_clip": interval_data(beyond), "median_highest": median}
    first_half = _at_least(beyond, 0.5)
    if first_half != "holds":
        return Decision("does not hold" if first_half == "does not hold" else "undecided", numbers, decision.p)
    both = "holds" if decision.verdict == "holds" else "holds in part"
    return Decision(both, numbers, decision.p, otherwise="holds in part")


def effective_rate_grows(rows: Rows) -> Decision:
    """Claim 7: how much more the updates grow, relative to the weights, with the context than without it."""
    rows = _where_known(rows, "update_at_onset", "update_before")
    if len(rows[BASELINE]) < LEAST_SEEDS:
        return _too_few(rows[BASELINE])

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
    known = [row for row in rows[BASELINE] if row["gap_share_unknown"] is not None]
    if len(known) < LEAST_SEEDS:
        return _too_few(known)
    share = interval_of(known, [row["gap_share_unknown"] for row in known])
    numbers = {
        "share_of_unknown_words": interval_data(share),
        "unknown_words_in_validation": _median(known, "unknown_share"),
        "gap": float(np.mean([row["gap_at_end"] for row in known])),
        "gap_without_unknown_words": float(np.mean([row["gap_at_end"] for row in rows["validation-known"]])),
    }
    return Decision(_below(share, 0.5), numbers)


def totally_confused(rows: Rows) -> Decision:
    """Claim 9: share of the first validation spike's height that unknown words carry."""
    known = [row for row in rows[BASELINE] if row["peak_share_unknown"] is not None]
    if len(known) < LEAST_SEEDS:
        return _too_few(known)
    share = interval_of(known, [row["peak_share_unknown"] for row in known])
    others = {name: float(np.mean([row[f"peak_share_{name}"] for row in known])) for name in ("end", "seen")}
    numbers = {
        "share_of_unknown_words": interval_data(share),
        "unknown_words_in_validation": _median(known, "unknown_share"),
        **others,
    }
    return Decision(_below(share, 0.5), numbers)


def expressiveness_used_up(rows: Rows) -> Decision:
    """Claim 10: how far the probe loss falls after the epoch of the best validation loss."""
    falls = _by_seed(rows, CONTEXT_RUNS, lambda row: row["probe_at_best"] - row["lowest_probe_after_best"])
    fall = interval_of(rows[BASELINE], falls)
    best = {arm: _median(rows[arm], "best_epoch") for arm in CONTEXT_RUNS}
    return Decision(_below(fall, 0.1), {"fall": interval_data(fall), "best_epoch": best})


def near_random(rows: Rows) -> Decision:
    """Claim 11: share of the correct predictions that are the end of the sentence."""
    known = [row for row in rows[BASELINE] if row["correct_that_are_end"] is not None]
    if len(known) < LEAST_SEEDS:
        return _too_few(known)
    share = _share_of(known, [row["correct_that_are_end"] for row in known])
    numbers = {
        "share_of_ends": interval_data(share),
        "correct": sorted({row["usual_correct"] for row in known}),
        "of": sorted({row["targets"] for row in known}),
        "share_of_epochs": _median(known, "usual_correct_share"),
    }
    return Decision(_below(share, 0.5), numbers)


def transformer_is_calm(rows: Rows) -> Decision:
    """Claim 12: share of Transformer runs without a probe spike, whose best epoch is 45 or later."""
    calm = [float(not row["probe_spiked"]) for row in rows[TRANSFORMER]]
    late = [float(row["best_epoch"] >= 45) for row in rows[TRANSFORMER]]
    share = _share_of(rows[TRANSFORMER], calm)
    both = _share_of(rows[TRANSFORMER], [a * b for a, b in zip(calm, late, strict=True)])
    numbers = {
        "share_calm_and_late": interval_data(both),
        "share_calm": interval_data(share),
        "share_best_late": float(np.mean(late)),
        "share_validation_spiking": _share(rows[TRANSFORMER], "validation_spiked"),
    }
    verdict = _at_least(both, 0.5)
    if verdict == "does not hold" and _at_least(share, 0.5) == "holds":
        verdict = "holds in part"
    return Decision(verdict, numbers)


def remedies_help(rows: Rows) -> Decision:
    """Claim 13: probe spikes by equal progress, mean over the document's six remedies, against the baseline."""
    remedied = _by_seed(rows, REMEDIES, is_remedied)
    calm = [float(not row[PROBE_SPIKED]) for row in rows[BASELINE]]
    differences = [a - b for a, b in zip(remedied, calm, strict=True)]
    share = _share_of(rows[BASELINE], remedied)
    each = {arm: float(np.mean([is_remedied(row) for row in rows[arm]])) for arm in REMEDIES}
    numbers = {
        "difference": interval_data(interval_of(rows[BASELINE], differences)),
        "share_remedied_in_all": interval_data(share),
        "share_remedied": each,
        "baseline_calm": float(np.mean(calm)),
    }
    p = sign_flip_test(differences).p
    if _at_least(share, 0.5) == "does not hold" and np.mean(differences) <= 0:
        return Decision("does not hold", numbers, p, otherwise="does not hold")
    return Decision("holds" if min(each.values()) > 0.5 else "holds in part", numbers, p)


def norm_or_gate_indispensable(rows: Rows) -> Decision:
    """Claim 14: share of runs that a residual FNN remedies, with the additive context as it is."""
    share = _share_of(rows["residual"], [float(is_remedied(row)) for row in rows["residual"]])
    others = {arm: float(np.mean([is_remedied(row) for row in rows[arm]])) for arm in rows if arm != "residual"}
    return Decision(_below(share, 0.5), {"share_remedied_by_residual": interval_data(share), "share_remedied": others})


def _at_least(interval: Interval, holds: float, *, fails: float | None = None) -> str:
    """Judge "it is at least so much": "holds in part" where the interval lies across the bound."""
    if interval.low is None or interval.high is None:
        return "undecided"
    if interval.low >= holds:
        return "holds"
    return "does not hold" if interval.high < (holds if fails is None else fails) else "holds in part"


def _below(interval: Interval, bound: float) -> str:
    """Judge "it is below so much": "undecided" where the interval lies across the bound."""
    if interval.low is None or interval.high is None:
        return "undecided"
    return "holds" if interval.high < bound else "does not hold" if interval.low >= bound else "undecided"


def _spiking_runs(rows: Rows, signal: str) -> list[tuple[Row, list[Row]]]:
    """Return for every seed with a spike the baseline's row and the context runs that spike."""
    runs = [[rows[arm][i] for arm in CONTEXT_RUNS if rows[arm][i][f"{signal}_spiked"]] for i in _seeds(rows)]
    return [(row, of_seed) for row, of_seed in zip(rows[BASELINE], runs, strict=True) if of_seed]


def _share_healed(runs: Sequence[Row], signal: str) -> float:
    return float(np.mean([_within(run[f"{signal}_recovery"], (0, FEW_EPOCHS)) for run in runs]))


def _where_known(rows: Rows, *names: str) -> Rows:
    """Return the rows of the seeds for which every arm knows a number above 0 under these names."""
    known = [i for i in _seeds(rows) if all((of_arm[i][name] or 0) > 0 for of_arm in rows.values() for name in names)]
    return {arm: [of_arm[i] for i in known] for arm, of_arm in rows.items()}


def _too_few(seeds: Sequence[Any]) -> Decision:
    return Decision("undecided", {"seeds": len(seeds), "needed": LEAST_SEEDS})


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
