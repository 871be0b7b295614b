"""The verdict in three sentences that a person understands."""

from collections.abc import Mapping, Sequence
from typing import Any

from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.task import parts
from newllm.trace import Tried
from newllm.trace.verdict import HELPS


def sentences(
    spike: Mapping[str, Any],
    nulls: Mapping[str, Any],
    tried: Sequence[Tried],
    cause: Mapping[str, Any] | None,
    missing: Sequence[str],
) -> tuple[str, str, str]:
    """Return what happened and whether it comes back, which change does what, and what that says of the cause.

    Args:
        spike: as in `Verdict`.
        nulls: likewise.
        tried: what was tried, the best first.
        cause: as in `Verdict`.
        missing: likewise.
    """
    return _what(spike, nulls), _remedies(tried), _cause(tried, cause, missing)


def _what(spike: Mapping[str, Any], nulls: Mapping[str, Any]) -> str:
    again = f"{nulls['spiked']} of {nulls['n']} replays with other chance spike"
    end = f"and it {'depends on the seed' if nulls['depends_on_seed'] else 'comes back'}: {again}"
    signal = {"loss": "training loss", "validation": "validation loss"}.get(spike["signal"], spike["signal"])
    rise = f"from {spike['base']:.3g} by {spike['height']:.3g} nats" if spike["height"] is not None else "without end"
    return f"The {signal} leaves its trend at step {spike['onset']} ({rise}, worst at step {spike['peak']}), {end}."


def _remedies(tried: Sequence[Tried]) -> str:
    confirmed = [one for one in tried if one.stage == "confirmed"]
    removes = [one for one in confirmed if one.outcome == "removes" and one.p is not None and one.p < 0.05]
    if removes:
        best = removes[0]
        others = _also([one.name for one in removes[1:] if one.name != best.name])
        return (
            f"With {best.change} it is gone: no spike in {best.n} fresh replays (p {best.p:.2g}{_price(best)}){others}."
        )
    reduces = [one for one in confirmed if one.outcome in HELPS]
    if reduces:
        best = reduces[0]
        share = f"{best.effect:.0%} of its severity is gone" if best.effect is not None else best.outcome
        did = {"reduces": "it is smaller", "delays": "it comes later"}.get(best.outcome, "it is gone, unsurely")
        return f"Nothing removes it for sure; with {best.change} {did} ({share}, {best.n} fresh replays)."
    screened = [one.name for one in tried if one.outcome in ("removes", "reduces")]
    if screened:
        return f"Nothing is confirmed; in the screen, from which nothing can be claimed, {screened[0]} did best."
    return "Nothing that was tried takes it away." if tried else "No change was tried."


def _cause(tried: Sequence[Tried], cause: Mapping[str, Any] | None, missing: Sequence[str]) -> str:
    if cause is not None:
        hypothesis = INTERVENTIONS[parts(cause["intervention"])[0]].hypothesis.rstrip(".")
        planted = cause["planted"]
        return (
            f"The cause is {cause['name']} ({_lower(hypothesis)}): {len(cause['rivals'])} rival changes as strong "
            f"leave the spike, and planted into a healthy stretch it brings one about in {planted['spiked']} of "
            f"{planted['n']} replays."
        )
    if any(one.outcome == "removes" and one.stage == "confirmed" for one in tried):
        return f"That is a remedy and no proof of a cause yet. {missing[0]}" if missing else "No cause is shown."
    return f"No cause is shown. {missing[0]}" if missing else "No cause is shown."


def _price(one: Tried) -> str:
    if one.cost is None:
        return ""
    if abs(one.cost) < 0.01:
        return ", at no cost in loss"
    return f", {abs(one.cost):.2g} nats {'behind' if one.cost > 0 else 'ahead'} at equal steps"


def _also(names: Sequence[str]) -> str:
    names = list(dict.fromkeys(names))
    return f"; the same with {' and '.join(names)}" if names else ""


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
