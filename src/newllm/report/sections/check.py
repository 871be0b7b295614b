"""What `newllm.check` found before the training: what is wrong as cards, what is sound and what is not known folded.

Where nothing is wrong the whole section is a line to unfold. Of a directory that holds nothing but a check it also says
how to go on.
"""

from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.markup import Html, block, command, folded, joined, listed, said_in, tag
from newllm.report.source import Source
from newllm.trace.check import Check, KeptCheck, Outcome
from newllm.words import checks

_IN_FULL = 2  # wrong answers that stand open
_MOST = 60


def check(source: Source, words: Catalogue) -> Section | None:
    """Return the section, None where no check was kept with the run."""
    found = source.facts.check
    if found is None:
        return None
    tally, is_line = checks.tally(words, found), not found.wrong and not source.only_checked
    parts = [
        Html() if is_line else tag("p", tally, kind="muted"),
        _next(source, found, words),
        *answers(found, words, open=is_line),
        _about(source, found, words),
    ]
    title, gist = words("check"), tally if is_line else ""
    return Section(source.id("check"), title, joined(parts), folded=is_line, gist=gist)


def answers(found: Check, words: Catalogue, *, open: bool = False) -> list[Html]:
    """Return what was wrong as cards, then what was sound and what could not be checked, folded or open."""
    wrong = [_card(one, words, full=at < _IN_FULL) for at, one in enumerate(found.wrong[:_MOST])]
    return [*wrong, *_rest(found, words, open=open)]


def _card(outcome: Outcome, words: Catalogue, *, full: bool) -> Html:
    """Return a wrong answer: what was asked, what was seen, why that matters and what to do first."""
    title = tag(
        "h3", tag("span", words("check_wrong"), kind="severity fault"), " ",
        tag("b", checks.question(words, outcome.probe)), " ", tag("code", outcome.probe),
    )  # fmt: skip
    seen = tag("p", said_in(words, outcome.sentence), kind="sentence")
    why, first = (checks.part(words, outcome.probe, name) for name in ("why", "first"))
    advice = joined([
        tag("p", why, kind="muted") if why else Html(),
        tag("p", tag("b", words("check_first")), words("terminal-colon"), first) if first else Html(),
    ])  # fmt: skip
    if full or not advice:
        return tag("article", title, seen, advice, kind="fault")
    return tag("article", folded(joined([title, seen]), advice), kind="fault brief")


def _rest(found: Check, words: Catalogue, *, open: bool) -> list[Html]:
    """Return what is sound, with what was seen, and by its reason what could not be checked."""
    sound = [
        joined([tag("b", checks.question(words, one.probe)), " ", said_in(words, one.sentence)])
        for one in found.of("sound")
    ]
    unchecked = [
        joined([tag("b" if one.argument else "span", checks.reason(words, one)), checks.listed(words, one.probes)])
        for one in found.unchecked()
    ]
    counted = ("sound-count", sound, len(sound)), ("unseen-count", unchecked, len(found.of("unchecked")))
    show = block if open else folded
    return [show(words(key, count=count), listed(lines[:_MOST])) for key, lines, count in counted if lines]


def _about(source: Source, found: KeptCheck, words: Catalogue) -> Html:
    """Return what was checked and when; where that was another model than the one that was trained, say so."""
    told = checks.of_training(words, found.about)
    checked, trained = found.about.parameters, source.recording.get("parameters")
    is_other = checked is not None and isinstance(trained, int) and checked != trained
    other = words("check_other_model", checked=checked, trained=trained) if is_other else ""
    return joined([
        tag("p", other, kind="problem") if other else Html(), tag("p", told, kind="muted small") if told else Html(),
    ])  # fmt: skip


def _next(source: Source, found: KeptCheck, words: Catalogue) -> Html:
    """Return what to do where nothing has been trained yet."""
    if not source.only_checked:
        return Html()
    said = words("check_next", wrong=len(found.wrong))
    return tag("p", said, " ", command(f"newllm.record(model, optimizer, {str(source.path)!r})"))
