"""The section of the founding page on every figure that the document prints, in the language of its words."""

import math
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from newllm.errors import UserError
from newllm.statistics import Interval, prediction_interval
from newllm.study.design import Row
from newllm.study.founding import document
from newllm.study.founding.printed import LAST
from newllm.study.founding.reproduced import Compared, accuracies, compare_all
from newllm.study.founding.tables import rows_by_arm
from newllm.study.results import load_results
from newllm.study.tables import markdown_table

FILE = "figures.json"
CHANNELS = {"baseline": 256, "experiment2": 512}
_TOKENS = 6  # of a sentence, after which norms are shown
_GROUPS = ("losses", "perplexities", "contexts", "best", "accuracy", "sizes")
_ACCURACY_AT = (1, 5, 10, 15, 20, 25, 30, 40, 50)
_LARGE = "large"
_FORMS = {
    "rise": "{:.1f}%", "context_std": "{:.4g}", "context_norm": "{:.4g}", "best_epoch": "{:.1f}",
    "epochs_after_best": "{:.1f}", "epochs_at_that_accuracy": "{:.0f}%", "parameters_by_the_baseline's": "{:.3f}",
    **dict.fromkeys(("times_the_usual", "validation_perplexity", "train_perplexity"), _LARGE),
    **dict.fromkeys(("parameters", "vocabulary", "train_targets", "validation_targets"), "{:,.0f}"),
}  # fmt: skip


def read_figures(folder: Path) -> dict[str, Any] | None:
    """Read the results of `newllm study founding-figures` beside a study's; None where there are none.

    Raises:
        UserError: the file is damaged, or another study's.
    """
    place = folder / FILE
    if not place.exists():
        return None
    figures = load_results(place)
    if figures.get("study") != "founding-figures":
        raise UserError(
            f"'{place}' is of the study '{figures.get('study')}': copy results.json of founding-figures there"
        )
    return figures


@dataclass(frozen=True)
class Part:
    """One table of the section, with its title and what is said before it, in one language."""

    title: str
    texts: Sequence[str]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def printed_section(results: Mapping[str, Any], figures: Mapping[str, Any], words: ModuleType) -> str:
    """Return the section as Markdown.

    Args:
        results: of the founding study.
        figures: of founding-figures.
        words: of the page.
    """
    tally, lead, runs, tables = _content(results, figures, words)
    parts = [f"## {words.PRINTED['title']}", f"**{tally}**", lead, runs]
    for part in tables:
        parts += [f"### {part.title}"] * bool(part.title)
        parts += [*part.texts, markdown_table(part.header, part.rows)]
    return "\n\n".join(parts)


def printed_data(results: Mapping[str, Any], figures: Mapping[str, Any], languages: Mapping[str, ModuleType]) -> Any:
    """Return the section as plain data by language, its texts without marks: what a report of the study shows."""
    found: dict[str, Any] = {"schema": 1}
    for language, words in languages.items():
        tally, lead, runs, tables = _content(results, figures, words)
        found[language] = {
            "title": words.PRINTED["title"],
            "texts": [_plain(text) for text in (tally, lead, runs)],
            "tables": [
                {
                    "title": part.title,
                    "texts": [_plain(text) for text in part.texts],
                    "header": list(part.header),
                    "rows": [[_plain(cell) for cell in row] for row in part.rows],
                }
                for part in tables
            ],
        }
    return found


def _plain(text: str) -> str:
    return re.sub(r"\*\*|`", "", re.sub(r"\[([^][]+)\]\([^()]+\)", r"\1", text))


def _content(
    results: Mapping[str, Any], figures: Mapping[str, Any], words: ModuleType
) -> tuple[str, str, str, list[Part]]:
    """Return the tally, the rule, what was run, and the tables."""
    said, compared = words.PRINTED, compare_all(results, figures)
    verdicts = Counter(one.verdict for one in compared)
    tally = said["tally"].format(
        all=len(compared),
        reproduced=verdicts["reproduced"],
        not_reproduced=verdicts["not reproduced"],
        not_compared=verdicts["cannot be compared"],
    )
    more = {"contexts": _contexts(figures, words), "accuracy": _accuracy(figures, words)}
    tables = []
    for group in _GROUPS:
        rows = [_row(one, words) for one in compared if one.printed.group == group]
        tables += [Part(said[group], [], said["header"].split("|"), rows), *more.get(group, [])]
    without = [one.printed for one in compared if one.printed.reason]
    rows = [(_place(one.text, one.place, words), words.REASONS_NOT_COMPARED[one.reason]) for one in without]
    tables.append(Part(said["settings"], [], said["reasons_header"].split("|"), rows))
    return tally, said["lead"], _runs(results, figures, words), tables


def _runs(results: Mapping[str, Any], figures: Mapping[str, Any], words: ModuleType) -> str:
    study = {(row["arm"], row["seed"]): row["best_validation"] for row in results["rows"]}
    pairs = [(row["best_validation"], study.get((row["arm"], row["seed"]))) for row in figures["rows"]]
    apart = [abs(here - there) for here, there in pairs if there is not None]
    environment = figures["environment"]
    return words.PRINTED["runs"].format(
        seeds=figures["seeds"],
        sets=len(figures["sets"]),
        study_seeds=results["seeds"],
        cpu=environment.get("processor") or environment.get("cpu_capability", "CPU"),
        torch=environment.get("torch", "?"),
        pairs=len(apart),
        middle=statistics.median(apart) if apart else math.nan,
        most=max(apart, default=math.nan),
    )


def _row(one: Compared, words: ModuleType) -> tuple[str, ...]:
    figure, said = one.printed, words.PRINTED
    label = f"{figure.run or said['all_runs']}{words.COLON}{words.MEASURES[figure.measure].format(epoch=figure.epoch)}"
    ours = "-" if one.ours is None else _number(figure.measure, one.ours.estimate)
    if one.one_more is not None:
        ours += f" {_ends(figure.measure, one.ours)}"
    runs = f"{one.runs}{'*' if one.of_the_study else ''}"
    place = _place(figure.text, figure.place, words)
    return label, place, _verdict(one, words), ours, _ends(figure.measure, one.one_more), runs


def _ends(measure: str, interval: Interval | None) -> str:
    if interval is None or interval.low is None or interval.high is None:
        return "-"
    return f"[{_number(measure, interval.low)}, {_number(measure, interval.high)}]"


def _number(measure: str, value: float) -> str:
    """Write a number as its measure asks for: perplexities have four digits, in full up to a billion."""
    form = _FORMS.get(measure, "{:.4f}")
    if form == _LARGE:
        return f"{float(f'{value:.4g}'):,.0f}" if 1000 <= value < 1e9 else f"{value:.3g}"
    return form.format(value)


def _place(text: str, place: str, words: ModuleType) -> str:
    return words.PRINTED["table" if place == "table" else "section"].format(text=text, place=place)


def _verdict(one: Compared, words: ModuleType) -> str:
    name = words.REPRODUCED[one.verdict]
    if one.verdict != "not reproduced" or one.ours is None:
        return name
    value, middle = one.printed.value, one.ours.estimate
    if one.is_size and middle > 0:
        far = words.PRINTED["factor"].format(value=value / middle)
    else:
        far = words.PRINTED["difference"].format(value=value - middle)
    return f"**{name}**{words.COLON}{far}"


def norm_share(mean_std_norm: Sequence[float], channels: int) -> float:
    """Return a mean norm as a share of the root mean square norm, which mean and standard deviation give.

    With n channels the mean square of the norm is n (std^2 + mean^2). The share is 1 where all vectors are
    equally long, less where they differ, and never more.
    """
    mean, std, norm = mean_std_norm
    return norm / math.sqrt(channels * (std**2 + mean**2))


def _contexts(figures: Mapping[str, Any], words: ModuleType) -> list[Part]:
    """Return what the document's three numbers say of their vectors, and what may be meant."""
    theirs = {run: tuple(map(float, numbers)) for run, numbers in document.CONTEXTS.items()}
    shares = {f"share_{run}": norm_share(theirs[run], channels) for run, channels in CHANNELS.items()}
    counts = {f"n_{run}": norm**2 / (std**2 + mean**2) for run, (mean, std, norm) in theirs.items()}
    impossible = norm_share(theirs["experiment2"], CHANNELS["baseline"])
    arms = rows_by_arm(figures)
    rows = [
        (name, *(cell for run in CHANNELS for cell in _candidate(arms.get(run, ()), run, key, theirs[run], words)))
        for key, name in words.CANDIDATES.items()
    ]
    header = words.PRINTED["candidates_header"].format(**shares).split("|")
    text = words.PRINTED["contexts_text"].format(**shares, **counts, impossible=impossible)
    norms = [
        (str(token), *(_norm_after(arms.get(run, ()), token, theirs[run][2], words) for run in CHANNELS))
        for token in range(1, _TOKENS + 1)
    ]
    return [
        Part("", [text], header, rows),
        Part("", [words.PRINTED["norms_text"]], words.PRINTED["norms_header"].split("|"), norms),
    ]


def _norm_after(rows: Sequence[Row], token: int, theirs: float, words: ModuleType) -> str:
    """Return the norm of our contexts after so many tokens of a training sentence, and whether theirs lies there."""
    norms = [norm for row in rows if (norm := row["norm_by_position"][token - 1]) is not None]
    if len(norms) < 2:
        return "-"
    found = prediction_interval([math.log(norm) for norm in norms])
    return f"{statistics.median(norms):.3g}, {_within(found, theirs, words)}"


def _within(found: Interval, theirs: float, words: ModuleType) -> str:
    """Say whether a number lies within an interval of logarithms, with the interval."""
    assert found.low is not None
    assert found.high is not None
    name = "inside" if found.low <= math.log(theirs) <= found.high else "outside"
    return f"{words.PRINTED[name]} [{math.exp(found.low):.3g}, {math.exp(found.high):.3g}]"


def _candidate(rows: Sequence[Row], run: str, key: str, theirs: Sequence[float], words: ModuleType) -> tuple[str, str]:
    """Return for one set of vectors our shares, and whether the document's norm and deviation lie where ours do."""
    seen = [row["contexts"][key] for row in rows if None not in row["contexts"][key].values()]
    if len(seen) < 2:
        return "-", "-"
    shares = [norm_share((one["mean"], one["std"], one["norm"]), CHANNELS[run]) for one in seen]
    shown = f"{statistics.median(shares):.3f} [{min(shares):.3f}, {max(shares):.3f}]"
    inside = {
        name: _within(prediction_interval([math.log(one[name]) for one in seen]), value, words)
        for name, value in zip(("std", "norm"), theirs[1:], strict=True)
    }
    return shown, f"{inside['norm']} / {inside['std']}"


def _accuracy(figures: Mapping[str, Any], words: ModuleType) -> list[Part]:
    """Return the accuracy after some epochs, run by run."""
    arms = rows_by_arm(figures)
    header = [words.PRINTED["epoch"], *arms]
    rows = [
        (str(epoch), *(_span([accuracies(row)[epoch - 1] for row in rows if len(accuracies(row)) >= epoch])
                       for rows in arms.values()))
        for epoch in _ACCURACY_AT
        if epoch <= LAST
    ]  # fmt: skip
    return [Part("", [words.PRINTED["accuracy_text"]], header, rows)]


def _span(values: Sequence[float]) -> str:
    if not values:
        return "-"
    return f"{statistics.median(values):.4f} [{min(values):.4f}, {max(values):.4f}]"
