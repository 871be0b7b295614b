"""An effect with its interval as a small drawing in a table: 0 at the left line, all gone at the right one."""

from newllm.report.markup import Html

_LEFT, _RIGHT = -0.5, 1.5  # range that is drawn; what lies outside stops at its edge
_WIDE, _HIGH = 130, 16


def interval_svg(effect: float | None, interval: tuple[float, float] | None, mood: str) -> Html:
    """Return the drawing, which the numbers beside it say in words; empty without an effect.

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
