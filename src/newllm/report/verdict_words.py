"""What is said of a verdict in words and numbers, the same on the terminal and on a page."""

from collections.abc import Mapping, Sequence
from typing import Any

from newllm.report import words
from newllm.report.plain import plain
from newllm.trace.verdict import Tried, Verdict

_LONG = 2000  # characters of a sentence
_DID = {"removes": "removes it", "reduces": "reduces it", "delays": "delays it", "no effect": "has no effect"}
_RANGE = 99.5  # percent: what is rounded to 100 need not be all


def loss(signal: str) -> str:
    """Return the name of a loss that was followed in words: "validation/unknown" is a class of targets."""
    name, _, part = plain(signal).partition("/")
    words_of = {"loss": "the training loss", "probe": "the probe loss", "validation": "the validation loss"}
    return words_of.get(name, name) + (f" of {part} tokens" if part else "")


def recorded_as(signal: str) -> str:
    """Return the name that a run's trace has for a loss that was followed; the training loss for the probe's."""
    name, slash, part = signal.partition("/")
    if name == "validation":
        return f"validation_loss{slash}{part}"
    return "loss" if name == "probe" else signal


def null(verdict: Verdict) -> str:
    """Return what the unmodified replay gave."""
    about = verdict.null
    if about.get("identical") is False:
        return f"differs from the run: {difference(about.get('first_difference'))}"
    if about.get("identical") is None:
        return "there was nothing to compare it with"
    over = f" over {words.count(int(about['compared']), 'step')}" if about.get("compared") else ""
    tolerance = about.get("tolerance")
    how = "identical to the bit" if tolerance is None else f"the same within {words.number(tolerance)}"
    weights = "weights too" if about.get("weights") else "losses alone: no later weights were kept"
    return f"{how}{over}, {weights}"


def difference(first: Mapping[str, Any] | None) -> str:
    """Return what differs first: the sentence that was written of it, or where it is and in what, to the last digit."""
    if not first:
        return "it is not known where"
    if first.get("sentence"):
        return plain(first["sentence"], _LONG)
    return ", ".join(f"{words.label(name)} {_exact(item)}" for name, item in first.items() if item is not None)


def nulls(verdict: Verdict) -> str:
    """Return how often the original spikes with other chance; empty where that was not tried."""
    about = verdict.nulls
    if not about.get("n"):
        return ""
    starts = about.get("starts") or []
    places = f", from {' and '.join(start(step) for step in starts)}" if starts else ""
    said = f"{words.value(about.get('spiked'))} of {words.value(about['n'])} spike with other chance{places}"
    return f"{said}: it depends on the seed, so shares are compared" if about.get("depends_on_seed") else said


def effect(tried: Tried) -> str:
    """Return the share of the severity that is gone, "98 %"."""
    return "-" if tried.effect is None else f"{_percent(tried.effect)} %"


def interval(tried: Tried) -> str:
    """Return the effect's 95 % interval in percent, empty without one."""
    return "" if tried.interval is None else "[" + ", ".join(_percent(end) for end in tried.interval) + "]"


def p(tried: Tried) -> str:
    """Return p in three decimals."""
    if tried.p is None:
        return "-"
    return "<0.001" if tried.p < 0.0005 else f"{tried.p:.3f}"


def spiked(tried: Tried) -> str:
    """Return how many replays spiked: "0/8"."""
    return f"{tried.spiked}/{tried.n}"


def later(tried: Tried) -> str:
    """Return how many times as late it spikes."""
    return "-" if tried.later is None else f"x{tried.later:.2f}"


def cost(tried: Tried) -> str:
    """Return what it costs in nats, with its sign."""
    if tried.cost is None:
        return "-"
    if abs(tried.cost) < 0.005:
        return "0.00"
    return f"{tried.cost:+.2f}" if abs(tried.cost) < 100 else f"{tried.cost:+.3g}"


def start(step: int) -> str:
    """Return where a replay began."""
    return f"step {step:,}"


def change(tried: Tried) -> str:
    """Return what was changed and from where, a sentence: "The learning rate halved, from step 48."."""
    what = plain(tried.change, _LONG)
    return f"{what[:1].upper()}{what[1:]}, from {start(tried.start)}."


def price(tried: Tried) -> str:
    """Return what it costs if it is kept, a sentence."""
    what = plain(tried.price, _LONG)
    return f"If kept: {what[:1].lower()}{what[1:]}"


def moved(tried: Tried) -> str:
    """Return what became of the signal that it aims at, a sentence; empty where it was not looked at."""
    about = tried.moved
    if not about:
        return ""
    name, ratio = words.label(about.get("signal", "")), about.get("ratio")
    times = f", to {ratio:.3g} times that of the null" if ratio is not None else ""
    return f"It {'moved' if about.get('moved') else 'did not move'} what it aims at, {name}{times}."


def left(tried: Tried) -> str:
    """Return on which other losses the spike is still there, a sentence; empty where it is on none."""
    still = [
        f"{loss(name)} ({words.value(about.get('spiked'))} of {tried.n})"
        for name, about in tried.signals.items()
        if tried.spiked == 0 and about.get("spiked") and about.get("null_spiked")
    ]
    return f"Still in {', '.join(still)}." if still else ""


def not_tried(verdict: Verdict) -> list[tuple[str, str]]:
    """Return reasons with the names that share each, in their order."""
    by_reason: dict[str, list[str]] = {}
    for name, why in verdict.not_tried.items():
        by_reason.setdefault(plain(why, _LONG), []).append(plain(name))
    return [(reason, ", ".join(names)) for reason, names in by_reason.items()]


def cause(verdict: Verdict) -> list[tuple[str, str]]:
    """Return what speaks for the cause that is named: the three things that it must show, each with its label."""
    about = verdict.cause or {}
    found = [("taken away by", plain(about.get("intervention", "")))]
    moved, planted = about.get("moved"), about.get("planted")
    if moved:
        ratio = f" to {moved['ratio']:.3g} times that of the null" if moved.get("ratio") is not None else ""
        found.append(("it moved", f"{words.label(moved.get('signal', ''))}{ratio}"))
    if about.get("rivals"):
        found.append(("rivals that left it", ", ".join(plain(name) for name in about["rivals"])))
    if planted:
        without = f"{words.value(planted.get('null_spiked'))} without it"
        said = f"{words.value(planted.get('spiked'))} of {words.value(planted.get('n'))} replays spike, {without}"
        found.append(("planted", f"{said}, in healthy replays from {start(int(planted.get('start', 0)))}"))
    return found


def suspects(items: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return what speaks for which cause."""
    return [(plain(item.get("name", "")), _evidence(item)) for item in items]


def _evidence(item: Mapping[str, Any]) -> str:
    stage = " in the screen only" if item.get("stage") == "screened" else ""
    parts = [
        f"{plain(item.get('intervention', ''))} {_DID.get(str(item.get('class')), 'leaves it undecided')}{stage}",
        "moved its signal" if item.get("moved") else "did not move its signal",
        "planted, it brings a spike about" if item.get("planted_spikes") else "",
    ]
    return "; ".join(part for part in parts if part)


def seconds(value: float) -> str:
    """Return a time: "48 s", "4 min 50 s"."""
    whole = round(value)
    return f"{whole} s" if whole < 100 else f"{whole // 60} min {whole % 60} s"


def _said(item: Any) -> str:
    return plain(item, _LONG) if isinstance(item, str) else words.value(item)


def _exact(item: Any) -> str:
    """Return all digits: two numbers that differ in the last bit must not look the same."""
    return repr(item) if isinstance(item, float) else _said(item)


def _percent(share: float) -> str:
    percent = 100 * share
    if _RANGE <= percent < 100:
        return ">99"
    return f"{percent:,.0f}".replace("-0", "0") if abs(percent) < 0.5 else f"{percent:,.0f}"
