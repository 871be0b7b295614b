"""What training prints on a console, a line a step: `Epoch 1/23 - loss: 7.0 - val_loss: 7.1`, `step 10: loss 2.31`."""

import itertools
import re
from collections.abc import Iterable, Iterator

from newllm.trace.readers.axes import axis_rank
from newllm.trace.readers.gathered import Gathered
from newllm.trace.readers.naming import meaning, split_of, without_escapes
from newllm.trace.readers.rows import take_row
from newllm.trace.readers.text import lines_of
from newllm.trace.series import Trace

_LOOKED_AT = 20  # lines
_LONGEST = 2000  # characters of a line that are looked at
_MOST_PAIRS = 100  # of a line
_WORD = r"[^\W\d][\w/.@-]{0,60}+"  # possessive: a shorter word is followed by no blank either
# A name of up to three words, a colon or an equals sign or blanks, a number that no letter follows ("20ms").
_PAIR = re.compile(
    rf"(?<![\w.@/-])({_WORD}(?: {_WORD}){{0,2}})['\"]?( *[:=]\s*| +)[\['\"]?"
    r"([-+]?(?:\d{1,3}(?:,\d{3})+(?![\d.])|\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|nan|inf(?:inity)?)%?)(?![\w.]\w|\w)",
    re.IGNORECASE,
)
# What the number of every pair begins with: most lines of prose have none, and are passed over quickly.
_BEFORE = re.compile(r"[\s:='\"\[+-](?:\.?\d|(?:nan|inf(?:inity)?)(?!\w))", re.IGNORECASE)
_OF_A_TABLE = re.compile(r"\s*[-+\d.e]+\s*[,;\t|]", re.IGNORECASE)
_LETTERS = re.compile(r"[a-z]+")


def is_console(text: str) -> bool:
    """Whether a file that begins with this text is what a console showed, not a table.

    Most lines must name a number that newllm knows: one by a colon or an equals sign, or two by blanks.
    """
    lines = list(itertools.islice((line for line in text.splitlines() if line.strip()), _LOOKED_AT))
    return 2 * sum(map(_speaks, lines)) >= max(1, len(lines))


def read_console(gathered: Gathered) -> Trace:
    """Read the pairs of name and number of every line; of a name that comes twice in a line the first holds.

    Raises:
        UserError: the file may not be read, is no text, or holds no numbers.
    """
    for row, line in enumerate(lines_of(gathered)):
        if gathered.full:
            break
        take_row(gathered, row, _cells(line))
    return gathered.by_row()


def _speaks(line: str) -> bool:
    if _OF_A_TABLE.match(line):
        return False
    known = [signed for name, _, signed in _pairs(line) if _is_known(name)]
    return any(known) or len(known) > 1


def _cells(line: str) -> Iterable[tuple[str, str]]:
    cells: dict[str, str] = {}
    for name, value, signed in _pairs(line):
        if signed or _is_known(name):
            rank = axis_rank(name)  # "step 0: val loss 2" and "iter 10: loss 2" count the same
            cells.setdefault(rank[0] if rank and rank[0] != "time" else name, value)
    if not cells:
        return ()
    if not any(split_of(word) for name in cells for word in _LETTERS.findall(name.lower())):
        outside = _LETTERS.findall(_PAIR.sub(lambda pair: " ".join(pair[1].split(" ")[:-1]), line[:_LONGEST]).lower())
        splits = {split_of(word) for word in outside} - {None}
        if len(splits) == 1:
            cells["split"] = str(splits.pop())
    return cells.items()


def _pairs(line: str) -> Iterator[tuple[str, str, bool]]:
    """Yield name, number, and whether a sign stands between them."""
    text = without_escapes(line[:_LONGEST])
    for pair in itertools.islice(_PAIR.finditer(text), _MOST_PAIRS) if _BEFORE.search(text) else ():
        words = pair[1].split(" ")
        cuts = [" ".join(words[first:]) for first in range(len(words))]
        name = next((cut for cut in cuts if _is_known(cut)), cuts[-1])
        yield name, pair[3].replace(",", ""), bool(pair[2].strip())


def _is_known(name: str) -> bool:
    return meaning(name) is not None or axis_rank(name) is not None
