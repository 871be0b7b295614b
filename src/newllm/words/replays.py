"""What replays show in the cells and lines of a table, the same on the terminal and on a page."""

from collections.abc import Mapping, Sequence
from typing import Any

from newllm.messages import Catalogue, Message, catalogue, message, quoted, read_message
from newllm.trace.verdict import Tried, Verdict
from newllm.words.labels import cause_label
from newllm.words.numbers import number, value
from newllm.words.plain import plain
from newllm.words.verdicts import change_of, checked, followed, still_in

_LONG = 2000  # characters of a sentence
_NAME = 60  # of a name
_DAMPENS = 0.25  # of a control spike: less is not said
_RANGE = 99.5  # percent: what is rounded to 100 need not be all


def loss(words: Catalogue, signal: str) -> str:
    """Return the name of a loss that was followed in words: "validation/unknown" is a class of targets."""
    return words.text(followed(signal))


def recorded_as(signal: str) -> str:
    """Return the name that a run's trace has for a loss that was followed; the training loss for the probe's."""
    name, slash, part = signal.partition("/")
    if name == "validation":
        return f"validation_loss{slash}{part}"
    return "loss" if name == "probe" else signal


def reproduction(words: Catalogue, verdict: Verdict) -> str:
    """Return what the unmodified replay gave."""
    about = verdict.reproduction
    if about.get("identical") is False:
        return words("exact-differs", difference=plain(words.text(difference(about.get("first_difference"))), _LONG))
    if about.get("identical") is None:
        return words("exact-unknown")
    tolerance = about.get("tolerance")
    return words(
        "exact-same",
        tolerance=None if tolerance is None else number(words, tolerance),
        steps=int(about.get("compared") or 0),
        weights=bool(about.get("weights")),
    )


def difference(first: Mapping[str, Any] | None) -> Message:
    """Return what differs first: what was written of it, or where it is and in what, to the last digit."""
    if not first:
        return message("difference-unknown")
    if first.get("sentence"):
        return read_message(first.get("message"), first["sentence"])
    found = [
        f"{plain(name, _NAME).replace('_', ' ')} {_exact(item)}" for name, item in first.items() if item is not None
    ]
    return quoted(", ".join(found))


def nulls(words: Catalogue, verdict: Verdict) -> str:
    """Return how often the original spikes with other chance; empty where that was not tried."""
    about, other = verdict.nulls, verdict.other_chance
    if not about.get("n"):
        return ""
    starts = [message("from_step", step=step) for step in about.get("starts") or []]
    places = {"places": len(starts), "starts": starts}
    depends = bool(about.get("depends_on_seed"))
    return words("other_chance", spiked=other.get("spiked"), n=other["n"], depends_on_seed=depends, **places)


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


def change(tried: Tried) -> Message:
    """Return what was changed and from where, a sentence: "The learning rate halved, from step 48."."""
    what = checked(change_of(tried), tried.change)
    return _whole(message("tried-change", change=what, start=tried.start), what)


def price(tried: Tried) -> Message:
    """Return what it costs if it is kept, a sentence."""
    what = checked(change_of(tried, "price"), tried.price)
    return _whole(message("tried-price", price=what), what)


def moved(words: Catalogue, tried: Tried) -> str:
    """Return what became of the signal that it aims at, a sentence; empty where it was not looked at."""
    about = tried.moved
    return words("tried-moved", moved=bool(about.get("moved")), **_moved(about)) if about else ""


def dampens(words: Catalogue, tried: Tried) -> str:
    """Return how much it takes from a spike that it has nothing to do with, a sentence; empty where that is little."""
    share = _dampening(tried.dampening)
    return "" if share is None else words("tried-dampens", share=share)


def left(words: Catalogue, tried: Tried) -> str:
    """Return on which other losses the spike is still there, a sentence; empty where it is on none."""
    still = still_in(tried)
    return words("tried-left", losses=still) if still else ""


def cause(words: Catalogue, verdict: Verdict) -> list[tuple[str, str]]:
    """Return what speaks for the cause that is named, each with its label."""
    about = verdict.cause or {}
    found = [(words("shown-by"), plain(about.get("intervention", "")))]
    moved, injected = about.get("moved"), about.get("planted")
    if moved:
        found.append((words("shown-moved"), words("shown-moved_to", **_moved(moved))))
    if about.get("rivals"):
        names = words("list").join(plain(name) for name in about["rivals"])
        found.append((words("shown-alternatives"), names))
    if about.get("explained"):
        names = words("list").join(plain(name) for name in about["explained"])
        found.append((words("shown-explained"), names))
    if injected:
        counted = {"spiked": injected.get("spiked"), "n": injected.get("n"), "without": injected.get("null_spiked")}
        found.append((words("shown-injected"), words("shown-injected_in", **counted, start=injected.get("start", 0))))
    return found


def suspects(words: Catalogue, items: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return what speaks for which cause."""
    return [(cause_label(words, str(item.get("name", ""))), _evidence(words, item)) for item in items]


def _evidence(words: Catalogue, item: Mapping[str, Any]) -> str:
    suspected = words(
        "suspected",
        intervention=plain(item.get("intervention", "")),
        outcome=str(item.get("class")).replace(" ", "-"),
        stage=item.get("stage"),
        moved=bool(item.get("moved")),
        injected=bool(item.get("planted_spikes")),
    )
    share = _dampening(item.get("dampening"))
    return suspected if share is None else words("suspected-dampens", suspected=suspected, share=share)


def _dampening(share: Any) -> float | None:
    return share if isinstance(share, float) and share >= _DAMPENS else None


def _moved(about: Mapping[str, Any]) -> dict[str, Any]:
    ratio = about.get("ratio")
    known = isinstance(ratio, int | float) and not isinstance(ratio, bool)
    return {"signal": plain(about.get("signal", "")), "ratio": ratio if known else None}


def _whole(sentence: Message, part: Message) -> Message:
    """Return a sentence; in English where there is only that of a part of it."""
    return quoted(str(sentence)) if part.id == "quoted" else sentence


def _exact(item: Any) -> str:
    """Return all digits: two numbers that differ in the last bit must not look the same."""
    if isinstance(item, float):
        return repr(item)
    return plain(item, _LONG) if isinstance(item, str) else value(catalogue("en"), item)


def _percent(share: float) -> str:
    percent = 100 * share
    if _RANGE <= percent < 100:
        return ">99"
    return f"{percent:,.0f}".replace("-0", "0") if abs(percent) < 0.5 else f"{percent:,.0f}"
