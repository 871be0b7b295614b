"""Numbers and other pieces of evidence as text. What comes from a log leaves here harmless: see `plain`."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from newllm.messages import Catalogue
from newllm.words.plain import plain

_MOST_ITEMS = 8  # of a list in the evidence
_NAME = 60  # characters


def number(words: Catalogue, value: float) -> str:
    """Return a number as `five_digits` does, and what is not finite in words."""
    if math.isnan(value):
        return "NaN"
    return words("infinite" if value > 0 else "minus_infinite") if math.isinf(value) else five_digits(value)


def five_digits(value: float) -> str:
    """Return a finite number in five digits or so, as a person reads it: 14.703, 1,234.5, 3.2e-5."""
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e9:
        mantissa, exponent = f"{value:.3e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    if abs(value) >= 1e5:
        return f"{value:,.0f}"
    digits = max(0, 4 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def value(words: Catalogue, thing: Any) -> str:
    """Return a piece of evidence as text."""
    if isinstance(thing, np.generic | np.ndarray):
        thing = thing.tolist()
    if thing is None:
        return words("value-unknown")
    if isinstance(thing, bool):
        return words("value-yes" if thing else "value-no")
    if isinstance(thing, int):
        return f"{thing:,}" if abs(thing) < 10**15 else number(words, _as_float(thing))
    if isinstance(thing, float):
        return number(words, thing)
    if isinstance(thing, Mapping):
        items = list(thing.items())[:_MOST_ITEMS]
        return listed(words, [f"{_name(words, name)} {value(words, item)}" for name, item in items], len(thing))
    if isinstance(thing, Sequence) and not isinstance(thing, str):
        return listed(words, [value(words, item) for item in list(thing)[:_MOST_ITEMS]], len(thing))
    return (words.get(f"value-{thing}") if isinstance(thing, str) else None) or plain(thing)


def listed(words: Catalogue, items: Sequence[str], count: int) -> str:
    """Return the first items of a list of `count`, and how many more there are: "a, b and 3 more"."""
    text = words("list").join(items)
    return words("list-more", listed=text, more=count - len(items)) if count > len(items) else text


def duration(words: Catalogue, seconds: float) -> str:
    """Return a time: "48 s", "4 min 50 s"."""
    whole = round(seconds)
    if whole < 100:
        return words("duration-seconds", seconds=whole)
    return words("duration-minutes", minutes=whole // 60, seconds=whole % 60)


def file_size(count: int) -> str:
    """Return the size of a file of `count` bytes: "512 B", "412 kB", "1.2 MB"."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _name(words: Catalogue, name: object) -> str:
    """Return the name of a number in a table, in words where there are some."""
    return words.get(f"evidence-{name}") or plain(name, _NAME)


def _as_float(whole: int) -> float:
    try:
        return float(whole)
    except OverflowError:
        return math.inf if whole > 0 else -math.inf
