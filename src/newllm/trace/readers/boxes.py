"""Boxes on a console, a name and a number a line: what stable-baselines prints after each rollout."""

import itertools
import re

from newllm.trace.readers.axes import axis_rank
from newllm.trace.readers.gathered import Gathered
from newllm.trace.readers.numbers import number
from newllm.trace.readers.rows import take_row
from newllm.trace.readers.text import lines_of
from newllm.trace.series import Trace

_LOOKED_AT = 200  # lines
_FEWEST = 3  # lines of a box
_EDGE = re.compile(r"\s*-{8,}\s*$")
# "|    ep_rew_mean  | 22.7  |", below "| rollout/  |   |"; in older ones "| rollout/ep_rew_mean | 22.7 |".
_LINE = re.compile(r"\s*\|( *)([\w/.@-]{1,80})\s+\|\s*(\S{0,40})\s*\|\s*$")
_STEPS = ("iterations", "total_timesteps")  # the first of them counts the rows


def is_boxes(text: str) -> bool:
    """Whether a file that begins with this text has such a box: an edge, and lines of a name and a number under it."""
    lines = text.splitlines()[:_LOOKED_AT]
    edges = [at for at, line in enumerate(lines) if _EDGE.match(line)]
    return any(
        end - start > _FEWEST and all(map(_LINE.match, lines[start + 1 : end]))
        for start, end in itertools.pairwise(edges)
    )


def read_boxes(gathered: Gathered) -> Trace:
    """Read each box as a row. A name that is set in belongs to the section above it.

    Raises:
        UserError: the file may not be read, is no text, or holds no numbers.
    """
    row, section = 0, ""
    cells: dict[str, str] = {}
    for line in lines_of(gathered):
        found = _LINE.match(line)
        if found is not None:
            name = section + found[2] if len(found[1]) > 1 else found[2]
            section = found[2] if found[2].endswith("/") and not found[3] else section
            if number(found[3]) is not None:
                cells[name] = found[3]
        elif _EDGE.match(line):
            row += _take(gathered, row, cells)
            cells, section = {}, ""
    _take(gathered, row, cells)  # of a training that is still printing
    return gathered.by_row()


def _take(gathered: Gathered, row: int, cells: dict[str, str]) -> bool:
    if not any(axis_rank(name) for name in cells):
        counts = {name.rpartition("/")[2]: name for name in reversed(cells)}
        counted = next((counts[name] for name in _STEPS if name in counts), None)
        cells = ({"step": cells[counted]} if counted else {}) | cells
    return take_row(gathered, row, cells.items()) > 0
