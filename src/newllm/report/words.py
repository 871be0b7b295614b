"""What is said of a diagnosis in words and numbers, the same on the terminal and on a page.

Everything that may come from a log (names, sentences, values) leaves here harmless: see `plain`.
"""

import functools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import is_validation, loss_names
from newllm.messages import Message, message
from newllm.report.judged import unjudged
from newllm.report.plain import plain
from newllm.trace import SEVERITIES, Finding, Remark, Trace

_MOST_ITEMS = 8  # of a list in the evidence
_MOST_NAMES = 6  # of signals in the head
_OF_LAYERS = {"gradient_norm", "weight_norm", "update_norm", "update_ratio", "activation_rms"}
_WORDS = 60  # characters of a name


def count(number: int, noun: str) -> str:
    """Return "1 point", "2 points", "3 series"."""
    plural = noun if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def number(value: float) -> str:
    """Return a number of five digits or so that a person reads: 14.703, 1,234.5, 3.2e-05."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "infinite" if value > 0 else "-infinite"
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


def value(thing: Any) -> str:
    """Return a piece of evidence as text."""
    if isinstance(thing, np.generic | np.ndarray):
        thing = thing.tolist()
    if thing is None:
        return "unknown"
    if isinstance(thing, bool):
        return "yes" if thing else "no"
    if isinstance(thing, int):
        return f"{thing:,}" if abs(thing) < 10**15 else number(_as_float(thing))
    if isinstance(thing, float):
        return number(thing)
    if isinstance(thing, Mapping):
        return _listed([f"{plain(name, _WORDS)} {value(item)}" for name, item in _first(thing.items())], len(thing))
    if isinstance(thing, Sequence) and not isinstance(thing, str):
        return _listed([value(item) for item in _first(thing)], len(thing))
    return plain(thing)


def evidence(finding: Finding) -> list[tuple[str, str]]:
    """Return the finding's evidence as pairs of a label and a value."""
    return [(label(name), value(thing)) for name, thing in finding.evidence.items()]


def label(name: object) -> str:
    """Return a name of the code as words: "loss_at_peak" as "loss at peak"."""
    return plain(name, _WORDS).replace("_", " ")


def sureness(finding: Finding) -> str:
    """Return how sure a finding is, in whole percent; never 100 % of what is not certain."""
    confidence = finding.confidence
    if confidence >= 1:
        return "certain"
    return f"{min(99, max(1, round(100 * confidence)))} % sure" if confidence > 0 else "unsure"


def place(finding: Finding, axis: str) -> str:
    """Return where a finding is: "epochs 19 to 22", "step 1,200", "from step 80 on"; empty where it has no place."""
    first, last, unit = finding.first_step, finding.last_step, plain(axis, _WORDS)
    if first is None:
        return "" if last is None else f"until {unit} {value(last)}"
    if last is None:
        return f"from {unit} {value(first)} on"
    return f"{unit} {value(first)}" if first == last else f"{unit}s {value(first)} to {value(last)}"


def verdict(trace: Trace, findings: Sequence[Finding]) -> str:
    """Return what is to be said of the whole, in one line."""
    tally = Counter(finding.severity for finding in findings)
    told = [count(tally[severity], severity) for severity in reversed(SEVERITIES) if tally[severity]]
    if tally["fault"] or tally["warning"]:
        return f"{'Something is wrong' if tally['fault'] else 'Something is doubtful'}: {', '.join(told)}."
    if why := unjudged(trace, findings):
        return f"Nothing could be judged: {why}{f'; {told[0]}' if told else ''}."
    seen = f"in {count(points(trace), 'point')} of {count(len(trace.signals), 'signal')}"
    return f"Nothing wrong found {seen}{f'; {told[0]}' if told else ''}."


def worst(findings: Sequence[Finding]) -> str | None:
    """Return the highest severity there is, None without a finding."""
    return max((finding.severity for finding in findings), key=SEVERITIES.index, default=None)


def points(trace: Trace) -> int:
    """Return the length of the longest signal."""
    return max((len(series.step) for series in trace.signals.values()), default=0)


def contents(trace: Trace) -> str:
    """Return what was read, in one line: how many points, where, of which signals."""
    filled = [series for series in trace.signals.values() if len(series.step)]
    if not filled:
        return "no points"
    first, last = min(item.step[0] for item in filled), max(item.step[-1] for item in filled)
    axis = plain(trace.axis, _WORDS)
    where = f"{axis} {first:,}" if first == last else f"{axis}s {first:,} to {last:,}"
    names = sorted(trace.signals, key=lambda name: ("/" in name, -len(trace.signals[name].step)))
    named = _listed([plain(name, _WORDS) for name in names[:_MOST_NAMES]], len(names))
    return f"{count(points(trace), 'point')} ({where}) of {count(len(names), 'signal')}: {named}"


def known(facts: Facts) -> str:
    """Return in one line what is known beside the signals; empty where nothing is."""
    parts = [
        f"{count(facts.parameters, 'parameter')}" if facts.parameters else "",
        f"a vocabulary of {facts.vocabulary:,}" if facts.vocabulary else "",
        count(len(facts.layers), "layer") if facts.layers else "",
    ]
    return ", ".join(part for part in parts if part)


def unseen(trace: Trace, facts: Facts) -> Message | None:
    """Return what could not be looked at because the log has nothing of it; None where it has all."""
    has = {name.split("/")[0] for name in trace.signals}
    layers = {name.split("/")[0] for name in trace.signals if "/" in name} & _OF_LAYERS
    missing = [
        *(["validation"] if not any(name.startswith("validation") for name in has) else []),
        *(["gradients"] if not has & {"gradient_norm", "gradient_norm_clipped"} else []),
        *(["layers"] if not layers else []),
        *(["data"] if facts.data is None else []),
    ]
    trained = any(not is_validation(name) for name in loss_names(trace))
    parts = [] if trained else [message("unseen-training-loss")]
    if missing:
        named = functools.reduce(_and, [message(f"unseen-{name}") for name in missing])
        parts.append(message("unseen-unrecorded", what=named))
    parts += [message("unseen-vocabulary")] if facts.vocabulary is None else []
    return message("unseen", parts=functools.reduce(_also, parts)) if parts else None


def _and(before: Message, following: Message) -> Message:
    return message("remark-listed", before=before, following=following)


def _also(before: Message, following: Message) -> Message:
    return message("unseen-also", before=before, following=following)


def remark(one: Remark) -> str:
    """Return what a reader left out, or how it understood a log, with what it is before it."""
    return f"{'note' if one.kind == 'note' else 'left out'}: {plain(one.sentence)}"


def _first(items: Any) -> list[Any]:
    return list(items)[:_MOST_ITEMS]


def _listed(items: Sequence[str], all_of_them: int) -> str:
    rest = all_of_them - len(items)
    return ", ".join(items) + (f" and {rest:,} more" if rest else "")


def _as_float(whole: int) -> float:
    try:
        return float(whole)
    except OverflowError:
        return math.inf if whole > 0 else -math.inf
