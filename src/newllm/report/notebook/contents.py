"""What is shown of a run, of several, of a verdict, a study and a check: the sections that their pages have."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from newllm.diagnosis.training_kind import reads_text
from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.document import placed
from newllm.report.header import header, numbers
from newllm.report.markup import Html, joined, listed, pairs, said_in, table, tag
from newllm.report.notebook.frame import Framed
from newllm.report.sections import sections_of
from newllm.report.sections.check import answers
from newllm.report.sections.replay import replay
from newllm.report.sections.study import study_lead, study_sections
from newllm.report.sections.verdict import verdict as verdict_section
from newllm.report.source import Source
from newllm.report.source.replays import Replayed
from newllm.report.source.study import StudySource
from newllm.trace import Verdict
from newllm.trace.check import Check
from newllm.words import checks
from newllm.words.diagnosis import headline
from newllm.words.plain import plain
from newllm.words.verdicts import recorded_of, sentences_of

_LONG = 2000  # characters


def run_shown(source: Source, words: Catalogue) -> Framed:
    """Return what is shown of a run, or of anyone's log: its page."""
    sections = sections_of(source, words)
    title = tag("p", tag("b", source.name))
    summary = joined([title, pairs(numbers(source, words)), *_answer(source, words)])
    lines = [f"{plain(source.name)}{words('terminal-colon')}{line}" for line in _lines(source, words)[:1]]
    lines += _lines(source, words)[1:]
    return _framed(source.name, lines, summary, header(source, words, level="h2"), sections, words)


def comparison_shown(sources: Sequence[Source], words: Catalogue) -> Framed:
    """Return what is shown of several runs: their comparison, as far as they can be compared."""
    from newllm.report.sections.comparison import comparison  # its statistics take long to load

    often = Counter(source.name for source in sources)
    names = [source.name if often[source.name] == 1 else str(source.path) for source in sources]
    about = words.about(text=any(reads_text(one.trace, one.facts) for one in sources))
    compared = comparison(sources, about)
    best = words("head-best")
    losses = [dict(numbers(source, words)).get(best, "") for source in sources]
    said = [_lines(source, words)[0] for source in sources]
    columns = [(words("compare-run"), names), *([(best, losses)] if any(losses) else []), (words("verdict"), said)]
    heads, cells = zip(*columns, strict=True)
    summary = table(heads, list(zip(*cells, strict=True)), about=words("comparison"), text=range(len(heads)))
    lines = [f"{plain(name)}{words('terminal-colon')}{line}" for name, line in zip(names, said, strict=True)]
    title = words("list").join(names)
    if compared is None:  # their steps count different things
        return _framed(title, lines, summary, summary, [], words)
    return _framed(title, lines, summary, Html(), [compared], about)


def verdict_shown(verdict: Verdict, words: Catalogue) -> Framed:
    """Return what is shown of a verdict: its sentences, and all that was tried."""
    name = Path(verdict.run).name or verdict.run
    source = Source(Path(verdict.run), name, replays=(Replayed(name, verdict, 0),))
    sections = [section for section in (verdict_section(source, words), replay(source, words)) if section]
    lines = [plain(words.text(one), _LONG) for one in (*recorded_of(verdict), *sentences_of(verdict))]
    return _framed(f"{words('verdict')}: {name}", lines, joined(_answer(source, words)), Html(), sections, words)


def study_shown(study: StudySource, words: Catalogue) -> Framed:
    """Return what is shown of a study: its claims and arms."""
    sections = study_sections(study, words)
    head = joined([tag("h2", study.name), study_lead(study, words)])
    claims = [section for section in sections if section.id == "study-claims"]
    lines = [plain(study.name), *(plain(claim.get("text"), _LONG) for claim in study.claims)]
    return _framed(study.name, lines, joined([head, *(Html(one.html) for one in claims)]), head, sections, words)


def check_shown(found: Check, words: Catalogue) -> Framed:
    """Return what is shown of a check before a training.

    Args:
        found: what `newllm.check` returned.
        words: the language.
    """
    tally = checks.tally(words, found)
    said = [
        joined([tag("b", checks.question(words, one.probe)), " ", said_in(words, one.sentence)]) for one in found.wrong
    ]
    summary = joined([tag("p", tag("b", tally)), listed(said)])
    verdict = tag("p", tag("b", tally), kind=f"verdict {'fault' if found.wrong else 'good'}")
    lines = [tally]
    for one in found.wrong:
        lines += [checks.question(words, one.probe), f"  {plain(words.text(one.sentence), _LONG)}"]
    head = joined([verdict, *answers(found, words)])
    return _framed(words("terminal-check-title"), lines, summary, head, [], words)


def _framed(
    title: str, lines: Sequence[str], summary: Html, head: Html, sections: Sequence[Section], words: Catalogue
) -> Framed:
    charts = [chart for section in sections for chart in section.charts]
    return Framed(title, lines, summary, joined([head, *map(placed, sections)]), charts, words)


def _answer(source: Source, words: Catalogue) -> list[Html]:
    """Return what stands on top of a page: the verdict's sentences, else what the doctor says."""
    section = verdict_section(source, words.about(text=reads_text(source.trace, source.facts)))
    return [Html(section.html)] if section else []


def _lines(source: Source, words: Catalogue) -> list[str]:
    """Return the same as text: at least one line."""
    if (found := source.verdict) is not None:
        return [plain(words.text(one), _LONG) for one in sentences_of(found)]
    said = [plain(words.text(one.sentence), _LONG) for one in source.findings if one.follows is None][:2]
    return [headline(words, source.trace, source.findings, source.facts), *said]
