"""The project's colours, by what they stand for.

The hues are those of Okabe and Ito (2008), which people with any common colour blindness tell apart.
Two that share a panel also differ in lightness, so that a grey print keeps them apart: training is dark,
validation light. The report and the local page take theirs from here as well.
"""

from collections.abc import Sequence

TRAINING = "#0072B2"  # blue
VALIDATION = "#E69F00"  # orange
SPIKE = "#D55E00"  # vermilion: what went wrong, and where
CONTEXT = "#009E73"  # bluish green
LEARNING_RATE = "#CC79A7"  # reddish purple

SKY = "#56B4E9"
SEVERITIES = {"fault": SPIKE, "warning": VALIDATION, "note": SKY}
_OWN = {"training": TRAINING, "validation": VALIDATION}
_FREE = (CONTEXT, LEARNING_RATE, SKY, SPIKE)

INK = "#1F2328"
MUTED = "#6B7280"
GRID = "#E6E8EB"
PAPER = "#FFFFFF"


def by_name(names: Sequence[str]) -> dict[str, str]:
    """Give every name of one figure a colour, in the order of first mention; no two share one.

    Training and validation have their own; beside them other names get these last.

    Raises:
        ValueError: more names than colours.
    """
    different = list(dict.fromkeys(names))
    others = [name for name in different if name not in _OWN]
    unused = [colour for name, colour in _OWN.items() if name not in different]
    free = [*unused, *_FREE] if len(others) == len(different) else [*_FREE, *unused]
    if len(others) > len(free):
        raise ValueError(
            f"{len(different)} names in one figure, {', '.join(different)}: there are {len(_OWN) + len(_FREE)} colours"
        )
    given = _OWN | dict(zip(others, free, strict=False))
    return {name: given[name] for name in different}


def of_signal(name: str) -> str:
    """Return the colour of a signal by its name: that of training unless the name says what else it is."""
    if name.startswith("validation"):
        return VALIDATION
    if name.startswith("learning_rate"):
        return LEARNING_RATE
    return CONTEXT if name.startswith(("context", "lyapunov")) else TRAINING
