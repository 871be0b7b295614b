"""What a bisection says while it works, in words."""

from newllm.bisection.result import Bisection, Trial
from newllm.messages import Catalogue
from newllm.words.plain import plain

MOST_LINES = 12  # of a change, on each side
_NAMED = 3  # changes that a line names


def begins_line(words: Catalogue, found: Bisection) -> str:
    """Return what differs, and up to which step trials run."""
    return words(
        "bisect-begins",
        changes=len(found.changes),
        sound=plain(found.sound),
        run=plain(found.run),
        horizon=found.horizon,
    )


def trial_line(words: Catalogue, trial: Trial, found: Bisection) -> str:
    """Return what a trial came to; of one that failed with the last line that it printed."""
    places = [plain(one.place) for one in found.changes if one.number in trial.changes]
    more = max(0, len(places) - _NAMED)
    what = words(f"bisect-stage-{trial.stage}", count=len(places), places=places[:_NAMED], more=more)
    identical = bool(trial.identical) and trial.stage != "sound"
    shown = trial.shown(found) if trial.outcome == "parts" else []
    kind = "given" if shown else trial.outcome
    first, others = shown[0] if shown else "", max(0, len(shown) - 1)
    outcome = words(f"bisect-outcome-{kind}", identical=identical, parts=first, more=others)
    number = len(found.trials)
    line = words("bisect-tried", number=number, what=what, outcome=outcome, steps=trial.steps, seconds=trial.seconds)
    return f"{line}\n   {plain(trial.printed[-1])}" if trial.outcome == "failed" and trial.printed else line


def more_lines(words: Catalogue, count: int) -> str:
    """Return how many lines are left out."""
    return words("bisect-more", count=count)
