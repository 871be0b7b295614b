"""Keras' bars, drawn over while an epoch goes on: `27/32 ━━━━ 0s 2ms/step - loss: 0.0925 - val_loss: 0.3373`.

Their numbers are means of the epoch so far, so that only the bar that is drawn last is a row of the log.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from newllm.trace.readers.naming import without_escapes

_HEADER = re.compile(r"\s*Epoch:?\s+(\d{1,15})(?!\d)(/\d)?")  # "Epoch 3: val_loss improved" comes within its epoch
_BAR = re.compile(r"\s*(\d{1,15})/(\d{1,15}|Unknown)\s+(\[[=>.]*\]|━*)\s*(?:- )?(?:ETA:|\d+(?:m?s|:\d\d)(?!\w))")
_NOTHING = re.compile(r"\s*(?:\d+[mu]?s/step)?[\s\x08]*")
_NAME = re.compile(r" - (\w{1,60}):")
_LONGEST = 2000  # characters of a line that are looked at


class _Drawn(NamedTuple):
    """A bar: its line, how many batches are done of how many, whether it may be drawn over, and its numbers' names."""

    line: str
    done: int
    of: str
    over: bool
    names: frozenset[str]


def last_drawn(lines: Iterable[str]) -> Iterator[str]:
    """Pass lines on, and of the bars of each epoch the one that is drawn last, when its epoch is over.

    Under "Epoch 3/12" the first bar is the training's. What counts other batches, or begins anew, is drawn by
    `evaluate` or `predict`: it is left out, for nothing says of which data it is. Without such a header every bar that
    begins anew is an epoch, unless the one before has a validation loss, and it counts other batches and has none.
    """
    epoch, held, anew = "", None, False
    for line in lines:
        if bar := _drawn(line):
            if not bar.names:  # `predict`
                continue
            if held is None or _goes_on(held, bar, anew):
                held = bar
            elif epoch or (bar.of != held.of and _validates(held) and not _validates(bar)):
                anew |= bar.of == held.of
            else:
                yield held.line
                held = bar
            continue
        header = _HEADER.match(line) if "poch" in line else None
        if header and (header[1] != epoch or header[2]):
            if held is not None:
                yield _placed(held, epoch)
            epoch, held, anew = header[1], None, False
        yield line
    if held is not None:
        yield _placed(held, epoch)


def _placed(bar: _Drawn, epoch: str) -> str:
    """Return a bar's line, with its epoch where other lines may have come between."""
    return f"Epoch {epoch} {bar.line}" if epoch else bar.line


def _goes_on(held: _Drawn, bar: _Drawn, anew: bool) -> bool:
    """Whether a bar is drawn over the one that is held; behind one that began anew only what has further names is."""
    same = held.over and bar.over and (bar.of == held.of or "Unknown" in (bar.of, held.of))
    begins = bar.done == 1 < held.done or 2 * bar.done < held.done  # bars may come a little out of order
    return same and not begins and bar.names >= held.names and (not anew or bar.names > held.names)


def _validates(bar: _Drawn) -> bool:
    return any(name.startswith("val_") for name in bar.names)


def _drawn(line: str) -> _Drawn | None:
    if "/" not in line or not (bar := _BAR.match(text := without_escapes(line[:_LONGEST]))):
        return None
    names = frozenset(_NAME.findall(text, bar.end()))
    if not names and not _NOTHING.fullmatch(text, bar.end()):
        return None  # "12/40 3s loss=2.5": no line of Keras
    return _Drawn(line, int(bar[1]), bar[2], bool(bar[3]) or bar[2] == "Unknown", names)
