"""What a check before training found, in words: the same on the terminal, on a page and in a report.

A probe that these catalogues do not know, of a newer newllm, keeps its own name.
"""

from newllm.messages import Catalogue
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


def listed(words: Catalogue, group: Unchecked) -> str:
    """Return what could not be checked for one reason."""
    return words("list").join(short(words, probe) for probe in group.probes)


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
    named = words("list").join(short(words, one.probe) for one in check.wrong[:_NAMED])
    return words("check_trained", count=len(check.wrong), more=len(check.wrong[_NAMED:]), named=named)


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
