"""What replays show, as messages: what a change is, a verdict's three sentences, and what is missing for a cause.

From a verdict's plain data alone, so that any language can say it.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Literal

from newllm.diagnosis.layers import and_more
from newllm.messages import Catalogue, Message, catalogue, message, quoted, read_message
from newllm.trace.verdict import HELPS, TOGETHER, Tried, Verdict
from newllm.words.plain import plain

_NO_COST = 0.01  # nats
_LONG = 2000  # characters of a sentence
_LARGEST = 300  # nats: what is more is no excess of a loss
_SMALLER = 0.5  # of the severity: then it is said how severe what is left is
Part = Literal["what", "hypothesis", "price"]


def change(part: Part, names: Sequence[str], values: Mapping[str, Mapping[str, float]]) -> Message:
    """Return what interventions do ("what"), what is true if that removes the spike, or what it costs to keep it.

    Args:
        part: which of the three.
        names: of one intervention, or of two that are made together.
        values: the numbers in their words, by name.
    """
    said = [message(f"change-{name}.{part}", **values.get(name, {})) for name in names]
    return said[0] if len(said) == 1 else message(f"changes.{part}", first=said[0], second=said[1])


def change_of(tried: Tried, part: Part = "what") -> Message:
    """Return the words of what was tried."""
    return change(part, tried.names, tried.values)


def followed(signal: str) -> Message:
    """Return what a loss that was followed is called: "validation/unknown" is a class of targets."""
    name, _, part = plain(signal).partition("/")
    known = message(f"followed-{name}") if f"followed-{name}" in catalogue("en") else quoted(name)
    return message("followed_of", **{"loss": known, "class": part}) if part else known


def still_in(tried: Tried) -> list[Message]:
    """Return on which other losses the spike is still there, where it is gone from the one that decides."""
    return [
        _left_in(name, about, tried.n)
        for name, about in tried.signals.items()
        if tried.spiked == 0 and about.get("spiked") and about.get("null_spiked")
    ]


def _left_in(name: str, about: Mapping[str, Any], n: int) -> Message:
    """Return in how many of n replays a loss still spikes, and how severely where that is much less than before."""
    severity, before = about.get("severity"), about.get("null")
    said = {"loss": followed(name), "spiked": about.get("spiked"), "n": n}
    if severity is None or not before or severity > _SMALLER * before:
        return message("tried-left_in", **said)
    return message("tried-left_smaller", **said, share=severity / before)


def _without(tried: Tried, decided: str) -> list[Message]:
    """Return the losses that are free of the spike: the one that decides, and the validation loss where it is too."""
    validation = tried.signals.get("validation", {})
    is_free = decided == "loss" and validation.get("spiked") == 0 and validation.get("null_spiked")
    return [followed(name) for name in (decided, *(["validation"] if is_free else []))]


def in_english(verdict: Verdict) -> Verdict:
    """Return a verdict with everything that it says: from what is missing, and why what was not tried was not."""
    said = dataclasses.replace(verdict.messages, sentences=tuple(filter(None, compose(verdict))))
    return dataclasses.replace(
        verdict,
        sentences=tuple(map(str, said.sentences)),
        missing=tuple(map(str, said.missing)),
        not_tried={name: str(why) for name, why in said.not_tried.items()},
        messages=said,
    )


def checked(said: Message | None, text: str) -> Message:
    """Return the message if its English equals the stored text, else the stored text, quoted."""
    return quoted(text) if said is None else read_message(said.as_dict(), text)


def sentences_of(verdict: Verdict) -> list[Message]:
    """Return the sentences of a verdict; those that an earlier newllm wrote otherwise, in its English.

    They are composed again from the numbers; `messages.sentences` is for other readers of verdict.json.
    """
    said = compose(verdict)
    return [checked(one, text) for one, text in zip(said, verdict.sentences[_ahead(verdict, said) :], strict=False)]


def replays_show(words: Catalogue, verdict: Verdict | None) -> str:
    """Return in a line what replays of a run show of a cause, empty without a verdict."""
    said = sentences_of(verdict) if verdict is not None else []
    if verdict is None or not said:
        return ""
    tells = said[-1] if verdict.identical and verdict.changed_state is None else said[0]  # the rest is what to mend
    return words("replays_show", sentence=plain(words.text(tells), _LONG))


def recorded_of(verdict: Verdict) -> list[Message]:
    """Return how the training of a loop compares with its recording, which stands ahead of the sentences; likewise."""
    ahead = _ahead(verdict, compose(verdict))
    pairs = zip_longest(verdict.messages.sentences[:ahead], verdict.sentences[:ahead])
    return [checked(one, text or "") for one, text in pairs]


def _ahead(verdict: Verdict, said: Sequence[Message | None]) -> int:
    return 0 if verdict.recorded is None else max(0, len(verdict.sentences) - len(said))


def missing_of(verdict: Verdict) -> list[Message]:
    """Return what is missing for a cause and stands in none of the sentences, likewise."""
    lacks = zip_longest(verdict.messages.missing[: len(verdict.missing)], verdict.missing)
    return [checked(one, text) for one, text in lacks if not any(text in sentence for sentence in verdict.sentences)]


def not_tried_of(verdict: Verdict) -> list[tuple[Message, list[str]]]:
    """Return why what was not tried was not, likewise, each reason once with the names that share it."""
    by_reason: dict[str, list[str]] = {}
    for name, why in verdict.not_tried.items():
        by_reason.setdefault(str(why), []).append(name)
    as_data = verdict.messages.not_tried
    return [(checked(as_data.get(names[0]), why), names) for why, names in by_reason.items()]


def compose(verdict: Verdict) -> tuple[Message | None, ...]:
    """Return what happened and whether it comes back, which change does what, and what that says of the cause.

    None stands for a sentence of which an earlier newllm wrote the English alone.
    """
    if verdict.changed_state is not None:
        return _state_changed(verdict, verdict.changed_state)
    if not verdict.identical:
        first = verdict.reproduction.get("first_difference") or {}
        where = message("differs-where", step=first.get("step"), parameter=first.get("parameter"))
        return where, message("differs-so"), _fix(first, exact=verdict.reproduction.get("tolerance") is None)
    return (
        _happened(verdict),
        _helps(verdict.interventions, str(verdict.spike.get("decides") or verdict.spike.get("signal"))),
        _cause(verdict),
    )


def _fix(first: Mapping[str, Any], *, exact: bool) -> Message:
    """Return what to mend where the unmodified replay is another one: by what two replays of the same state show."""
    if not exact or first.get("replays_differ") is None or "batches_differ" not in first:
        return message("differs-fix")  # two replays agree, differ by rounding, or an earlier newllm wrote it
    if first["batches_differ"]:
        return message("differs-fix_batch")
    if generator := first.get("random_state"):
        return message("differs-fix_chance", generator=str(generator))
    return message("differs-fix_kept")


def _state_changed(verdict: Verdict, about: Mapping[str, Any]) -> tuple[Message, Message, Message]:
    """Return that something outside the training changed the run's state, what shows it, and where to look."""
    parts, resumed = about.get("parts") or {}, about.get("resumed") or {}
    what = [message(f"changed-state-{part}", layers=and_more(list(layers))) for part, layers in sorted(parts.items())]
    return (
        message("changed-state-where", first=about.get("first"), last=about.get("last"), parts=len(what), what=what),
        message(
            "changed-state-shown",
            first=about.get("first"),
            exact=verdict.reproduction.get("tolerance") is None,
            recorded=bool(about.get("recorded")),
            resumed=bool(resumed),
            start=resumed.get("from"),
            end=resumed.get("to"),
            differing=0 if what else len(about.get("tensors") or ()),
            tensors=list(about.get("tensors") or ()),
        ),
        message("changed-state-fix", first=about.get("first"), before=bool(about.get("before_onset"))),
    )


def _happened(verdict: Verdict) -> Message:
    spike, other, nulls = verdict.spike, verdict.other_chance, verdict.nulls
    unseen = {}
    if nulls.get("seen") is False:  # in times of the level before it
        unseen = {"times": _times(nulls.get("peak")), "limit": _times(nulls.get("limit"))}
    said = message(
        "happened-unseen" if unseen else "happened",
        signal=str(spike.get("signal")),
        onset=spike.get("onset"),
        peak=spike.get("peak"),
        base=_number(spike.get("base")),
        height=None if spike.get("height") is None else _number(spike["height"]),
        depends_on_seed=bool(nulls.get("depends_on_seed")),
        spiked=other.get("spiked"),
        n=other.get("n"),
        **unseen,
    )
    decides = spike.get("decides") or spike.get("signal")
    if decides == spike.get("signal"):
        return said
    return message("happened-decided", said=said, by=followed(str(decides)))


def _helps(tried: Sequence[Tried], signal: str) -> Message:
    """Return which change does what.

    Args:
        tried: what was changed.
        signal: the loss that decides.
    """
    confirmed = [one for one in tried if one.stage == "confirmed"]
    removes = [one for one in tried if one.is_remedy]
    if removes:
        best = removes[0]
        decided = signal if signal in best.signals else "loss"
        others = list(dict.fromkeys(one.name for one in removes[1:] if one.name != best.name))
        loss = {"loss": _loss(best.cost), "nats": abs(best.cost or 0.0)}
        more = {"more": len(others), "others": others}
        left = still_in(best)
        where = {"stays": len(left), "decided": _without(best, decided), "left": left}
        return message("helps-removes", change=change_of(best), n=best.n, p=best.p, **loss, **where, **more)
    helps = [one for one in confirmed if one.effect_class in HELPS]
    if helps:
        best = helps[0]
        what = change_of(best)
        return message("helps-unsure", change=what, outcome=best.effect_class, effect=best.effect, n=best.n)
    screened = [one.name for one in tried if one.effect_class in ("removes", "reduces")]
    if screened:
        return message("helps-screened", name=screened[0])
    return message("helps-nothing" if tried else "helps-untried")


def _cause(verdict: Verdict) -> Message | None:
    cause, missing = verdict.cause, verdict.messages.missing
    if cause is not None:
        return _named_cause(cause, verdict.interventions)
    if verdict.missing and not missing:  # an earlier newllm wrote what is missing in English only
        return None
    if not missing:
        return message("cause-none")
    removes = any(one.is_remedy for one in verdict.interventions)
    said = message("cause-remedy" if removes else "cause-open", missing=missing[0])
    # An earlier newllm, which did not know whether the spike is seen, left the suspect to the tables.
    suspect = verdict.suspects[0] if verdict.suspects and "seen" in verdict.nulls else None
    return said if suspect is None else message("cause-suspect", said=said, name=str(suspect.get("name")))


def _named_cause(cause: Mapping[str, Any], tried: Sequence[Tried]) -> Message:
    by, injected = str(cause.get("intervention")), cause.get("planted") or {}
    values = next((one.values for one in tried if one.name == by), {})
    rivals = list(cause.get("rivals") or ())
    once = sum(one.name in rivals and one.stage == "screened" and one.n == 1 for one in tried)
    said = message(
        "cause-shown_counted" if "batches" in cause else "cause-shown",  # an earlier newllm said nothing of either
        name=str(cause.get("name")),
        hypothesis=change("hypothesis", by.split(TOGETHER)[:1], values),
        alternatives=len(rivals),
        spiked=injected.get("spiked"),
        n=injected.get("n"),
        **({"once": "all" if once == len(rivals) else once} if "batches" in cause else {}),
    )
    if batches := cause.get("batches"):
        known = {name: _number(batches.get(name)) for name in ("first", "last", "count", "step")}
        said = message("cause-batches", said=said, **known)
    explained, why = cause.get("explained"), cause.get("explained_by")
    if not explained:  # an earlier newllm named no cause in spite of one
        return said
    if why is None:
        return message("cause-explained", said=said, names=list(explained))
    return message("cause-explained_why", said=said, names=list(explained), why=str(why))


def _loss(cost: float | None) -> str:
    """Return how a remedy's loss is beside the unmodified one's at equal steps."""
    if cost is None:
        return "unknown"
    if abs(cost) < _NO_COST:
        return "same"
    return "behind" if cost > 0 else "ahead"


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else "?"


def _times(value: Any) -> Any:
    """Return what a difference of logarithms is as a ratio; of a damaged file "?"."""
    known = _number(value)
    return math.exp(known) if isinstance(known, int | float) and abs(known) < _LARGEST else "?"
