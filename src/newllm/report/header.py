"""The head of a report: whose it is, how the run stands, its key numbers, and what could not be read of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from newllm.demo import shown
from newllm.messages import Catalogue, read_message
from newllm.report.markup import Html, joined, listed, pairs, said_in, tag
from newllm.report.source import Source
from newllm.report.source.numbers import number_in, whole_in
from newllm.words.diagnosis import step_range
from newllm.words.numbers import number

_SILENT = 120  # seconds without a heartbeat after which a run that goes on is doubted
_STATUS = ("finished", "running", "interrupted", "diverged", "failed")
_SHOWN = 12  # problems


def header(source: Source, words: Catalogue, *, level: str = "h1") -> Html:
    """Return the head.

    Args:
        source: the run.
        words: of the page.
        level: of the heading.
    """
    return tag(
        "header",
        tag(level, source.name),
        tag("p", _state(source, words), tag("span", shown(source.path), kind="path"), kind="state"),
        pairs(numbers(source, words)),
        problems(source, words),
        kind="run-head",
    )


def problems(source: Source, words: Catalogue) -> Html:
    """Return what could not be read, or only in part; empty where all could be."""
    if not source.problems:
        return Html()
    left = len(source.problems) - _SHOWN
    more = tag("p", words("problems-more", count=left)) if left > 0 else Html()
    lines = listed(said_in(words, one.sentence) for one in source.problems[:_SHOWN])
    return tag("aside", tag("p", words("problems"), kind="title"), lines, more, kind="problems")


def _state(source: Source, words: Catalogue) -> Html:
    status = source.summary.get("status")
    if status not in _STATUS:
        kind = (
            words("state-log")
            if not source.own
            else words("state-recorded")
            if source.recording
            else words("state-checked")
            if source.only_checked
            else words("state-unknown")
        )
        return tag("span", kind, kind="badge")
    mood, name = status, words(f"state-{status}")
    silent = _silence(source.summary) if status == "running" else None
    if silent is not None:
        mood, name = "warning", words("state-silent", when=silent)
    reason = read_message(source.summary.get("reason"), source.summary.get("message"))
    why = tag("span", said_in(words, reason), kind="why") if str(reason) else Html()
    return joined([tag("span", name, kind=f"badge {mood}"), why])


def _silence(summary: Mapping[str, Any]) -> str | None:
    """Return since when a run that should go on has been silent, None where it has not."""
    try:
        last = datetime.fromisoformat(summary["heartbeat"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    gone = (datetime.now(UTC) - last).total_seconds()
    return last.strftime("%Y-%m-%d %H:%M UTC") if gone > _SILENT else None


def numbers(source: Source, words: Catalogue) -> list[tuple[str, str]]:
    """Return the key numbers of a run with their names, as far as they are known."""
    about, model = source.summary, source.config.get("model")
    model = model if isinstance(model, Mapping) else {}
    best = about.get("best_validation")
    best = best if isinstance(best, Mapping) else {}
    steps, planned = whole_in(about, "step"), whole_in(about, "steps")
    parts = [model[name] for name in ("body", "rule", "norm") if isinstance(model.get(name), str)]
    named = [
        ("head-model", " · ".join(parts)),
        ("head-parameters", f"{source.facts.parameters:,}" if source.facts.parameters else ""),
        ("head-steps", f"{steps:,} / {planned:,}" if steps is not None and planned else _reach(source, words)),
        ("head-tokens", f"{tokens:,}" if (tokens := whole_in(about, "tokens")) else ""),
        ("head-best", _best(best, words)),
        ("head-bits", number(words, bits) if (bits := number_in(best, "bits_per_byte")) is not None else ""),
        ("head-pace", f"{pace:,.0f}" if (pace := number_in(about, "tokens_per_second")) else ""),
        ("head-seed", str(seed) if isinstance(seed := source.config.get("seed"), int) else ""),
        (
            "head-machine",
            ", ".join(about[name] for name in ("device", "precision") if isinstance(about.get(name), str)),
        ),
    ]
    return [(words(key), text) for key, text in named if text]


def _best(best: Mapping[str, Any], words: Catalogue) -> str:
    loss, step = number_in(best, "loss"), whole_in(best, "step")
    if loss is None:
        return ""
    return number(words, loss) if step is None else words("head-best_at", loss=number(words, loss), step=f"{step:,}")


def _reach(source: Source, words: Catalogue) -> str:
    """Return how many points there are, and where, for a run that has no summary."""
    filled = [series for series in source.trace.signals.values() if len(series.step)]
    if not filled:
        return ""
    first, last = min(int(one.step[0]) for one in filled), max(int(one.step[-1]) for one in filled)
    return step_range(words, source.trace.axis, f"{first:,}", f"{last:,}")
