"""Holm's correction: several claims are tested, and chance must not make one of them true."""

from collections.abc import Mapping


def holm(p_values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return p values adjusted for their number (Holm 1979): at most `level` of them hold by chance alone.

    A claim without a p value (too few seeds for its test) stays None but is counted: the claims were planned
    together, and a claim that could not be tested must not make the others easier to believe. Leave out of
    the mapping what was never to be decided by a p value.

    Args:
        p_values: by claim, all of one family.

    Raises:
        ValueError: a p value outside [0, 1].
    """
    for name, p in p_values.items():
        if p is not None and not 0 <= p <= 1:
            raise ValueError(f"p value {p} of {name!r}: give a number from 0 to 1, or None")
    known = sorted((p, name) for name, p in p_values.items() if p is not None)
    adjusted: dict[str, float | None] = dict.fromkeys(p_values)
    highest = 0.0
    for rank, (p, name) in enumerate(known):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p))
        adjusted[name] = highest
    return adjusted
