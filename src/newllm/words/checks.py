"""What a check before training found, in words: the same on the terminal, on a page and in a report.

A probe that these catalogues do not know, of a newer newllm, keeps its own name.
"""

from collections.abc import Sequence

from newllm.diagnosis.checkable import check_call, probes_for
from newllm.diagnosis.facts import Facts
from newllm.messages import Catalogue, Message, message
from newllm.trace import Finding
from newllm.trace.check import Check, CheckedTraining, Unchecked

_NAMED = 3  # wrong answers that a line names


def question(words: Catalogue, probe: str) -> str:
    """Return what a probe asks."""
    return words.get(f"check-{probe}") or probe


def short(words: Catalogue, probe: str) -> str:
    """Return what a probe looks at, as a part of a list."""
    return words.get(f"check-{probe}.short") or probe


def part(words: Catalogue, probe: str, name: str) -> str:
    """Return why an answer matters ("why") or what to do first ("first"); empty where nobody knows."""
    return words.get(f"check-{probe}.{name}") or ""


def tally(words: Catalogue, check: Check) -> str:
    """Return how many answers there are of each kind, and how long that took."""
    counts = {status: len(check.of(status)) for status in ("wrong", "sound", "unchecked")}
    return words("terminal-check", **counts, seconds=check.seconds)


def listed(words: Catalogue, probes: Sequence[str]) -> str:
    """Return what probes look at, as a list."""
    return words("list").join(short(words, probe) for probe in probes)


def reason(words: Catalogue, group: Unchecked) -> str:
    """Return what would have to be given so that it can be checked, or why it cannot be here; a list follows."""
    if group.argument:
        return words("terminal-check-give", argument=f"{group.argument}=")
    return words("terminal-check-not_here", why=words.text(group.reason))


def wrong_line(words: Catalogue, check: Check | None) -> str:
    """Return in a line that a training was begun although its check had found something wrong; empty where it had not.

    It names what was wrong by what was looked at.
    """
    if check is None or not check.wrong:
        return ""
    named = listed(words, [one.probe for one in check.wrong[:_NAMED]])
    return words("check_trained", count=len(check.wrong), more=len(check.wrong[_NAMED:]), named=named)


def by_check(words: Catalogue, finding: Finding, facts: Facts) -> list[Message]:
    """Return what the check before training says of what may be behind a finding, and what is still to be checked."""
    probes, check = probes_for(finding, facts), facts.check
    known = {one.probe: one.status for one in check.outcomes} if check else {}
    groups = check.unchecked() if check else []
    # What could not be checked is worth another call only where something more can be given.
    givable = {probe for group in groups if group.argument for probe in group.probes}
    still = tuple(one for one in probes if one not in known or one in givable)
    answers = {status: [one for one in probes if known.get(one) == status] for status in ("wrong", "sound")}
    told = [message(f"would_tell-{how}", probes=listed(words, ones)) for how, ones in answers.items() if ones]
    to_do = [message("would_tell-check", call=check_call(still), probes=listed(words, still))] if still else []
    return [*told, *to_do]


def of_training(words: Catalogue, about: CheckedTraining) -> str:
    """Return what was checked, when, and by which newllm, as far as that is known."""
    known = [
        about.model,
        words("check_parameters", count=about.parameters) if about.parameters else "",
        about.optimizer,
        about.device,
        about.when.strftime("%Y-%m-%d %H:%M UTC") if about.when else "",
        f"newllm {about.version}" if about.version else "",
    ]
    return " · ".join(filter(None, known))
