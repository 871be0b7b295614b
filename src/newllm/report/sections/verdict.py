"""What stands on top: the three sentences of the newest verdict; where nothing was replayed, what the doctor says."""

import shlex
from collections.abc import Sequence

from newllm.diagnosis.coverage import risen
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.differences import bisected
from newllm.report.markup import Html, block, command, joined, pairs, said_in, tag
from newllm.report.source import Source
from newllm.reruns.rise import rises
from newllm.trace import Finding, Verdict
from newllm.trace.program import PROGRAM
from newllm.words import replays
from newllm.words.checks import wrong_line
from newllm.words.diagnosis import causes, headline, mood
from newllm.words.labels import axis_label, signal_label
from newllm.words.numbers import number
from newllm.words.verdicts import recorded_of, sentences_of

_SENTENCES = 3
_DIFFERENCES = frozenset({"differs-from-reference", "program-differs"})
_ANSWERED = ("what", "helps", "cause")
_OF_CHANGED_STATE = ("what", "shown", "next")


def verdict(source: Source, words: Catalogue) -> Section | None:
    """Return the section, None where there is neither a verdict nor a signal to judge."""
    if (found := source.verdict) is not None:
        html = _sentences(found, words)
    elif source.trace.signals:
        html = _doctor(source, words)
    else:
        return None
    return Section(source.id("verdict"), words("verdict"), joined([html, _checked(source, words)]))


def _checked(source: Source, words: Catalogue) -> Html:
    """Return in a line that the check before this training had found something wrong; empty where it had not."""
    line = wrong_line(words, source.facts.check)
    return tag("p", tag("a", line, href=f"#{source.id('check')}"), kind="checked") if line else Html()


def reproduction_state(verdict: Verdict, words: Catalogue) -> Html:
    """Return whether replays can be believed at all: what the unmodified one gave."""
    identical = verdict.reproduction.get("identical")
    sign, mood = ("?", "warning") if identical is None else ("✔", "good") if identical else ("✖", "fault")
    mark = tag("span", sign, aria_hidden="true", kind=f"sign {mood}")
    return tag("span", mark, " ", _reproduction(verdict, words), kind="null")


def _reproduction(verdict: Verdict, words: Catalogue) -> Html:
    about = verdict.reproduction
    if about.get("identical") is None:
        return tag("span", words("null-unknown"))
    if about["identical"] is False:
        difference = said_in(words, replays.difference(about.get("first_difference")))
        return joined([words("null-differs"), " ", difference])
    steps, tolerance = about.get("compared") or 0, about.get("tolerance")
    compared = words(
        "null-steps", count=f"{int(steps):,}", weights=words("null-weights" if about.get("weights") else "null-losses")
    )
    same = words("null-same") if tolerance is None else words("null-within", tolerance=number(words, tolerance))
    return tag("span", same, " ", compared)


def _sentences(verdict: Verdict, words: Catalogue) -> Html:
    """Return the sentences, each with what it answers; where replays cannot be believed there is only the first."""
    said = [said_in(words, one) for one in sentences_of(verdict)]
    keys = _ANSWERED if verdict.changed_state is None else _OF_CHANGED_STATE
    answers = [(words(f"verdict-{key}"), one) for key, one in zip(keys, said, strict=False)]
    answers.append((words("verdict-null"), reproduction_state(verdict, words)))
    if compared := recorded_of(verdict):
        lines = (tag("span", said_in(words, one), " ") for one in compared)
        answers.append((words("verdict-recorded"), tag("span", *lines)))
    return tag("div", pairs(answers), kind="sentences")


def _doctor(source: Source, words: Catalogue) -> Html:
    grave = [one for one in source.findings if one.severity != "note"]
    first = headline(words, source.trace, source.findings, source.facts)
    how = mood(source.trace, source.findings, source.facts) or "warning"
    roots = [one for one in grave if one.follows is None]
    different = list({one.kind: one for one in reversed(roots)}.values())[::-1]
    behind = causes(words, roots[0]) if roots else ""  # of what stands first, and of nothing else
    cause = tag("p", words("causes"), words("terminal-colon"), behind) if behind else Html()
    parts = [
        tag("p", first, kind=how),
        *_ends(source, words),
        *(tag("p", said_in(words, one.sentence)) for one in _said(different)),
        cause,
    ]
    below = _rerun(source, words), _held(source, words), _next(source, words)
    return joined([tag("div", *parts, kind="doctor"), *below])


def _said(different: Sequence[Finding]) -> list[Finding]:
    """Return the findings that are said: the first, and what a sound run had otherwise, which may be the cause."""
    return [one for at, one in enumerate(different) if at < _SENTENCES - 1 or one.kind in _DIFFERENCES]


def _rerun(source: Source, words: Catalogue) -> Html:
    """Return what came of running the program of a recording again with one thing changed; empty where nobody has."""
    if source.rerun is None:
        return Html()
    shown = source.rerun.shown
    others = joined((said_in(words, one) for one in source.rerun.sentences() if one != shown), words("sentence-gap"))
    first = Html() if shown is None else tag("p", tag("b", said_in(words, shown)))
    return block(words("doctor-rerun"), joined([first, tag("p", others, kind="muted")]))


def _held(source: Source, words: Catalogue) -> Html:
    """Return which sound run this one was held against, and which change did it or how to find it."""
    held = source.held
    if held is None:
        return Html()
    lines = [tag("p", said_in(words, one.sentence), kind="muted") for one in held.remarks]
    if held.bisection is not None:
        lines.append(block(words("doctor-bisected"), bisected(held.bisection, words)))
    elif held.command:
        lines.append(tag("p", words("doctor-bisect"), " ", command(held.command), kind="muted"))
    return joined(lines)


def _ends(source: Source, words: Catalogue) -> list[Html]:
    """Return in a line that a loss ends above its lowest: of a training this is asked first."""
    found = risen(source.trace) if training_kind(source.trace, source.facts).loss_is_progress else None
    if found is None:
        return []
    signal, last, lowest, step = found
    numbers = {"last": f"{last:.4g}", "lowest": f"{lowest:.4g}", "step": f"{step:,.0f}"}
    said = words(
        "doctor-ends_above", signal=signal_label(words, signal), **numbers, axis=axis_label(words, source.trace.axis)
    )
    return [tag("p", said)]


def _next(source: Source, words: Catalogue) -> Html:
    """Return what would test the cause of a spike in a run of ours that was not replayed."""
    if source.config:
        is_testable = source.own and any(one.kind == "spike" for one in source.findings)
    else:
        has_program = source.rerun is None and (source.path / PROGRAM).is_file()
        is_testable = has_program and bool(rises(source.findings, source.trace.series("loss")))
    if not is_testable:
        return Html()
    called = f"newllm replay {shlex.quote(str(source.path))}"
    return tag("p", words("doctor-replay"), " ", command(called), kind="muted")
