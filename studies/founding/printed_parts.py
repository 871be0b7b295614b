"""What stands below two tables of the section: which vectors a context's statistics may be of, and every accuracy."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from newllm.statistics import Interval, prediction_interval
from newllm.study.design import Row
from newllm.words.tables import Table

from . import document
from .labels import Labels
from .reproduced import accuracies
from .tables import rows_by_arm

CHANNELS = {"baseline": 256, "experiment2": 512}
_TOKENS = 6  # of a sentence, after which norms are shown
_ACCURACY_AT = (1, 5, 10, 15, 20, 25, 30, 40, 50)


def large(value: float) -> str:
    """Write three digits of a number that may be large: 0.0785, 2180, 1.03e16."""
    if math.isinf(value):
        return "∞"
    if 1000 <= value < 1e6:
        return f"{float(f'{value:.3g}'):.0f}"
    number, exponent, power = f"{value:.3g}".partition("e")
    return f"{number}e{int(power)}" if exponent else number


def norm_share(mean_std_norm: Sequence[float], channels: int) -> float:
    """Return a mean norm as a share of the root mean square norm, which mean and standard deviation give.

    With n channels the mean square of the norm is n (std^2 + mean^2). The share is 1 where all vectors are
    equally long, less where they differ, and never more.
    """
    mean, std, norm = mean_std_norm
    return norm / math.sqrt(channels * (std**2 + mean**2))


def contexts(figures: Mapping[str, Any], words: Labels) -> list[Table]:
    """Return what the document's three numbers say of their vectors, and what may be meant."""
    theirs = {run: tuple(map(float, numbers)) for run, numbers in document.CONTEXTS.items()}
    shares = {f"share_{run}": norm_share(theirs[run], channels) for run, channels in CHANNELS.items()}
    counts = {f"n_{run}": norm**2 / (std**2 + mean**2) for run, (mean, std, norm) in theirs.items()}
    impossible = norm_share(theirs["experiment2"], CHANNELS["baseline"])
    arms, said = rows_by_arm(figures), words.printed
    rows = [
        (said["document"], run, f"{shares[f'share_{run}']:.3f}", *document.CONTEXTS[run][:0:-1]) for run in CHANNELS
    ]
    rows += [
        (name, run, *_candidate(arms.get(run, ()), run, key, theirs[run], words))
        for key, name in words.candidates.items()
        for run in CHANNELS
    ]
    text = said["contexts_text"].format(**shares, **counts, impossible=impossible)
    norms = [
        (str(token), *(_norm_after(arms.get(run, ()), token, theirs[run][2], words) for run in CHANNELS))
        for token in range(1, _TOKENS + 1)
    ]
    return [
        Table("", "", said["candidates_header"].split("|"), rows, [text], words=(1,)),
        Table("", "", said["norms_header"].split("|"), norms, [said["norms_text"]]),
    ]


def _norm_after(rows: Sequence[Row], token: int, theirs: float, words: Labels) -> str:
    """Return the norm of our contexts after so many tokens of a training sentence, and whether theirs lies there."""
    norms = [norm for row in rows if (norm := row["norm_by_position"][token - 1]) is not None]
    if len(norms) < 2:
        return "-"
    found = prediction_interval([math.log(norm) for norm in norms])
    return f"{large(statistics.median(norms))}, {_within(found, theirs, words)}"


def _within(found: Interval, theirs: float, words: Labels) -> str:
    """Say whether a number lies within an interval of logarithms, with the interval."""
    assert found.low is not None
    assert found.high is not None
    name = "inside" if found.low <= math.log(theirs) <= found.high else "outside"
    return f"{words.printed[name]} [{large(math.exp(found.low))}, {large(math.exp(found.high))}]"


def _candidate(rows: Sequence[Row], run: str, key: str, theirs: Sequence[float], words: Labels) -> tuple[str, str, str]:
    """Return for one set of vectors our shares, and whether the document's norm and deviation lie where ours do."""
    seen = [row["contexts"][key] for row in rows if None not in row["contexts"][key].values()]
    if len(seen) < 2:
        return "-", "-", "-"
    shares = [norm_share((one["mean"], one["std"], one["norm"]), CHANNELS[run]) for one in seen]
    shown = f"{statistics.median(shares):.3f} [{min(shares):.3f}, {max(shares):.3f}]"
    inside = {
        name: _within(prediction_interval([math.log(one[name]) for one in seen]), value, words)
        for name, value in zip(("std", "norm"), theirs[1:], strict=True)
    }
    return shown, inside["norm"], inside["std"]


def accuracy(figures: Mapping[str, Any], words: Labels) -> list[Table]:
    """Return the accuracy after some epochs, run by run."""
    arms = rows_by_arm(figures)
    header = [words.printed["epoch"], *arms]
    rows = [
        (str(epoch), *(_span([accuracies(row)[epoch - 1] for row in rows if len(accuracies(row)) >= epoch])
                       for rows in arms.values()))
        for epoch in _ACCURACY_AT
    ]  # fmt: skip
    return [Table("", "", header, rows, [words.printed["accuracy_text"]])]


def _span(values: Sequence[float]) -> str:
    if not values:
        return "-"
    return f"{statistics.median(values):.4f} [{min(values):.4f}, {max(values):.4f}]"
