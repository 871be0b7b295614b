"""What the founding page says of every figure that the document prints, as data in the language of its words.

The page's templates lay it out as Markdown; printed.json has it, without marks, for a report of the study.
"""

import dataclasses
import math
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from newllm.errors import UserError
from newllm.statistics import Interval
from newllm.study.results import load_results
from newllm.words.tables import Table

from .labels import Labels, labels
from .printed import Printed
from .printed_parts import accuracy, contexts, large
from .reproduced import Compared, compare_all

FILE = "figures.json"
_GROUPS = ("losses", "perplexities", "contexts", "best", "accuracy", "sizes")
_ROW = ("arm", "seed", "data", "best_validation", "train_loss", "validation_loss", "correct", "context",
        "norm_by_position", "parameters", "words", "targets", "contexts")  # fmt: skip
_LARGE = "large"
_FORMS = {
    "rise": "{:.0f}%", "context_std": "{:.3g}", "context_norm": "{:.3g}", "best_epoch": "{:.1f}",
    "epochs_after_best": "{:.1f}", "epochs_at_that_accuracy": "{:.0f}%", "parameters_by_the_baseline's": "{:.3f}",
    "accuracy": "{:.4f}",
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
    whole = {"arms", "rows", "seeds", "sets", "environment"} <= figures.keys()
    if not whole or any(name not in row for row in figures["rows"] for name in _ROW):
        raise UserError(f"'{place}' lacks what another version measures: run `newllm study founding-figures` again")
    return figures


def printed_data(results: Mapping[str, Any], figures: Mapping[str, Any], languages: Sequence[str]) -> Any:
    """Return the section as plain data by language, its texts without marks: what a report of the study shows."""
    found: dict[str, Any] = {"schema": 1}
    for language in languages:
        words = labels(language)
        section = printed_section(results, figures, words)
        found[language] = {
            "title": words.printed["title"],
            "texts": [_plain(text) for text in section["texts"]],
            "tables": [
                dataclasses.replace(
                    part,
                    texts=[_plain(text) for text in part.texts],
                    rows=[[_plain(cell) for cell in row] for row in part.rows],
                ).as_dict()
                for part in section["tables"]
            ],
        }
    return found


def _plain(text: str) -> str:
    return re.sub(r"\*\*|`", "", re.sub(r"\[([^][]+)\]\([^()]+\)", r"\1", text))


def printed_section(results: Mapping[str, Any], figures: Mapping[str, Any], words: Labels) -> dict[str, Any]:
    """Return the section: "texts", the tally first, and "tables", with what is said before each.

    Args:
        results: of the founding study.
        figures: of founding-figures.
        words: of the page.
    """
    said, compared = words.printed, compare_all(results, figures)
    more = {"contexts": contexts(figures, words), "accuracy": accuracy(figures, words)}
    tables = []
    for group in _GROUPS:
        rows = [_row(pair, words) for pair in compared if pair.printed.group == group]
        tables += [Table(group, said[group], said["header"].split("|"), rows, words=(2,)), *more.get(group, [])]
    without = [pair.printed for pair in compared if pair.printed.reason]
    rows = [(_printed_at(pair, words), words.reasons_not_compared[pair.reason]) for pair in without]
    tables.append(Table("settings", said["settings"], said["reasons_header"].split("|"), rows, words=(1,)))
    texts = [*_tally(compared, words), said["lead"], _worth(compared, words), _runs(results, figures, words)]
    return {"texts": texts, "tables": tables}


def _tally(compared: Sequence[Compared], words: Labels) -> list[str]:
    """Return how many are reproduced, and which are not."""
    said, verdicts = words.printed, Counter(pair.verdict for pair in compared)
    tally = said["tally"].format(
        compared=verdicts["reproduced"] + verdicts["not reproduced"],
        reproduced=verdicts["reproduced"],
        not_reproduced=verdicts["not reproduced"],
        not_compared=verdicts["cannot be compared"],
    )
    missed = [pair for pair in compared if pair.verdict == "not reproduced"]
    far = [words.bracketed.format(text=_label(pair, words), more=_far(pair, words)) for pair in missed]
    return [tally, *([said["not"].format(figures=words.semicolon.join(far))] if far else [])]


def _worth(compared: Sequence[Compared], words: Labels) -> str:
    """Return what it is worth that so many are reproduced."""
    inside = [pair for pair in compared if pair.verdict == "reproduced"]
    groups = Counter(pair.printed.group for pair in inside)
    wide = sum(pair.says_little for pair in inside)
    return words.printed["worth"].format(counts=groups["sizes"], accuracy=groups["accuracy"], wide=wide)


def _runs(results: Mapping[str, Any], figures: Mapping[str, Any], words: Labels) -> str:
    study = {(row["arm"], row["seed"]): row["best_validation"] for row in results["rows"]}
    pairs = [(row["best_validation"], study.get((row["arm"], row["seed"]))) for row in figures["rows"]]
    apart = [abs(here - there) for here, there in pairs if there is not None]
    environment = figures["environment"]
    return words.printed["runs"].format(
        seeds=figures["seeds"],
        sets=len(figures["sets"]),
        study_seeds=results["seeds"],
        cpu=environment.get("processor") or environment.get("cpu_capability", "CPU"),
        torch=environment.get("torch", "?"),
        pairs=len(apart),
        middle=statistics.median(apart) if apart else math.nan,
        most=max(apart, default=math.nan),
    )


def _row(pair: Compared, words: Labels) -> tuple[str, ...]:
    measure = pair.printed.measure
    ours = "-" if pair.ours is None else _number(measure, pair.ours.estimate)
    if pair.one_more is not None:
        ours += f" {_ends(measure, pair.ours)}"
    runs = f"{pair.runs}{'*' if pair.of_the_study else ''}"
    place = _printed_at(pair.printed, words)
    return _label(pair, words), place, _verdict(pair, words), ours, _ends(measure, pair.one_more), runs


def _label(pair: Compared, words: Labels) -> str:
    run = pair.printed.run or words.printed["all_runs"]
    return f"{run}{words.colon}{words.measures[pair.printed.measure].format(epoch=pair.printed.epoch)}"


def _ends(measure: str, interval: Interval | None) -> str:
    if interval is None or interval.low is None or interval.high is None:
        return "-"
    return f"[{_number(measure, interval.low)}, {_number(measure, interval.high)}]"


def _number(measure: str, value: float) -> str:
    """Write a number as its measure asks for, to fewer digits than the document's: runs differ by more."""
    form = _FORMS.get(measure, "{:.2f}")
    return large(value) if form == _LARGE else form.format(value)


def _printed_at(figure: Printed, words: Labels) -> str:
    said = words.printed
    text = said["every_epoch"] if figure.measure == "epochs_at_that_accuracy" else figure.text
    return said["table" if figure.section == "table" else "section"].format(text=text, place=figure.section)


def _verdict(pair: Compared, words: Labels) -> str:
    name = words.reproduced[pair.verdict]
    return f"**{name}**{words.colon}{_far(pair, words)}" if pair.verdict == "not reproduced" else name


def _far(pair: Compared, words: Labels) -> str:
    """Say how far a figure of the document lies from our median."""
    assert pair.ours is not None
    value, middle = pair.printed.value, pair.ours.estimate
    if pair.is_size and middle > 0:
        return words.printed["factor"].format(value=value / middle)
    return words.printed["difference"].format(value=value - middle)
