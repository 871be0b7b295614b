"""How claims are decided, where a claim is a comparison of two arms."""

from collections.abc import Callable, Sequence
from typing import Any

from newllm.statistics import Interval, paired_interval, sign_flip_test
from newllm.statistics.plain_data import interval_data
from newllm.statistics.units import units
from newllm.study.design import Decision, Row, Rows


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
