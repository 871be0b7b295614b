"""What is said of a program that is run again with one thing changed, in words."""

import math

from newllm.messages import Catalogue
from newllm.reruns.result import Rerun, Trial, change_text
from newllm.words.plain import plain

_LONG = 2000  # characters
_LARGER = 2.0  # times the rise of the recording: worth a word


def rerun_shows(words: Catalogue, found: Rerun | None) -> str:
    """Return in a line what is shown of a cause; empty where there is nothing."""
    shown = None if found is None else found.shown
    return "" if shown is None else words("replays_show", sentence=plain(words.text(shown), _LONG))


def begins_line(words: Catalogue, found: Rerun) -> str:
    """Return which rise it is, and up to which step the program runs."""
    return words(
        "rerun-begins", run=plain(found.run), first=found.rise.first, horizon=found.horizon, count=len(found.planned),
        finite=found.rise.is_finite,
    )  # fmt: skip


def trial_line(words: Catalogue, trial: Trial, found: Rerun) -> str:
    """Return what the last trial came to; of one that failed with the last line that it printed."""
    outcome = trial_outcome(words, trial, finite=found.rise.is_finite)
    known = {"number": len(found.trials), "what": trial_name(words, trial), "outcome": outcome}
    line = words("rerun-tried", **known, steps=trial.steps, seconds=trial.seconds)
    return f"{line}\n   {plain(trial.printed)}" if trial.outcome == "failed" and trial.printed else line


def trial_name(words: Catalogue, trial: Trial) -> str:
    """Return what was changed."""
    return words("rerun-as-it-was") if trial.change is None else words.text(change_text(trial.change))


def trial_outcome(words: Catalogue, trial: Trial, *, finite: bool) -> str:
    """Return what a trial came to: of a rise, or of a loss that is not finite."""
    share = trial.share or 0.0
    known = {
        "share": 100 * share, "identical": trial.parted is None, "times": share, "finite": finite,
        "larger": math.isfinite(share) and share >= _LARGER, "since": trial.since,
    }  # fmt: skip
    return words(f"rerun-outcome-{trial.outcome}", **known)
