"""A study's results in words, for the terminal, Markdown and pages alike: its claims, and what became of its runs.

From the content of results.json, of which a page has checked no more than that it is an object.
"""

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newllm.messages import Catalogue, Message, catalogue, message, read_message
from newllm.statistics.plain_data import Estimate, interval_in
from newllm.words.labels import evidence_label
from newllm.words.numbers import five_digits
from newllm.words.tables import Table

Claim = Mapping[str, Any]


@dataclass(frozen=True)
class DecidingNumber:
    """The number of a claim that decided it.

    Attributes:
        name: of the number, "" where there is none.
        estimate: that number with its interval; None where it has none.
        value: the number as it stands in the results.
        missing: what is missing, where nothing could be decided.
    """

    name: str = ""
    estimate: Estimate | None = None
    value: Any = None
    missing: Message | None = None


def numbers_of(claim: Claim) -> dict[str, Any]:
    """Return the numbers of a claim by name."""
    numbers = claim.get("numbers")
    return {str(name): value for name, value in numbers.items()} if isinstance(numbers, Mapping) else {}


def deciding_number(claim: Claim) -> DecidingNumber:
    """Return by which of its numbers a claim was decided: the first with an interval, else the first."""
    numbers = numbers_of(claim)
    if "needed" in numbers:
        seeds, needed = str(numbers.get("seeds")), str(numbers["needed"])
        return DecidingNumber(missing=message("study-few_seeds", seeds=seeds, needed=needed))
    if isinstance(arms := numbers.get("not_run"), list):
        return DecidingNumber(missing=message("study-not_run", arms=", ".join(map(str, arms))))
    for name, value in numbers.items():
        if (estimate := interval_in(value)) is not None:
            return DecidingNumber(name, estimate, value)
    return next((DecidingNumber(name, value=value) for name, value in numbers.items()), DecidingNumber())


def verdict_text(verdict: object, words: Catalogue) -> str:
    """Return what a claim's verdict is called."""
    return words.get(f"claim-{verdict}") or str(verdict)


def translated(translations: object, words: Catalogue, text: object) -> str | None:
    """Return what a study itself has for one of its English texts in a language, None where it has nothing.

    Args:
        translations: by language, then by text: unchecked, from a file.
        words: of the language.
        text: in English.
    """
    known = translations.get(words.lang) if isinstance(translations, Mapping) and words.lang != "en" else None
    found = known.get(str(text)) if isinstance(known, Mapping) else None
    return found if isinstance(found, str) else None


def own_table(table: Table, results: Mapping[str, Any], words: Catalogue) -> Table:
    """Return a table of the study's own with title, header and texts in a language, as far as the study has them."""

    def said(text: str) -> str:
        return translated(results.get("translations"), words, text) or text

    return dataclasses.replace(
        table, title=said(table.title), header=list(map(said, table.header)), texts=list(map(said, table.texts))
    )


def claims_table(results: Mapping[str, Any], words: Catalogue | None = None) -> Table:
    """Return the table of the claims; without a catalogue in English."""
    words = words or catalogue("en")
    rows = [
        (
            claim["id"],
            translated(results.get("translations"), words, claim["text"]) or claim["text"],
            verdict_text(claim["verdict"], words),
            _number_text(claim, results, words),
        )
        for claim in results["claims"]
    ]
    heads = ("", *(words(f"study-table.{name}") for name in ("claim", "verdict", "by")))
    return Table("claims", words("study-table.title"), heads, rows)


def _number_text(claim: Claim, results: Mapping[str, Any], words: Catalogue) -> str:
    found = deciding_number(claim)
    if found.missing is not None:
        return words.text(found.missing)
    label = translated(results.get("translations"), words, found.name) or evidence_label(words, found.name)
    if found.estimate is not None:
        return "" if None in found.estimate else f"{label} {estimate_text(found.estimate)}"
    return f"{label} {found.value}" if isinstance(found.value, str | int | float) else ""


def estimate_text(estimate: Estimate, digits: int | None = None) -> str:
    """Return an estimate with its interval, in three digits or so many after the point: "0.5 [0.24, 0.76]"."""
    value, low, high = (
        None if end is None else f"{end:.{digits}f}" if digits else five_digits(float(f"{end:.3g}")) for end in estimate
    )
    return str(value) if low is None or high is None else f"{value} [{low}, {high}]"


def remarks(results: Mapping[str, Any]) -> list[Message]:
    """Return what became of runs that did not just end, and how many claims need more of them."""
    deaths = itertools.zip_longest(results.get("worker_death_messages", ()), results.get("worker_deaths", ()))
    died = [message("study-died", line=read_message(data, line)) for data, line in deaths]
    failed = [message("study-run_failed", run=run, why=why) for run, why in results.get("failed", {}).items()]
    needed = [claim["numbers"]["needed"] for claim in results["claims"] if "needed" in claim["numbers"]]
    undecided = [message("study-undecided", count=len(needed), seeds=max(needed))] if needed else []
    return [*died, *failed, *filter(None, [waiting(results.get("waiting"))]), *processors(results), *undecided]


def processors(results: Mapping[str, Any]) -> list[Message]:
    """Return that the runs come from several kinds of processor, and how many have no control of their own kind."""
    kinds, unpaired = results.get("processors"), results.get("unpaired")
    if not isinstance(kinds, list) or len(kinds) < 2:
        return []
    named = "; ".join(_kind(kind) for kind in kinds if isinstance(kind, Mapping))
    several = message("study-processors", count=len(kinds), kinds=named)
    if not isinstance(unpaired, list) or not unpaired:
        return [several]
    return [several, message("study-unpaired", count=len(unpaired), first=str(unpaired[0]))]


def _kind(kind: Mapping[str, Any]) -> str:
    hosts = kind.get("hosts")
    places = ", ".join(map(str, hosts)) if isinstance(hosts, list) else ""
    return f"{kind.get('runs')} on {kind.get('processor')}, {kind.get('cpu_capability')}, {places}"


def waiting(runs: Any) -> Message | None:
    """Return that some runs had no time; None where there are none."""
    return message("study-waiting", count=len(runs), first=str(runs[0])) if isinstance(runs, list) and runs else None
