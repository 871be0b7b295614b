"""What a study's rows say of its claims, and how a claim is decided that compares two arms."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from newllm.statistics import Interval, holm, paired_interval, sign_flip_test
from newllm.statistics.plain_data import interval_data
from newllm.statistics.units import units
from newllm.study.design import Claim, Decision, Row, Rows
from newllm.study.places import KIND
from newllm.study.study import Study
from newllm.trace.verdict import LEVEL


def decide(study: Study, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return what the rows say of each claim; p values are adjusted over all claims that compare (Holm).

    A comparison whose adjusted p value is above 0.05 is not decided by it: the claim takes the verdict that stands
    otherwise, as a rule "undecided".
    """
    by_arm: dict[str, list[Row]] = {}
    for row in rows:
        by_arm.setdefault(row["arm"], []).append(row)
    decisions = {claim.id: _decision(claim, by_arm) for claim in study.claims}
    family = [claim.id for claim in study.claims if claim.compares or decisions[claim.id].p is not None]
    adjusted = holm({claim: decisions[claim].p for claim in family})
    return [_claim(claim, decisions[claim.id], adjusted.get(claim.id)) for claim in study.claims]


def _decision(claim: Claim, by_arm: Mapping[str, Sequence[Row]]) -> Decision:
    missing = [arm for arm in claim.arms if arm not in by_arm]
    if missing:
        return Decision("undecided", {"not_run": missing})
    common = set.intersection(*({_pair(row) for row in by_arm[arm]} for arm in claim.arms))
    if len(common) < claim.needs:
        return Decision("undecided", {"seeds": len(common), "needed": claim.needs})
    rows = {arm: [row for row in by_arm[arm] if _pair(row) in common] for arm in claim.arms}
    try:
        return claim.decide(rows)
    except Exception as error:  # hours of runs must not be lost to one claim's arithmetic
        return Decision("undecided", {"error": f"{type(error).__name__}: {error}"})


def _pair(row: Row) -> tuple[int, Any]:
    """Return what rows that are compared share: the seed, and the kind of processor where there are several."""
    return row["seed"], row.get(KIND)


def _claim(claim: Claim, decision: Decision, adjusted: float | None) -> dict[str, Any]:
    unsure = decision.p is not None and (adjusted is None or adjusted > LEVEL)
    return {
        "id": claim.id,
        "text": claim.text,
        "measure": claim.measure,
        "arms": list(claim.arms),
        "verdict": decision.otherwise if unsure else decision.verdict,
        "numbers": decision.numbers,
        "p": decision.p,
        "p_holm": adjusted,
    }


def has_more(more: str, less: str, name: str) -> Callable[[Rows], Decision]:
    """Return the decision of "arm `more` has a higher `name` than arm `less`"."""
    return lambda rows: compare(rows, more, less, lambda row: row[name])


def compare(rows: Rows, more: str, less: str, value: Callable[[Row], float]) -> Decision:
    """Decide from pairs of the same seed whether one arm has more of a value than another.

    Args:
        rows: of both arms, in the order of the seeds.
        more: the arm that is claimed to have more.
        less: the other.
        value: what is compared.

    Returns:
        "holds" or "does not hold" by the sign of the mean difference; p of the exact sign-flip test over pairs,
        and, among the numbers, that of flipping whole data sets.
    """
    differences = [float(value(a)) - float(value(b)) for a, b in zip(rows[more], rows[less], strict=True)]
    difference = interval_of(rows[more], differences)
    numbers: dict[str, Any] = {"difference": interval_data(difference)}
    if len({row["data"] for row in rows[more]}) > 1:
        numbers["p_by_set"] = sign_flip_test(differences, units(rows[more])[0]).p
    return Decision("holds" if difference.estimate > 0 else "does not hold", numbers, sign_flip_test(differences).p)


def interval_of(rows: Sequence[Row], values: Sequence[float], statistic: str = "mean") -> Interval:
    """Return the interval of a value that each row has, data sets and seeds resampled."""
    return paired_interval(values, *units(rows), statistic=statistic)
