"""The claims: which change gives a lower loss than none, at equal time and at equal tokens.

By Student's test of the differences of pairs, one a seed, and Holm's correction over all claims. An exact test of five
pairs cannot give a p value below 0.06; the differences of a few seeds are near enough to normal. It speaks of further
seeds on the texts that were read, not of further texts.
"""

import math
from collections.abc import Iterator

from newllm.statistics import mean_interval
from newllm.statistics.plain_data import interval_data
from newllm.study import Claim, Decision
from newllm.study.design import Rows

from .arms import COMPARED, COSTS, DEFAULTS, LONG, TIME, name_of

SEEDS = 5  # fewer decide nothing
NAMES = {
    "matrices": "Matrices in one block of four",
    "ngrams": "Tables of n-grams",
    "ngrams-decay": "Tables of n-grams that decay more",
    "pairs": "A table of pairs alone",
    "together": "Matrices and tables of n-grams together",
    "muon": "Muon",
    "decay": "Strong weight decay",
    "muon-decay": "Muon with strong weight decay",
    "tied": "A head that is the embedding's matrix",
    "embedding": "An embedding that begins larger",
}
EQUAL = {"time": "at equal time", "tokens": "at equal tokens", "both": "at equal tokens, which take equal time"}
LENGTHS = {DEFAULTS: "300 updates", LONG: "1,800 updates"}


def lower(rows: Rows, changed: str, control: str) -> Decision:
    """Decide whether the last validation loss of an arm is lower than its control's, seed by seed."""
    pairs = zip(rows[changed], rows[control], strict=True)
    differences = [without["last_validation"] - with_it["last_validation"] for with_it, without in pairs]
    interval = mean_interval(differences)
    verdict = "holds" if interval.estimate > 0 else "does not hold"
    return Decision(verdict, {"difference": interval_data(interval)}, students_p(differences))


def students_p(differences: list[float]) -> float:
    """Return the two-sided p value of Student's test that the mean of two or more differences is 0."""
    from scipy import stats  # a second to import

    if len(set(differences)) == 1:  # no spread, of which the test makes a warning
        return 1.0 if differences[0] == 0 else math.ulp(0.0)
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def text_of(change: str, control: str, equal: str) -> str:
    """Return the sentence of a claim."""
    return f"{NAMES[change]}: a lower loss than the preset without tables {EQUAL[equal]} ({LENGTHS[control]})."


def measure_of(changed: str, control: str) -> str:
    """Return what decides a claim."""
    return (
        f"Last validation loss of {control} minus that of {changed}, in nats a token, paired by seed: Student's test, "
        f"{SEEDS} seeds or more."
    )


def _claim(change: str, control: str, equal: str) -> Claim:
    name = name_of(change, control)
    changed = f"{name}{TIME}" if equal == "time" else name
    return Claim(
        f"{name}-tokens" if equal == "tokens" else name,
        text_of(change, control, equal),
        measure_of(changed, control),
        (changed, control),
        lambda rows: lower(rows, changed, control),
        compares=True,
        needs=SEEDS,
    )


def _claims() -> Iterator[Claim]:
    for control, changes in COMPARED.items():
        for change in changes:
            yield _claim(change, control, "time" if change in COSTS else "both")
    for change in COMPARED[DEFAULTS]:
        if change in COSTS:
            yield _claim(change, DEFAULTS, "tokens")


CLAIMS = tuple(_claims())
