"""What training prints on a console, a line a step: `Epoch 1/23 - loss: 7.0 - val_loss: 7.1`, `step 10: loss 2.31`."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from newllm.trace.readers.axes import axis_rank, is_episode
from newllm.trace.readers.bar_steps import BarSteps, Told
from newllm.trace.readers.bar_texts import comes_once_an_epoch
from newllm.trace.readers.batches_of_epochs import BatchesOfEpochs
from newllm.trace.readers.clip_limit import clip_limit_of
from newllm.trace.readers.epoch_bars import last_drawn
from newllm.trace.readers.gathered import Gathered
from newllm.trace.readers.naming import meaning, split_of, without_escapes
from newllm.trace.readers.numbers import number
from newllm.trace.readers.planned import totals_of
from newllm.trace.readers.progress_bars import Drawing, drawing_of, is_wiped_out, without_bars
from newllm.trace.readers.rows import take_row
from newllm.trace.readers.text import lines_of
from newllm.trace.remark import note
from newllm.trace.series import Trace

_LOOKED_AT, _SEVERAL = 20, 3  # lines
_CUTS = re.compile(r"[\s,;|]+")  # between the cells of a row
_DIGITS = 15  # of a step
_LONGEST = 2000  # characters of a line that are looked at
_MOST_PAIRS = 100  # of a line
# Possessive: a shorter word is followed by no blank either. "nan" is a number: "loss nan acc 0.1" are two pairs.
_WORD = r"(?!(?:nan|inf|infinity)\b)[^\W\d][\w/.@-]{0,60}+"
# A name of up to three words, a colon, an equals sign, an arrow or blanks, a number that no letter follows ("20ms").
# Or "Batch[10]", a number in brackets.
_PAIR = re.compile(
    rf"(?<![\w.@/-])({_WORD}(?: {_WORD}){{0,2}})['\"]?( *(?:[:=]|[-=]>|→)\s*| +|(?=\[\d+\]))[\['\"]?"
    r"([-+]?(?:\d{1,3}(?:,\d{3})+(?![\d.])|\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|(?:nan|inf(?:inity)?)(?:\.0+)?)%?)(?![\w.]\w|[\w(]|-\d\d-\d\d)",
    re.IGNORECASE,
)
_NOT_FINITE = re.compile(r"(?<=[a-z])\.0+$", re.IGNORECASE)  # "nan.0" as Lightning fills numbers up to one width
# What the number of every pair begins with: most lines of prose have none, and are passed over quickly.
_BEFORE = re.compile(r"[\s:=>→'\"\[+-](?:\.?\d|(?:nan|inf(?:inity)?)(?!\w))", re.IGNORECASE)
_OF_A_TABLE = re.compile(r"\s*[-+\d.e]+\s*[,;\t|]", re.IGNORECASE)
_LONG = re.compile(r"(\d{1,15}) ([A-Za-z_]\w{0,60}) ([-+.\w]+)")
_LLM_C = re.compile(r"s:(\d{1,15}) (trl|tel|hel|eval):([-+.\w]+)")
_LLM_C_NAMES = {"trl": "train loss", "tel": "val loss", "hel": "hellaswag", "eval": "hellaswag"}
# "Total optimization steps = 375", "Num update steps per epoch = 40", "EPOCHS=12": how many there are to be.
_HOW_MANY = re.compile(
    r"(?:^\s*epochs(?==)|(?:[a-z]\w*\s|num_)(?:steps|epochs|iterations|iters|updates)|\bper (?:step|epoch))"
    r"['\"]?\s*[:=]",
    re.IGNORECASE,
)
_QUOTIENT = re.compile(r"/\d+ *= *([\d.]+)(?![\w.])")  # "accuracy: 2463/10042=0.2453"
_DONE = re.compile(r"\s*\[ *(\d{1,15})/\d+\](?! *\[)")  # "[596/600] Loss_D: 0.1": how many steps are done
_OF_A_MODULE = re.compile(r"\s*\(\w+\): [A-Za-z_]\w*\(")  # "(0): Linear(in_features=2, ..." as a model prints itself
# "disc loss 0.1 gen loss 0.7": neither is the loss of the line.
_OF_A_SIDE = re.compile(r"(d|disc|discriminator|critic|g|gen|generator) (?:cost|loss)", re.IGNORECASE)
_APART = ("", "|", ",", ";", "]")  # what stands around a pair
# "np.float64(-58.9)" as numpy 2 writes a number, "tensor([0.97], device='cuda:0')".
_WRAPPED = re.compile(
    r"\b(?:np\.\w+|tensor)\(\[?([-+]?(?:[\d.]+(?:e[-+]?\d+)?|nan|inf))\]?(?:, *\w+=[^()]*(?:<\w+>)?)?\)", re.IGNORECASE
)
_SPLIT = re.compile(r"\bsplit\W{1,3}([a-z]+)")
_OF_ALL = ("best", "lowest", "highest")  # "Best Val Loss: 0.15 Best epoch 0": not of the step that is printed
_LETTERS = re.compile(r"[a-z]+")
_GENITIVE = re.compile(r"(?<=\w)'s(?= )")  # LightGBM: "training's binary_logloss: 0.41"
_BULLET = re.compile(r"\s*\|\s*>")  # "  | > avg_loss: 4.88", under a header


def is_console(text: str) -> bool:
    """Whether a file that begins with this text is what a console showed, not a table.

    Most of the first lines, or of the last ones where settings stand above, must name a number that newllm knows: one
    by a colon or an equals sign, or two by blanks. Progress bars are no lines. Where fewer do, among much else that is
    printed, several must, and more than there are lines of numbers alone, as a table has them.
    """
    lines = [left for line in text.splitlines() if (left := _without_bar(line)).strip()]
    speaks = [_speaks(line) for line in lines]
    if any(2 * sum(part) >= max(1, len(part)) for part in (speaks[:_LOOKED_AT], speaks[-_LOOKED_AT:])):
        return True
    pairs = [pair[1] for line in lines[:_LOOKED_AT] if (pair := _PAIR.fullmatch(line.strip()))]
    if len(pairs) >= max(_SEVERAL, len(lines[:_LOOKED_AT]) // 2) and any(map(_is_known, pairs)):
        return True  # "loss 2.31", and no line of a table begins with a name each time
    return sum(speaks) >= max(_SEVERAL, 1 + sum(map(_is_row, _outside_of_brackets(lines))))


def read_console(gathered: Gathered) -> Trace:
    """Read the pairs of name and number of every line; of a name that comes twice in a line the first holds.

    Raises:
        UserError: the file may not be read, is no text, or holds no numbers.
    """
    steps = _Steps()
    header: str | None = None  # the split that the line above the bullets names: "--> EVAL PERFORMANCE"
    for row, line in enumerate(last_drawn(lines_of(gathered))):
        if gathered.full:
            break
        drawing = drawing_of(line)
        left = without_bars(line)
        cells = steps.new_numbers(row, line, left, drawing)
        if not cells:
            header = _split_in(left.lower())
        elif header and _BULLET.match(left) and not any(map(_split_in, map(str.lower, cells))):
            cells["split"] = header
        if not cells:
            take_row(gathered, row, clip_limit_of(left[:_LONGEST]))
        steps.bars.pass_line(row, drawing, line, holds=bool(cells))
        if cells and take_row(gathered, row, cells.items()):
            steps.take(row, left, drawing, cells)
            for kind, total in totals_of(left[:_LONGEST]):
                gathered.totals.setdefault(kind, set()).add(total)
    _take_steps(gathered, steps)
    gathered.forget_settings()
    return gathered.by_row()


def _take_steps(gathered: Gathered, steps: "_Steps") -> None:
    """Take in what only the whole log tells: which rows a bar repeats, and the steps of all rows."""
    for row, numbers in steps.bars.rows_set_again():
        take_row(gathered, row, numbers.items())
    told = steps.told()
    for row, step in sorted(told.steps.items()):
        gathered.add("step", row, step)
    if told.off:
        gathered.note(note("remark-steps-of-bars", off=told.off))


class _Steps:
    """Which row of a log is which step, where bars, batches of an epoch or counts in brackets tell it, not its rows.

    Attributes:
        bars: what they tell.
    """

    def __init__(self) -> None:
        self.bars = BarSteps()
        self._batches = BatchesOfEpochs()
        self._done: list[tuple[int, int]] = []  # rows that begin with how many steps are done
        self._said: list[tuple[int, int]] = []  # rows that say their step
        self._has_steps = False

    def new_numbers(self, row: int, line: str, left: str, drawing: Drawing | None) -> dict[str, str]:
        """Return the numbers of a line by name, none where it is a bar that only shows again what it did before.

        Args:
            row: its number.
            line: as it stands in the log.
            left: without the bars that hold no numbers.
            drawing: its bar.
        """
        texts = self.bars.texts
        if drawing is None and is_wiped_out(line):
            texts.wipe()
        if drawing and drawing.alone:
            cells = dict(_cells(drawing.text)) if texts.is_news(row, drawing) else {}
            return texts.take(drawing, cells) if cells else {}
        return dict(_cells(left)) if left.strip() else {}

    def take(self, row: int, left: str, drawing: Drawing | None, cells: Mapping[str, str]) -> None:
        """A line was taken as a row: what it says of its step."""
        axes = {rank[0]: cells[name] for name in reversed([*cells]) if (rank := axis_rank(name))}
        step = axes.get("step")
        self._has_steps |= step is not None
        if step is not None:
            self._said += [(row, int(step[:_DIGITS]))] if step.isdigit() else []
        elif not axes and (begins := _DONE.match(left)):
            self._done.append((row, int(begins[1])))
        elif self._batches.take(row, left):
            pass
        elif names := {name if name != "split" else cells[name] for name in cells if axis_rank(name) is None}:
            usual = {name for name in names if not comes_once_an_epoch(name)} if drawing and drawing.alone else names
            self.bars.take(row, drawing, usual or names, axes.get("epoch"))

    def told(self) -> Told:
        """Return the steps of rows that do not say them."""
        counted = [step for _, step in self._done]
        if self._done and counted == sorted(counted) and not self._has_steps:  # what begins anew tells no step
            return Told(dict(self._done))
        if not self._has_steps and (steps := self._batches.told()):
            return Told(steps)
        return self.bars.told(lines=not self._has_steps, said=self._said)


def _without_bar(line: str) -> str:
    """Return a line without its bars: of one that holds numbers, these alone."""
    drawing = drawing_of(line)
    return " ".join(drawing.text.split("|")) if drawing and drawing.alone else without_bars(line)


def _outside_of_brackets(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines but those of a bracket that was opened in a line before: an array that is printed is no table."""
    depth = 0
    for line in lines:
        if depth <= 0:
            yield line
        depth = max(0, depth + sum(map(line.count, "([{")) - sum(map(line.count, ")]}")))


def _is_row(line: str) -> bool:
    """Whether a line is a row of a table: mostly numbers."""
    cells = [cell for cell in _CUTS.split(line) if cell]
    return 2 * sum(number(cell) is not None for cell in cells) > len(cells)


def _speaks(line: str) -> bool:
    if _OF_A_TABLE.match(line):
        return False
    cells, rest = _step_name_number(line)
    if cells:
        return any(map(_is_known, list(cells)[1:]))
    known = [signed for name, _, signed, _ in _pairs(rest) if _is_known(name)]
    return any(known) or len(known) > 1


def _step_name_number(line: str) -> tuple[dict[str, str], str]:
    """Part the cells of a line that begins with a step, a name and a number, as build-nanogpt and llm.c write it."""
    found = _LONG.fullmatch(line.strip()[:_LONGEST]) or _LLM_C.match(line[:_LONGEST])
    if found is None or number(found[3]) is None:
        return {}, line
    return {"step": found[1], _LLM_C_NAMES.get(found[2], found[2]): found[3]}, line[found.end() :]


def _cells(line: str) -> Iterable[tuple[str, str]]:
    cells, line = _step_name_number(_WRAPPED.sub(r"\1", without_escapes(line[:_LONGEST])))
    _place(cells, list(_pairs(line)))
    if not cells or any(name.endswith("train_runtime") for name in cells):  # HF's Trainer ends with means of all
        return ()
    if not any(map(meaning, cells)) and _HOW_MANY.search(line[:_LONGEST]):
        return ()
    if not any(map(_split_in, map(str.lower, cells))):
        outside = _PAIR.sub(lambda pair: " ".join(pair[1].split(" ")[:-1]), line[:_LONGEST])
        if split := _split_in(outside.lower()):
            cells["split"] = split
    return cells.items()


def _place(cells: dict[str, str], pairs: Sequence[tuple[str, str, bool, bool]]) -> None:
    """Put the pairs of a line into its cells: what counts steps or epochs under that name, of several the first."""
    speaks = any(_is_known(name) for name, _, _, _ in pairs)  # prose has no number that newllm knows
    places = ""
    for name, value, signed, alone in pairs:
        kind, rank = axis_rank(name) or ("time", 0)
        is_told = signed or _is_known(name) or (alone and speaks)
        if not is_told or (kind == "step" and (number(value) or 0) % 1):  # "mean of the last 30 episodes 9.4"
            continue
        if kind == "time":
            cells.setdefault(name, value)
        # "step 0: val loss 2" and "iter 10: loss 2" count alike; "STEP: 50/900 -- GLOBAL_STEP: 950" is at 950.
        elif kind not in cells or (kind, rank) == ("step", 0):
            cells[kind], places = value, name
        elif is_episode(places):
            cells.setdefault(name, value)  # "Episode 10, steps 22"


def _split_in(text: str) -> str | None:
    """Return the one split that a text in lower case names, None where it names none or several."""
    if (said := _SPLIT.search(text)) and split_of(said[1]):
        return split_of(said[1])  # "eval: split train. loss 0.12"
    splits = {split_of(word) for word in _LETTERS.findall(text)} - {None}
    return splits.pop() if len(splits) == 1 else None


def _pairs(line: str) -> Iterator[tuple[str, str, bool, bool]]:
    """Yield name, number, whether a sign stands between them, and whether bars or commas stand around them."""
    text, taken, measure = without_escapes(line[:_LONGEST]), set[str](), list[str]()
    text = _GENITIVE.sub("", text)
    if not _BEFORE.search(text) or _OF_A_MODULE.match(text):
        return
    found = list(itertools.islice(_PAIR.finditer(text), _MOST_PAIRS))
    sides = _sides([pair[1] for pair in found])
    for pair in found:
        words = pair[1].split(" ")
        if _is_location(text, pair):
            continue
        # LitGPT repeats the loss of its last evaluation in each line: "loss train: 2.9, val: 3.1".
        if split_of(words[-1]) and len(words) > 1 and "loss" not in words:
            measure = words[:-1]
        elif split_of(pair[1]) and measure:
            words = [*measure, *words]  # "accuracy train: 0.9 test: 0.8"
        if len(words) == 1 and split_of(pair[1]) and not pair[2].strip() and pair[3].isdigit():
            continue  # "train 1000 times"
        name = _name(text, pair, words, sides, taken)
        taken.add(name)
        quotient = _QUOTIENT.match(text, pair.end())
        yield (
            name,
            quotient[1] if quotient else _NOT_FINITE.sub("", pair[3].replace(",", "")),
            bool(pair[2].strip()) or pair[1] in sides,
            len(words) == 1 and _stands_alone(text, pair),
        )


def _name(text: str, pair: re.Match[str], words: list[str], sides: Mapping[str, str], taken: AbstractSet[str]) -> str:
    """Return what the number of a pair is of: as much of its words as newllm knows, else the last one."""
    cuts = [" ".join(words[first:]) for first in range(len(words))]
    if words[0].lower() in _OF_ALL or text[pair.start() - 1 : pair.start()] in ("'", '"'):
        return cuts[0]  # {'return mean': 2.5}
    if axis_rank(cuts[-1]) and len(words) > 1 and all(map(split_of, words[:-1])):
        return cuts[-1]  # "validate step: 20": of which split the line is, is said beside its step
    name = sides.get(pair[1]) or next((cut for cut in cuts if _is_known(cut)), cuts[-1])
    return cuts[0] if name in taken and meaning(name) is None else name  # "Last reward: 40 Average reward: 17"


def _sides(names: list[str]) -> dict[str, str]:
    """Return, where a line has the losses of both sides of a game, what to call each: "disc cost" is "disc_loss"."""
    losses = {name: f"{found[1]}_loss" for name in names if (found := _OF_A_SIDE.fullmatch(name))}
    return losses if len(losses) > 1 else {}


def _stands_alone(text: str, pair: re.Match[str]) -> bool:
    """Whether bars, commas or the ends of the line stand around a pair: "| entropy 0.67 |"."""
    before, after = text[: pair.start()].rstrip()[-1:], text[pair.end() :].lstrip()[:1]
    return before in _APART and after in _APART


def _is_location(text: str, pair: re.Match[str]) -> bool:
    """Whether a pair is what a logger says of itself: "train.py:173", "[PID:1234]", "[COMMAND_EXIT_CODE="0"]"."""
    if pair[2] not in {":", "="} or not pair[3].isdigit() or _is_known(pair[1]):
        return False
    alone = text[: pair.start()].endswith("[") and text[pair.end() :].removeprefix('"').startswith("]")
    return alone or (pair[2] == ":" and "." in pair[1])


def _is_known(name: str) -> bool:
    return meaning(name) is not None or axis_rank(name) is not None
