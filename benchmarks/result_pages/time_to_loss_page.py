"""Tables and plot of time-to-loss.json."""

from pathlib import Path
from typing import Any

from markdown_tables import machine_line, number, table
from newllm.plotting import IntervalRow, draw_intervals
from newllm.statistics import mean_interval

STACK = "newllm stack"


def page(result: dict[str, Any]) -> str:
    """Return the tables."""
    extent = result["extent"]
    parts = [
        "# Time to the loss of a tuned Transformer\n",
        f"`python -m benchmarks --only time-to-loss`, with `--data DIR` for texts that the project does not ship; "
        f"{result['precision']}. Searched on {result['searched_on']}: "
        f"{len(extent['settings'])} settings of {extent['trial']:g} s each for every arm; "
        f"{extent['seeds']} finals of {extent['final']:g} s. Seconds of updates alone. How many steps a budget buys is "
        "measured before them, so that the time taken differs from it, and shares are of the time taken.\n",
        machine_line(result),
        "## The search: nats by setting\n",
        _seconds(result["trials"]),
        _search(result["trials"]),
    ]
    for text in result["texts"]:
        reuse = f", settings of {result['searched_on']}" if text["reuses_settings"] else ""
        parts += [f"## {text['text']}{reuse}\n", _judged(text, result), _finals(text)]
    return "\n".join(parts)


def _search(trials: dict[str, list[dict[str, Any]]]) -> str:
    arms = list(trials)
    rows = []
    for index, first in enumerate(trials[arms[0]]):
        settings = first["settings"]
        losses = [trials[arm][index]["nats"] for arm in arms]
        best = [min(trial["nats"] for trial in trials[arm] if trial["nats"] is not None) for arm in arms]
        written = ["diverged" if loss is None else f"{loss:.4f}" for loss in losses]
        marked = [f"**{text}**" if loss == low else text for text, loss, low in zip(written, losses, best, strict=True)]
        rows.append([f"{settings['learning_rate']:g}", *[f"{settings[key]:g}" for key in _KEYS], *marked])
    return table(["learning rate", "warm-up", "batch, tokens", "length", *arms], rows)


_KEYS = ("warmup", "batch_tokens", "length")


def _seconds(trials: dict[str, list[dict[str, Any]]]) -> str:
    """Say how near to their budget the trials came: steps are decided by a probe before them."""
    arms = {arm: [trial["seconds"] for trial in found] for arm, found in trials.items()}
    told = (f"{arm} {number(min(seconds))} to {number(max(seconds))} s" for arm, seconds in arms.items())
    return f"They took: {', '.join(told)}.\n"


def _judged(text: dict[str, Any], result: dict[str, Any]) -> str:
    """Say on how much it was judged, and on what machine it was trained if not on that of the search."""
    tokens = f"{text['evaluate_tokens']:,} tokens, spread evenly, of" if text["evaluate_tokens"] else "all of"
    told = f"Judged on {tokens} its validation part."
    return f"{told}\n" if text["machine"] == result["machine"] else f"{told} Trained on {machine_line(text)}"


def _finals(text: dict[str, Any]) -> str:
    rows = []
    for arm, found in text["arms"].items():
        loss = mean_interval(found["final_nats"])
        ends = "" if loss.low is None or loss.high is None else f" ({loss.low:.4f} to {loss.high:.4f})"
        shares = ["", ""] if arm == STACK else [_share(found[key]) for key in ("time_of_stack", "within_its_run")]
        taken = f"{number(min(found['seconds']))} to {number(max(found['seconds']))}"
        rows.append([arm, f"{loss.estimate:.4f}{ends}", taken, *shares])
    heads = [
        "", "nats at the end (95 %)", "seconds to it", "the stack's share of that time (95 %), its seconds by seed",
        "the same within one long run of the stack",
    ]  # fmt: skip
    return table(heads, rows)


def _share(found: dict[str, Any]) -> str:
    seconds = ", ".join("never" if one is None else f"{number(one)} s" for one in found["seconds"])
    if found["share"] is None:
        return f"not reached ({seconds})"
    ends = found["interval"]
    return f"{found['share']:.2f}" + (f" ({ends[0]:.2f} to {ends[1]:.2f})" if ends else "") + f": {seconds}"


def draw(result: dict[str, Any], directory: Path) -> None:
    """Draw the shares with their intervals."""
    rows = []
    for text in result["texts"]:
        for arm, found in text["arms"].items():
            if arm != STACK:
                share = found["time_of_stack"]
                low, high = share["interval"] or (None, None)
                rows.append(IntervalRow(arm, share["share"], low, high, group=text["text"]))
    draw_intervals(
        rows, directory / "time-to-loss.png", title="Time of the stack to the last loss of a tuned Transformer",
        x_label="share of the Transformer's time", reference=1.0, reference_label="as long",
    )  # fmt: skip
