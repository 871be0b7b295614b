"""What is said of a diagnosis in words and numbers, the same on the terminal and on a page.

Everything that may come from a log (names, sentences, values) leaves here harmless: see `plain`.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from newllm.diagnosis.blind_tests import blind_tests
from newllm.diagnosis.checkable import unlogged
from newllm.diagnosis.ending import Ending, lost_model
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layer_names import is_number
from newllm.diagnosis.losses import finite, loss_names
from newllm.diagnosis.replayed import is_shown
from newllm.messages import Catalogue, Message, message
from newllm.trace import SEVERITIES, Cause, Finding, Remark, Trace
from newllm.words.checks import by_check
from newllm.words.coverage import OFTEN_UNNAMED, may_be
from newllm.words.labels import axis_label, cause_label, evidence_label, kind_label
from newllm.words.numbers import listed, value
from newllm.words.plain import plain

_NOTHING = Facts()
_FEWEST = 5  # finite points of a loss; of fewer no detector says much
_LIKELY = 0.5  # probability below which a cause is said with "perhaps"
_TESTED = 5  # blind tests; fewer show little
_MOST_UNKNOWN = 4  # signals that are named where none is a loss
_MOST_NAMES = 6  # of signals in the head
_NAME = 60  # characters
_MOST_CANDIDATES = 4  # of a cause that is not known


def unjudged(trace: Trace, findings: Sequence[Finding]) -> Message | None:
    """Return why nothing could be judged, and how to fix that; None where something was.

    What is wrong is judged in any case. Without that, some loss must have five finite points.
    """
    if any(finding.severity != "note" for finding in findings):
        return None
    names = loss_names(trace)
    if not names:
        others = [f"'{plain(name, _NAME)}'" for name in trace.signals]
        among = ", ".join(others[:_MOST_UNKNOWN]) + (", ..." if len(others) > _MOST_UNKNOWN else "")
        return message("unjudged-no-loss", among=among or None)
    longest = max(names, key=lambda name: len(finite(trace.series(name)).value))
    count = len(finite(trace.series(longest)).value)
    if count >= _FEWEST:
        return None
    return message("unjudged-few-points", count=count, signal=plain(longest, _NAME), least=_FEWEST)


def evidence(words: Catalogue, finding: Finding) -> list[tuple[str, str]]:
    """Return the finding's evidence as pairs of a label and a value; of an empty list nothing."""
    return [
        (evidence_label(words, name), value(words, _readable(words, thing)))
        for name, thing in finding.evidence.items()
        if thing != []
    ]


def _readable(words: Catalogue, thing: Any) -> Any:
    """Return a piece of evidence with layers that are called by a number in quotes: what was measured is no text."""
    if isinstance(thing, list):
        return [_readable(words, one) for one in thing]
    return words("layer-number", name=thing) if isinstance(thing, str) and is_number(thing) else thing


def causes(words: Catalogue, finding: Finding) -> str:
    """Return what may be behind a finding, as far as something in the run speaks for it; empty where it names none."""

    def named(names: Sequence[str]) -> str:
        return words("list").join(cause_label(words, name) for name in names)

    if finding.causes is None:
        return named(finding.candidate_causes)
    if finding.causes or not finding.candidate_causes:
        return words("list").join(_cause(words, one) for one in finding.causes)
    reasons = {one.name: one.reason for one in finding.open_causes if one.reason is not None}
    candidates = [
        words("cause-hint", cause=cause_label(words, name), reason=reasons[name]) if name in reasons else named([name])
        for name in finding.candidate_causes[:_MOST_CANDIDATES]
    ]
    return words("causes-unknown", causes=words("list").join(candidates))


def would_tell(words: Catalogue, finding: Finding, trace: Trace, facts: Facts) -> list[Message]:
    """Return how to tell causes apart: by the own test of a finding, by `newllm.check`, or by what was not logged.

    Nothing where replays have told them apart.
    """
    if is_shown(finding):
        return []
    columns = []
    for column, names in unlogged(finding, trace, facts).items():
        shown = {"column": column, "causes": words("list").join(cause_label(words, one) for one in names)}
        unnamed = may_be(column, trace, facts)[:_MOST_UNKNOWN] if column in OFTEN_UNNAMED else []
        if unnamed:  # the log may have it
            columns.append(
                message("would_tell-role", **shown, count=len(unnamed), unnamed=[plain(one, _NAME) for one in unnamed])
            )
        else:
            columns.append(message("would_tell-column", **shown))
    return [*([finding.test] if finding.test else []), *by_check(words, finding, facts), *columns]


def follows(words: Catalogue, finding: Finding) -> str:
    """Return of which other finding this one is a consequence; empty where it stands for itself."""
    return words("follows", root=kind_label(words, finding.follows)) if finding.follows else ""


def _cause(words: Catalogue, cause: Cause) -> str:
    """Return a cause with its probability and what speaks for it."""
    name = cause_label(words, cause.name)
    if cause.reason is None:
        return name
    if cause.probability is None:
        return words("cause-hint", cause=name, reason=cause.reason)
    percent = min(99, round(100 * cause.probability))
    how = "cause-because" if cause.probability >= _LIKELY else "cause-perhaps"
    return words(how, cause=name, percent=percent, reason=cause.reason)


def sureness(words: Catalogue, finding: Finding) -> str:
    """Return how often a warning or fault of its kind was right in blind tests; empty for a note.

    Empty too where nothing is judged, as of what differs from another run.
    """
    tests = blind_tests(finding)
    if tests is None:
        return "" if finding.severity == "note" or finding.confidence is None else words("untested")
    return words("tested" if tests.said >= _TESTED else "hardly_tested", right=tests.right, said=tests.said)


def standing(words: Catalogue, finding: Finding) -> str:
    """Return what a finding follows from, else how sure it is."""
    return follows(words, finding) or sureness(words, finding)


def steps(words: Catalogue, finding: Finding, axis: str) -> str:
    """Return where a finding is: "epochs 19 to 22", "step 1,200", "from step 80 on"; empty where it has no steps."""
    first, last = finding.first_step, finding.last_step
    if first is None:
        return "" if last is None else words("steps-until", axis=axis_label(words, axis), last=value(words, last))
    if last is None:
        return words("steps-from", axis=axis_label(words, axis), first=value(words, first))
    return step_range(words, axis, value(words, first), value(words, last))


def step_range(words: Catalogue, axis: str, first: str, last: str) -> str:
    """Return "epochs 19 to 22", of two that are equal "epoch 19"."""
    name = axis_label(words, axis)
    if first == last:
        return words("steps-at", axis=name, step=first)
    return words("steps-range", axis=name, first=first, last=last)


def headline(words: Catalogue, trace: Trace, findings: Sequence[Finding], facts: Facts = _NOTHING) -> str:
    """Return what is to be said of the whole, in one line; of a model that is lost, that first."""
    counted = Counter(finding.severity for finding in findings)
    if ending := _ending(trace, findings, facts):
        return words("doctor-lost", how=_how(words, trace, ending), tally=tally(words, counted))
    for severity in ("fault", "warning"):
        if counted[severity]:
            return words(f"doctor-{severity}", tally=tally(words, counted))
    notes = tally(words, counted) or None
    if why := unjudged(trace, findings):
        return words("doctor-unjudged_because", why=why, notes=notes)
    seen = {"points": points(trace), "signals": len(trace.signals)}
    return words("doctor-nothing_wrong", **seen, less_than=less_than(findings), notes=notes)


def less_than(findings: Sequence[Finding]) -> list[str] | None:
    """Return the run before it than which a run comes to less, where that is a note as it was called otherwise."""
    for one in findings:
        if one.kind == "parts-from-reference" and one.sentence.parameters.get("how") == "asked":
            return one.sentence.parameters["other"]
    return None


def first_sentence(words: Catalogue, trace: Trace, findings: Sequence[Finding], facts: Facts) -> str:
    """Return what is to be said of a log first: that its model is lost, and what its first finding says."""
    if worst(findings) in (None, "note"):
        return headline(words, trace, findings, facts)
    first = words.text(findings[0].sentence)
    ending = _ending(trace, findings, facts)
    if ending is None:
        return first
    lost = words("several-lost", how=_how(words, trace, ending))
    # Of a loss that is not finite the finding would say the same once more.
    return lost if ending.how == findings[0].kind else words("between_sentences").join((lost, first))


def _how(words: Catalogue, trace: Trace, ending: Ending) -> str:
    known = {"loss": ending.loss, "start": ending.start, "step": value(words, ending.step)}
    return words(f"ending-{ending.how}", **known, axis=axis_label(words, trace.axis))


def mood(trace: Trace, findings: Sequence[Finding], facts: Facts = _NOTHING) -> str:
    """Return what colour the headline has: "fault", "warning", "good", else "".

    That is where nothing could be judged, or another run came to more.
    """
    if _ending(trace, findings, facts):
        return "fault"
    gravest = worst(findings)
    if gravest in ("fault", "warning"):
        return gravest
    return "" if unjudged(trace, findings) or less_than(findings) else "good"


def _ending(trace: Trace, findings: Sequence[Finding], facts: Facts) -> Ending | None:
    """Return how the model was lost, where a finding says that something is wrong at all."""
    return None if worst(findings) in (None, "note") else lost_model(trace, facts)


def tally(words: Catalogue, counted: Counter[Any]) -> str:
    """Return how many findings there are of each severity: "2 faults, 1 warning"; empty without any."""
    parts = [words(f"tally-{one}", count=counted[one]) for one in reversed(SEVERITIES) if counted[one]]
    return words("list").join(parts)


def worst(findings: Sequence[Finding]) -> str | None:
    """Return the highest severity there is, None without a finding."""
    return max((finding.severity for finding in findings), key=SEVERITIES.index, default=None)


def points(trace: Trace) -> int:
    """Return the length of the longest signal."""
    return max((len(series.step) for series in trace.signals.values()), default=0)


def contents(words: Catalogue, trace: Trace) -> str:
    """Return what was read, in one line: how many points, where, of which signals."""
    filled = [series for series in trace.signals.values() if len(series.step)]
    if not filled:
        return words("contents-nothing")
    first, last = min(item.step[0] for item in filled), max(item.step[-1] for item in filled)
    names = sorted(trace.signals, key=lambda name: ("/" in name, -len(trace.signals[name].step)))
    return words(
        "contents",
        points=points(trace),
        steps=step_range(words, trace.axis, f"{first:,}", f"{last:,}"),
        signals=len(names),
        names=listed(words, [plain(name, _NAME) for name in names[:_MOST_NAMES]], len(names)),
    )


def known(words: Catalogue, facts: Facts) -> str:
    """Return in one line what is known beside the signals; empty where nothing is."""
    counts = {"parameters": facts.parameters, "vocabulary": facts.vocabulary, "layers": len(facts.layers)}
    return words("list").join(words(f"known-{name}", count=count) for name, count in counts.items() if count)


def numbering(words: Catalogue, trace: Trace, facts: Facts) -> str:
    """Return how steps are counted where a person could be one off: in a recording, and in a log that counts from 0."""
    if facts.origin == "record":
        return words("numbering-recording")
    first = min((series.step[0] for series in trace.signals.values() if len(series.step)), default=1)
    return words("numbering-zero", axis=axis_label(words, trace.axis)) if first == 0 else ""


def remark_line(words: Catalogue, remark: Remark) -> str:
    """Return what a reader left out, or how it understood a log, with what it is before it."""
    return words(f"remark_line-{remark.kind}", remark=plain(words.text(remark.sentence)))
