"""What a reader has taken in so far: columns of numbers by name, bounded, and made a trace at the end."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from newllm.errors import UserError
from newllm.messages import message
from newllm.trace.readers.axes import axis_rank, goes_up_and_down, locate_rows
from newllm.trace.readers.chosen import Chosen, column_named
from newllm.trace.readers.clip_limit import is_clip_limit
from newllm.trace.readers.errors import is_score, losses_of_errors, validation_of_error
from newllm.trace.readers.naming import LONGEST_NAME, clean, meaning
from newllm.trace.readers.numbers import decimals
from newllm.trace.readers.perplexity import losses_of_perplexity
from newllm.trace.readers.planned import share_done
from newllm.trace.remark import Remark, left_out, note
from newllm.trace.series import Series, Trace, merged, resumes

MOST_VALUES = 8_000_000  # 16 bytes each
MOST_SIGNALS = 2_000  # of the log's own; one that has a name here is taken in, too
_MOST_NAMES = 10 * MOST_SIGNALS  # looked at
_MOST_NOTES = 20
_FEWEST_LOSSES = 5  # of a log whose settings are told apart
_STEPS = ("step", "steps", "num_steps")
_OF_RUN = "\x1f"  # between a run and a name; clean names hold none


class Gathered:
    """The values of one run.

    A log with more values than fit keeps the signals that have a name here and lets go of its own (those of single
    layers, usually); if these do not fit either, it is read up to there. What was left out is said.

    Args:
        source: the log, for messages.
        chosen: columns that a person says are loss and steps.
        text: what is read, where it is not the whole file: the output of a notebook's cell.

    Attributes:
        values: how many were taken in.
        full: no more are.
        torn: the line that was read last has no end.
        runs: the names of all runs, where there are several to choose from and none was named.
        totals: how many steps and epochs the log says there will be, see `share_done`.
    """

    def __init__(self, source: Path, chosen: Chosen = Chosen(), text: str | None = None):  # noqa: B008 (no change)
        self.source, self.chosen, self.text = source, chosen, text
        self.values = 0
        self.full = False
        self.torn = False
        self.runs: tuple[str, ...] = ()
        self.totals: dict[str, set[int]] = {}
        self._columns: dict[str, tuple[array[int], array[float]]] = {}
        self._named: dict[str, str | None] = {}
        self._remarks: dict[str, tuple[Remark, int]] = {}
        self._known_only = False

    def anew(self) -> "Gathered":
        """Return one for the same log that has taken in nothing."""
        return Gathered(self.source, self.chosen, self.text)

    def add(self, name: str, position: int, value: float, run: str = "") -> None:
        """Take in one value.

        Args:
            name: as the log has it.
            position: the row or the step.
            value: may be NaN or infinite.
            run: whose value it is, where a row says so.
        """
        if _OF_RUN in name:
            name = name.replace(_OF_RUN, " ")
        key = f"{run[:LONGEST_NAME]}{_OF_RUN}{name[: 4 * LONGEST_NAME]}" if run else name[: 4 * LONGEST_NAME]
        known = self._named.get(key) or self._admit(key)
        if known is None or self.full:
            return
        positions, values = self._columns[known]
        positions.append(position)
        values.append(value)
        self.values += 1
        if self.values >= MOST_VALUES:
            self._make_room()

    def note(self, remark: Remark, count: int = 1) -> None:
        """Add a remark; the same one is counted, unless `count` is 0."""
        key = repr(remark)
        if key in self._remarks or len(self._remarks) < _MOST_NOTES:
            self._remarks[key] = remark, self._remarks.get(key, (remark, 0))[1] + count

    def forget_settings(self) -> None:
        """Let go of what stands above the first loss only, and has no name here: settings, or the source code."""
        losses = [rows for name, (rows, _) in self._columns.items() if (meaning(name) or ("",))[0].endswith("loss")]
        first = min((rows[0] for rows in losses if len(rows) >= _FEWEST_LOSSES), default=-1)
        for name, (rows, _) in list(self._columns.items()):
            is_read = meaning(name) is not None or axis_rank(name) is not None or is_clip_limit(name)
            if len(rows) < _FEWEST_LOSSES and rows[-1] < first and not is_read:
                del self._columns[name]

    def by_row(self, run: str | None = None) -> Trace:
        """Make a trace of values whose positions are row numbers: a column of the log places them.

        Args:
            run: which, where the rows are of several.

        Raises:
            UserError: there is no number, or no such run.
        """
        arrays = {name: _in_order(*pair) for name, pair in self._of_run(run).items()}
        said = self._said(arrays).values()
        rows = 1 + max((int(row[-1]) for row, _ in arrays.values() if len(row)), default=-1)
        placing = {name: pair for name, pair in arrays.items() if axis_rank(name) and name not in said}
        for name in _lengths(placing):
            del placing[name]
        signals = {name: pair for name, pair in arrays.items() if name not in placing}
        if self.chosen.step is not None:
            steps = column_named("--step", self.chosen.step, arrays, self.source)
            placing = {"step": arrays[steps]}
            signals.pop(steps, None)
        axis = locate_rows(rows, placing, _crowded(placing, signals), _unsaid(signals, said))
        for remark in axis.remarks:
            self.note(remark)
        trace = self._trace({name: (axis.position[row], value) for name, (row, value) in signals.items()}, axis.kind)
        epochs = next((pair for name, pair in placing.items() if (axis_rank(name) or ("",))[0] == "epoch"), None)
        if epochs is not None and axis.kind != "epoch":
            trace = replace(trace, epochs=merged(axis.position[epochs[0]], epochs[1]))
        in_order = bool((np.diff(axis.position) >= 0).all())  # else steps begin anew, and what counts them may, too
        return replace(trace, done=share_done(trace, self.totals) if in_order else None)

    def by_step(self, axis: str = "step", *, printed: bool = False) -> Trace:
        """Make a trace of values whose positions are steps.

        Args:
            axis: what they count.
            printed: the values come from text, so that their decimals tell something.
        """
        if self.chosen.step is not None:
            raise UserError(f"--step '{clean(self.chosen.step)}': '{self.source}' counts its own steps: drop --step")
        arrays = {name: pair for name, pair in self._arrays().items() if not axis_rank(name)}
        return self._trace(arrays, axis, printed=printed)

    def _said(self, arrays: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, str]:
        """Return the signals whose columns a person named, and these columns."""
        loss = {} if self.chosen.loss is None else {"loss": ("--loss", self.chosen.loss)}
        named = loss | {signal: (f"--role {signal}", name) for signal, name in self.chosen.signals.items()}
        said = {signal: column_named(*of, arrays, self.source) for signal, of in named.items()}
        for signal, name in said.items():
            if other := next((one for one in said if one != signal and said[one] == name), None):
                raise UserError(f"'{name}' cannot be both {signal} and {other}: name a column for each, or drop one")
        return said

    def _of_run(self, run: str | None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return the columns of one run under their plain names."""
        arrays = self._arrays()
        counts: Counter[str] = Counter()
        for name, (row, _) in arrays.items():
            counts[name.rpartition(_OF_RUN)[0]] += len(row)
        if set(counts) <= {""}:
            return arrays
        chosen = most_values(counts.items(), run, self)
        start = f"{chosen}{_OF_RUN}" if chosen else ""
        return {name[len(start) :]: pair for name, pair in arrays.items() if name.rpartition(_OF_RUN)[0] == chosen}

    def _admit(self, name: str) -> str | None:
        """Return the clean name of a column that was not seen before, None where it is left out."""
        if name in self._named:
            return None
        if len(self._named) >= _MOST_NAMES:
            self.note(left_out("remark-many-signals", count=MOST_SIGNALS), 0)
            return None
        run, _, plain = name.rpartition(_OF_RUN)
        plain = clean(plain)
        known: str | None = f"{clean(run)}{_OF_RUN}{plain}" if run and plain else plain or None
        if known is None or (self._known_only and not self._has_a_name(plain)):
            known = None
        elif known not in self._columns:
            if len(self._columns) >= MOST_SIGNALS and not self._has_a_name(plain):
                self.note(left_out("remark-many-signals", count=MOST_SIGNALS), 0)
                known = None
            else:
                self._columns[known] = (array("q"), array("d"))
        self._named[name] = known
        return known

    def _make_room(self) -> None:
        plain = {name: name.rpartition(_OF_RUN)[2] for name in self._columns}
        own = [name for name in plain if not self._has_a_name(plain[name])]
        if self._known_only or not own or not any(meaning(name) for name in plain.values()):
            self.full = True
            self.note(left_out("remark-many-values", count=MOST_VALUES))
            return
        self._known_only = True
        for name in own:
            self.values -= len(self._columns.pop(name)[0])
        self._named = {name: known if known in self._columns else None for name, known in self._named.items()}
        self.note(left_out("remark-own-signals", count=len(own), most=MOST_VALUES))

    def _has_a_name(self, name: str) -> bool:
        return meaning(name) is not None or axis_rank(name) is not None or name in self.chosen.names

    def _arrays(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        return {
            name: (np.array(positions, np.int64), np.array(values, np.float64))
            for name, (positions, values) in self._columns.items()
            if len(positions)
        }

    def _trace(self, arrays: dict[str, tuple[np.ndarray, np.ndarray]], axis: str, *, printed: bool = True) -> Trace:
        signals, repeated = {}, 0
        for name, (step, value) in arrays.items():
            kept = self._without_blanks(name, value)
            signals[name] = merged(step[kept], value[kept])
            repeated += int(np.count_nonzero(kept)) - len(signals[name].step)
        if not signals:
            why = "".join(f" (left out: {remark})" for remark in self.remarks()[:1])
            raise UserError(f"no numbers to read in '{self.source}'{why}: give a log with a loss by step or epoch")
        if repeated > 0:
            self.note(left_out("remark-repeated-steps"), repeated)
        named = canonical(signals, self._said(arrays))
        loss = next((arrays[name][0] for name, one in signals.items() if one is named.get("loss")), np.empty(0))
        again = resumes(loss)
        for first, last in again:
            self.note(note("remark-gone-over-again", axis=axis, first=first, last=last))
        val = next((name for name, one in signals.items() if one is named.get("validation_loss")), None)
        if val is not None and "validation_loss" not in self._said(arrays) and is_score(val, named):
            named[val] = named.pop("validation_loss")
            self.note(note("remark-score", column=val))
        derived = losses_of_perplexity(named)
        digits = {name: decimals(series.value) for name, series in named.items()} if printed else {}
        for name, (loss, finer) in derived.items():
            of = name.replace("loss", "perplexity")
            self.note(note("remark-loss-of-perplexity", loss=name, perplexity=of))
            named[name], count = loss, digits.get(of)
            digits[name] = None if count is None else max(0, count + finer)
        whole, validation = losses_of_errors(named), validation_of_error(named)
        for name, loss in (whole or validation).items():
            self.note(note("remark-error-as-loss" if whole else "remark-error-as-validation", loss=loss, column=name))
            named[loss], digits[loss] = named.pop(name), digits.pop(name, None)
        shown = {name: count for name, count in digits.items() if count is not None}
        return Trace(named, axis, shown, self.remarks(), resumed=tuple(first for first, _ in again))

    def _without_blanks(self, name: str, value: np.ndarray) -> np.ndarray:
        """Which values are values: a column that is "nan" in most rows, between numbers, has blanks there."""
        nan = np.isnan(value)
        returns = np.count_nonzero(nan[:-1] & ~nan[1:])
        if returns < 3 or 2 * np.count_nonzero(nan) < len(value):
            return np.ones(len(value), bool)
        self.note(left_out("remark-blank-cells", count=int(np.count_nonzero(nan)), column=name))
        return ~nan

    def remarks(self) -> tuple[Remark, ...]:
        """Return what there is to say, with its count where it is more than one."""
        return tuple(
            Remark(remark.kind, message("remark-times", count=count, remark=remark.sentence)) if count > 1 else remark
            for remark, count in self._remarks.values()
        )


def canonical(signals: Mapping[str, Series], said: Mapping[str, str] = {}) -> dict[str, Series]:
    """Name the signals of a log as docs/signals.md does: of several for one name the plainest, then the longest.

    Args:
        signals: by the log's own names.
        said: signals to those names that are theirs, whatever the names say.
    """
    best: dict[str, tuple[tuple[int, ...], int, str]] = {}
    for name, series in signals.items():
        found = meaning(name)
        if found and name not in said.values() and found.signal not in said:
            candidate = (found.rank, -len(series.step), name)
            best[found.signal] = min(best.get(found.signal, candidate), candidate)
    chosen = {name: signal for signal, (_, _, name) in best.items()}
    chosen |= {signal: f"{signal} (not chosen)" for signal in said} | {name: signal for signal, name in said.items()}
    return {chosen.get(name, name): series for name, series in signals.items()}


def _in_order(row: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort values by their rows: what only the whole log shows to be a row was taken in late."""
    order = np.argsort(row, kind="stable")
    return row[order], value[order]


def _unsaid(
    signals: Mapping[str, tuple[np.ndarray, np.ndarray]], said: Collection[str]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the columns whose meaning neither a person nor their name says."""
    return {name: pair for name, pair in signals.items() if name not in said and meaning(name) is None}


def _crowded(
    placing: Mapping[str, tuple[np.ndarray, np.ndarray]], signals: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> bool:
    """Whether most epochs hold several values of one signal."""
    epochs = [pair for name, pair in placing.items() if (axis_rank(name) or ("",))[0] == "epoch"]
    if not epochs:
        return False
    distinct = max(1, max(len(np.unique(value)) for _, value in epochs))
    return max((len(row) for row, _ in signals.values()), default=0) >= 1.5 * distinct + 1


def _lengths(placing: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> list[str]:
    """Return the columns that are called steps and count none, beside one that does: "Episode 10, steps 22"."""
    steps = [name for name in placing if (axis_rank(name) or ("",))[0] == "step"]
    lengths = [name for name in steps if name.lower() in _STEPS and goes_up_and_down(placing[name][1])]
    return lengths if len(lengths) < len(steps) else []


def most_values(counts: Iterable[tuple[str, int]], wanted: str | None, gathered: Gathered) -> str:
    """Choose one of several runs: the one asked for, else that with the most values; say which were left out.

    Raises:
        UserError: there is no run, or none of that name.
    """
    runs = sorted(counts, key=lambda run: -run[1])  # stable: of equals the first
    if not runs:
        raise UserError(f"no run with numbers in '{gathered.source}': give a log with a loss by step or epoch")
    shown = ", ".join(f"'{clean(name)}'" for name, _ in runs[:8]) + (", ..." if len(runs) > 8 else "")
    if wanted is not None:
        found = [name for name, _ in runs if wanted in (name, clean(name))]
        if not found:
            raise UserError(f"no run '{clean(wanted)}' in '{gathered.source}': it holds {shown}")
        return found[0]
    if len(runs) > 1:
        gathered.runs = tuple(name for name, _ in runs)
        others, chosen = len(runs) - 1, clean(runs[0][0])
        gathered.note(left_out("remark-other-runs", count=others, chosen=chosen, names=shown))
    return runs[0][0]
