"""A verdict in tables: what each intervention did, with its interval drawn, and what speaks for which cause."""

from collections.abc import Sequence

from newllm.messages import Catalogue
from newllm.report.markup import Html, block, english, folded, joined, listed, pairs, safe, said_in, table, tag
from newllm.trace import Tried, Verdict
from newllm.words import replays
from newllm.words.numbers import duration
from newllm.words.plain import plain
from newllm.words.verdicts import change_of, checked, missing_of, not_tried_of

_LEFT, _RIGHT = -0.5, 1.5  # range that is drawn; what lies outside stops at its edge
_WIDE, _HIGH = 130, 16

_SIGNS = {
    "removes": ("✔", "good"), "reduces": ("▼", "note"), "delays": ("▶", "note"), "undecided": ("?", "muted"),
    "no effect": ("=", "muted"), "worsens": ("▲", "warning"), "stops learning": ("✖", "fault"),
}  # fmt: skip
_SUSPECTS = 8


def tables(verdict: Verdict, words: Catalogue) -> Html:
    """Return the confirmed interventions as a table, and those that were only screened as one to unfold."""
    confirmed = [one for one in verdict.interventions if one.stage == "confirmed"]
    screened = [one for one in verdict.interventions if one.stage == "screened"]
    parts = []
    if confirmed:
        parts += [tag("h4", words("replay-confirmed")), tag("p", words("replay-legend"), kind="muted")]
        parts += [_table(confirmed, words), _details(confirmed, words)]
    if screened:
        title = words("replay-screened", count=len(screened))
        parts.append(folded(title, _table(screened, words), open=not confirmed))
    return joined(parts)


def behind(verdict: Verdict, words: Catalogue) -> Html:
    """Return the cause with its evidence, or the suspects and what is missing; and what was not tried, and why."""
    suspects = pairs(replays.suspects(words, verdict.suspects[:_SUSPECTS]))
    missing = [said_in(words, one) for one in missing_of(verdict)]
    not_tried = pairs((english(words, _names(names)), said_in(words, why)) for why, names in not_tried_of(verdict))
    parts = [
        _cause(verdict, words),
        folded(words("replay-suspects"), suspects, open=not verdict.cause) if suspects else Html(),
        block(words("replay-missing"), listed(missing)),
        folded(words("replay-not_tried"), not_tried) if not_tried else Html(),
        tag("p", words("replay-took", time=duration(words, verdict.seconds)), kind="muted"),
    ]
    return joined(parts)


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(plain, names))


def _cause(verdict: Verdict, words: Catalogue) -> Html:
    if not verdict.cause:
        return Html()
    name = tag("strong", plain(verdict.cause.get("name", "")), kind="good")
    evidence = pairs(replays.cause(words, verdict))
    return tag("div", tag("h4", words("replay-cause"), " ", name), evidence, kind="cause")


def _table(tried: Sequence[Tried], words: Catalogue) -> Html:
    heads = [
        words("replay-head-change"), words("replay-head-class"), words("replay-head-effect"), "",
        words("replay-head-p"), words("replay-head-spiked"), words("replay-head-later"), words("replay-head-cost"),
        words("replay-head-from"),
    ]  # fmt: skip
    return table(heads, [_row(one, words) for one in tried], about=words("replay-confirmed"), text=(1, 3))


def _row(tried: Tried, words: Catalogue) -> list[object]:
    sign, mood = _SIGNS[tried.effect_class]
    outcome = tag("span", tag("span", sign, aria_hidden="true"), " ", words(f"outcome-{tried.effect_class}"), kind=mood)
    effect = " ".join(filter(None, (replays.effect(tried), replays.interval(tried))))
    drawn = interval_svg(tried.effect, tried.interval, mood)
    numbers = [replays.p(tried), replays.spiked(tried), replays.later(tried), replays.cost(tried), f"{tried.start:,}"]
    return [_named(tried, words), outcome, effect, drawn, *numbers]


def _named(tried: Tried, words: Catalogue) -> Html:
    """Return the name of a change; where the page is in another language than the name, with what it does under it."""
    if words.lang == "en":
        return safe(tried.name)
    return joined([tried.name, tag("small", said_in(words, checked(change_of(tried), tried.change)), kind="what")])


def _details(tried: Sequence[Tried], words: Catalogue) -> Html:
    """Return what was changed, what it moved and what it costs, for each that was confirmed."""
    about = [(plain(one.name), _in_full(one, words)) for one in tried]
    return folded(words("replay-details"), pairs(about), kind="wide")


def _in_full(tried: Tried, words: Catalogue) -> Html:
    change, price = said_in(words, replays.change(tried)), said_in(words, replays.price(tried))
    return joined(
        filter(
            None,
            (change, replays.moved(words, tried), replays.dampens(words, tried), replays.left(words, tried), price),
        ),
        words("between_sentences"),
    )


def interval_svg(effect: float | None, interval: tuple[float, float] | None, mood: str) -> Html:
    """Return an effect with its interval as a drawing: 0 at the left line, all gone at the right one; else empty.

    Args:
        effect: share that is gone: 1 all, 0 none.
        interval: its ends, None where it has none.
        mood: class of its colour.
    """
    if effect is None:
        return Html()
    middle = _HIGH / 2
    low, high = (_across(end) for end in interval or (effect, effect))
    return Html(
        f'<svg class="interval {mood}" width="{_WIDE}" height="{_HIGH}" viewBox="0 0 {_WIDE} {_HIGH}" '
        f'aria-hidden="true">'
        f'<path class="grid" d="M{_across(0):.1f},0V{_HIGH}"/><path class="axis" d="M{_across(1):.1f},0V{_HIGH}"/>'
        f'<path class="range" d="M{low:.1f},{middle}H{high:.1f}"/>'
        f'<circle cx="{_across(effect):.1f}" cy="{middle}" r="3.5"/></svg>'
    )


def _across(value: float) -> float:
    share = (min(_RIGHT, max(_LEFT, value)) - _LEFT) / (_RIGHT - _LEFT)
    return 4 + share * (_WIDE - 8)
