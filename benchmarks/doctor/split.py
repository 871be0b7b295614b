"""Which runs thresholds may be fitted on, and which are the table's."""

from typing import Literal

Half = Literal["fit", "table"]
# Kinds of fault that nothing is fitted on at all.
HELD_OUT = (
    "fp16-overflow",
    "changed-evaluation",
    "rising-learning-rate",
    "moments-lost",
    "dead-units",
    "duplicates",
)


def half_of(kind: str, run: int) -> Half:
    """Return a run's half: by the parity of its number's binary digits, which no model or form of log goes along with.

    Args:
        kind: of fault, or "healthy".
        run: its number within the kind.
    """
    return "table" if kind in HELD_OUT or run.bit_count() % 2 else "fit"
