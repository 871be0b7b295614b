"""What the doctor found: one card a root fault, with its evidence beside it and what follows from it below.

Under the cards stands, folded, what was looked at and found sound, and what could not be looked at.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from newllm.diagnosis.causes.kinds import EVENTS
from newllm.diagnosis.replayed import is_shown, taken_up
from newllm.diagnosis.roots import families
from newllm.messages import Catalogue
from newllm.report.charts.chart import Curves, Section
from newllm.report.charts.figure import small_figure
from newllm.report.charts.finding_curve import finding_curve
from newllm.report.differences import finding_text
from newllm.report.markup import Html, block, folded, joined, listed, said_in, tag
from newllm.report.source import Source
from newllm.trace import Finding, Verdict
from newllm.words import coverage
from newllm.words.causes import CauseRow, cause_rows
from newllm.words.diagnosis import causes, evidence, numbering, standing, steps, tally, would_tell
from newllm.words.labels import cause_label, kind_label, signal_label
from newllm.words.replays import suspects

_IN_FULL = 2  # faults whose evidence stands open, and what is there first
_UNFOLDED = 4  # cards: a page is three screens long, and the gravest come first
_DRAWN = 6  # cards with a curve
_MOST = 60
_LONG = 14  # characters of a value, more than a column is sure to hold without a break within a word


def findings(source: Source, words: Catalogue) -> Section | None:
    """Return the section, None where there was nothing to look at."""
    if not source.findings and not source.trace.signals:
        return None
    found = families(source.findings)
    grave = [one for one in found if one[0].severity != "note"][:_MOST]
    notes = [root for root, _ in found if root.severity == "note"][:_MOST]
    left = len(found) - len(grave) - len(notes)
    told: set[str] = set()  # kinds that were explained: the second of a kind needs it no more
    cards, charts = [], []
    for at, (root, others) in enumerate(grave):
        chart = finding_curve(source, words, root, f"finding-{at}") if at < _DRAWN else None
        is_full = at == 0 or (at < _IN_FULL and root.severity == "fault" and not _is_explained(source))
        cards.append(_card(source, words, root, others, chart, told, full=is_full))
        charts += [chart] if chart else []
    counted = tally(words, Counter(one.severity for one in source.findings)) or words("findings-none")
    parts = [
        tag("p", counted, kind="muted"),
        *cards[:_UNFOLDED],
        *_further(words, [root for root, _ in grave[_UNFOLDED:]], cards[_UNFOLDED:]),
        *([tag("p", words("more_findings", count=f"{left:,}"), kind="muted")] if left > 0 else []),
        *_folds(source, words, notes, told),
    ]
    return Section(source.id("findings"), words("findings"), joined(parts), tuple(charts))


def _is_explained(source: Source) -> bool:
    """Whether replays have shown a cause: what stands beside it is second to that."""
    return source.verdict is not None and bool(source.verdict.cause)


def _further(words: Catalogue, roots: Sequence[Finding], cards: Sequence[Html]) -> list[Html]:
    if not cards:
        return []
    names = words("list").join(dict.fromkeys(kind_label(words, root.kind) for root in roots))
    return [folded(words("further_findings", count=len(cards), names=names), joined(cards))]


def _card(
    source: Source, words: Catalogue, root: Finding, others: Sequence[Finding], chart: Curves | None,
    told: set[str], *, full: bool,
) -> Html:  # fmt: skip
    """Return a root fault with what follows from it; a brief card is unfolded to see more than what is said of it."""
    title, explained = _title(source, words, root), _explained(words, root, told)
    beside, apart = _beside(words, root, chart), _told_apart(source, words, root, others)
    following = _consequences(source, words, others, told)
    proved = _proved(source, words, root)
    if full:
        inside = [title, *_said(words, root, explained), proved, beside, folded(words("evidence"), apart), following]
        return tag("article", *inside, kind=root.severity)
    before, behind = (explained, Html()) if _is_foreign(words, root) else (Html(), explained)
    head = joined([title, *_said(words, root, before), proved])
    return tag("article", folded(head, joined([behind, beside, apart])), following, kind=f"{root.severity} brief")


def _proved(source: Source, words: Catalogue, finding: Finding) -> Html:
    """Return the cause that replays have shown of a finding, empty where they have shown none."""
    verdict = source.verdict
    if verdict is None or not verdict.cause or not is_shown(finding):
        return Html()
    return tag("p", tag("b", words("cause-shown_of", name=_named_by(words, verdict))), kind="replayed")


def _title(source: Source, words: Catalogue, finding: Finding) -> Html:
    same = kind_label(words, finding.kind).casefold() == finding.kind.replace("-", " ")
    name = Html() if same else joined([" ", tag("code", finding.kind)])  # as the terminal and the documentation have it
    return tag("h3", *_named(words, finding), name, " ", _where(source, words, finding))


def _named(words: Catalogue, finding: Finding) -> tuple[object, ...]:
    severity = tag("span", words(f"severity-{finding.severity}"), kind=f"severity {finding.severity}")
    return severity, " ", tag("b", kind_label(words, finding.kind))


def _where(source: Source, words: Catalogue, finding: Finding, *, sure: bool = True) -> Html:
    # Of an event it is said in which loss: that of validation begins and ends elsewhere than that of training.
    loss = finding.signal if finding.kind in EVENTS and finding.signal in ("loss", "validation_loss") else None
    known = (
        "" if loss is None else signal_label(words, loss),
        steps(words, finding, source.trace.axis),
        standing(words, finding) if sure else "",
    )
    return tag("span", words("list").join(filter(None, known)), kind="where")


def _explained(words: Catalogue, finding: Finding, told: set[str]) -> Html:
    """Return what a kind of finding is, where nobody has been told."""
    meaning = "" if finding.kind in told else words.get(f"finding-{finding.kind}.explained")
    told.add(finding.kind)
    return tag("p", meaning, kind="muted") if meaning else Html()


def _said(words: Catalogue, finding: Finding, explained: Html) -> list[Html]:
    """Return what is said of a finding and what it is; this first where the sentence is in another language."""
    sentence = finding_text(finding, words, kind="sentence")
    return [explained, sentence] if _is_foreign(words, finding) else [sentence, explained]


def _is_foreign(words: Catalogue, finding: Finding) -> bool:
    """Whether there is only English of what is said of a finding, on a page in another language."""
    return words.lang != "en" and finding.sentence.id == "quoted"


def _beside(words: Catalogue, finding: Finding, chart: Curves | None) -> Html:
    """Return the numbers of a finding beside its curve."""
    numbers, curve = _numbers(words, finding), small_figure(chart, words) if chart else Html()
    return tag("div", numbers, curve, kind="beside") if numbers or curve else Html()


def _numbers(words: Catalogue, finding: Finding) -> Html:
    """Return the evidence by name; what is as long as the names of several layers has a line of its own."""
    made = (
        tag("div", tag("dt", name), tag("dd", told), kind="long" if len(told) > _LONG else None)
        for name, told in evidence(words, finding)
    )
    content = joined(made)
    return tag("dl", content) if content else Html()


def _told_apart(source: Source, words: Catalogue, finding: Finding, others: Sequence[Finding]) -> Html:
    """Return what may be behind a finding, with what speaks for and against each, and how to tell."""
    about = taken_up(source.findings, source.verdict)
    verdict = source.verdict if any(one is about for one in (finding, *others)) else None
    rows = cause_rows(words, finding, source.trace, source.facts)
    behind = _causes(words, rows, verdict) if rows else _candidates(words, finding)
    tests = would_tell(words, finding, source.trace, source.facts)
    parts = [
        block(words("causes-heading"), behind),
        block(words("alternatives"), listed(said_in(words, one) for one in finding.alternatives)),
        block(words("would_tell"), joined(tag("p", said_in(words, one)) for one in tests)),
    ]
    return joined(parts)


def _candidates(words: Catalogue, finding: Finding) -> Html:
    """Return the causes of a finding whose run nobody has searched for them."""
    named = causes(words, finding)
    return tag("p", named) if named else Html()


def _named_by(words: Catalogue, verdict: Verdict) -> str:
    """Return the cause that a verdict names, empty without one."""
    return cause_label(words, str(verdict.cause.get("name", ""))) if verdict.cause else ""


def _causes(words: Catalogue, rows: Sequence[CauseRow], verdict: Verdict | None) -> Html:
    """Return the causes, with what the verdict of replays, if there is one, shows of each."""
    shown = dict(suspects(words, verdict.suspects)) if verdict else {}
    if verdict and (named := _named_by(words, verdict)):
        # What the signals alone named was not tested: a replay that shows another cause speaks against it.
        another = words("cause-other_by_replays", name=named)
        rows = [replace(one, against=another) if one.percent is not None else one for one in rows]
        rows = [replace(one, speaks="") if one.name == named else one for one in rows]
        shown[named] = words("cause-shown_by_replays", evidence=shown.get(named) or None)
    unknown = Html() if any(one.named for one in rows) else tag("p", words("cause-none_named"), kind="muted")
    lines = (tag("li", *_cause(words, one, shown.get(one.name, ""))) for one in rows)
    return joined([unknown, tag("ul", *lines, kind="causes")])


def _cause(words: Catalogue, row: CauseRow, replayed: str) -> Iterator[Html]:
    percent = tag("small", words("percent", percent=row.percent)) if row.percent is not None else Html()
    yield tag("b" if row.named else "span", row.name, " ", percent)
    for key, text in (("replayed", replayed), ("speaks", row.speaks), ("against", row.against)):
        if text:
            yield tag("p", tag("span", words(f"cause-{key}"), kind="side"), " ", text, kind=key)


def _consequences(source: Source, words: Catalogue, others: Sequence[Finding], told: set[str]) -> Html:
    """Return what follows from a root fault, a line each."""
    lines = [
        tag("li", folded(
            joined([*_named(words, one), " ", _where(source, words, one, sure=False)]),
            joined([*_said(words, one, _explained(words, one, told)), _numbers(words, one)]),
        ), kind=one.severity)
        for one in others
    ]  # fmt: skip
    title = tag("h4", words("consequences", count=len(others)))
    return tag("div", title, tag("ul", *lines), kind="consequences") if others else Html()


def _folds(source: Source, words: Catalogue, notes: Sequence[Finding], told: set[str]) -> Iterator[Html]:
    """Yield what is worth knowing, what is sound, and what could not be looked at, each to be unfolded."""
    if notes:
        title = words("notes-count", count=len(notes))
        yield folded(title, joined(_card(source, words, one, (), None, told, full=False) for one in notes))
    known = source.trace, source.facts
    if state := coverage.ledger(words, source.trace):
        yield tag("p", state)
    if lines := coverage.sound_subjects(words, *known, source.findings):
        yield folded(words("sound-count", count=len(lines)), listed(lines))
    lacks = [
        *(words("doubtful-one", subject=one) for one in coverage.doubtful_subjects(words, *known, source.findings)),
        *(said_in(words, one) for one in coverage.unseen_parts(*known)),
    ]
    if lacks:
        yield folded(words("unseen-count", count=len(lacks)), listed(lacks))
    if source.findings and (counted := numbering(words, *known)):
        yield tag("p", counted, kind="muted")
