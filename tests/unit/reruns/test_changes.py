"""What is changed of a program that is run again."""

import numpy as np
import pytest

from newllm.messages import quoted
from newllm.reruns.changes import CLEAR, INJECT, SIFT, SKIP, SKIP_ONE, STATE, Change, changes_of, injection_of, named_by
from newllm.reruns.rise import Rise
from newllm.trace import Cause, Finding, Series, Trace

STEPS = np.arange(1, 201)
RISE = Rise("spike", 151, 171)
STATE_CHANGED = Finding(kind="changed-state", severity="warning", sentence=quoted("x"))


def trace(**signals: np.ndarray) -> Trace:
    return Trace({name: Series(STEPS, values) for name, values in signals.items()})


def setting(before: float, within: float, first: int = 150, last: int = 152) -> np.ndarray:
    values = np.full(200, before)
    values[first - 1 : last] = within
    return values


def held(of: Trace) -> list[Change]:
    return [one for one in changes_of(of, [], RISE, 171) if one.kind == "hold"]


@pytest.mark.parametrize(("before", "within"), [(0.01, 1.0), (0.01, 0.0001), (0.0, 0.5)])
def test_a_setting_that_moves_near_the_rise_is_held(before, within):
    (found,) = held(trace(learning_rate=setting(before, within)))
    assert (found.name, found.settings, found.first, found.last) == ("hold-learning-rate", ("lr",), 150, 171)
    assert (found.before, found.within, found.moved, found.tells) == (before, within, 3, True)


def test_a_move_that_was_taken_back_or_not_is_told_by_its_steps():
    steps = [(101, 0.5), (140, 0.6), (150, 0.9)]
    values = np.full(200, 0.2)
    for step, value in steps:
        values[step - 1 :] = value
    found = held(trace(weight_decay=values))
    assert [(one.first, one.before, one.within) for one in found] == [(101, 0.2, 0.9), (150, 0.6, 0.9)]
    glitches = setting(0.01, 1.0, 110, 112) + setting(0.0, 0.5, 130, 135)
    found = held(trace(learning_rate=glitches))
    assert [(one.first, one.moved) for one in found] == [(110, 3), (130, 6)]


def test_a_glitch_is_held_within_a_schedule_that_warms_up_and_goes_down_meanwhile():
    values = 2e-3 * np.where(STEPS <= 20, STEPS / 20, (1 + np.cos(np.pi * (STEPS - 20) / 180)) / 2)
    (glitch,) = held(trace(learning_rate=np.where((STEPS >= 130) & (STEPS < 136), 0.1, values)))
    assert (glitch.first, glitch.before, glitch.within, glitch.moved) == (130, values[128], 0.1, 6)


def test_a_schedule_that_restarts_higher_than_ever_is_held_at_its_highest():
    values = np.concatenate([0.1 * np.linspace(1, 1e-3, 148), np.full(52, 0.8)])
    *_, found = [one for one in changes_of(trace(learning_rate=values), [], RISE, 171) if one.kind == "cap"]
    assert (found.name, found.first, found.before, found.within) == ("hold-learning-rate", 149, 0.1, 0.8)


@pytest.mark.parametrize("values", [
    setting(0.01, 0.011), setting(0.01, 1.0, 60, 70), setting(0.01, 1.0, 180, 190), np.linspace(0.1, 0.09, 200),
])  # fmt: skip
def test_one_that_stands_or_moves_elsewhere_is_not(values):
    assert held(trace(learning_rate=values)) == []


def test_momentum_is_held_as_each_optimizer_calls_it():
    (found,) = held(trace(momentum=setting(0.9, 0.99)))
    assert found.settings == ("momentum", "betas")
    assert held(trace(weight_decay=setting(0.1, 1.0)))[0].settings == ("weight_decay",)


def test_what_would_name_a_cause_comes_first():
    of = trace(learning_rate=setting(0.01, 1.0), gradient_norm=np.full(200, 2.0))
    names = [one.name for one in changes_of(of, [], RISE, 171)]
    assert names == ["hold-learning-rate", SKIP, SKIP_ONE, SKIP_ONE, "clip-gradients", "half-learning-rate", STATE]
    seen = changes_of(of, [STATE_CHANGED], RISE, 171)
    assert [one.name for one in seen][:3] == ["hold-learning-rate", STATE, SKIP]
    # Where nothing was seen, others may write to the weights on purpose all the time: undoing that tells nothing.
    assert [one.tells for one in seen if one.name == STATE] == [True]
    assert [one.tells for one in changes_of(of, [], RISE, 171) if one.name == STATE] == [False]
    assert [one.first for one in seen if one.name == SKIP_ONE] == [151, 150]
    assert [one.norm for one in seen if one.kind == "clip"] == [2.0]
    assert "clip-gradients" not in [one.name for one in changes_of(trace(), [], RISE, 171)]


@pytest.mark.parametrize(("first", "expected"), [(150, [146]), (120, [119]), (1, [1]), (172, [])])
def test_gradients_that_were_carried_over_are_cleared_from_there_on(first, expected):
    carried = Finding(kind="gradient-carried", severity="warning", sentence=quoted("x"), first_step=first)
    found = [one for one in changes_of(trace(), [carried], RISE, 171) if one.name == CLEAR]
    assert [one.first for one in found] == expected
    assert all((one.kind, one.last, one.tells) == ("clear", 171, True) for one in found)


def test_the_same_change_is_made_where_nothing_was_wrong():
    (found,) = held(trace(learning_rate=setting(0.01, 1.0)))
    injected = injection_of(found, RISE)
    assert injected is not None
    assert (injected.name, injected.kind, injected.factor) == (INJECT, "scale", pytest.approx(100))
    assert injected.last - injected.first + 1 == found.moved
    assert 15 < injected.first < injected.last < found.first
    assert injection_of(held(trace(weight_decay=setting(0.1, 1.0)))[0], RISE) is None
    assert injection_of(held(trace(learning_rate=setting(0.0, 1.0)))[0], RISE) is None
    assert injection_of(found, Rise("spike", 20, 40)) is None  # there is no healthy stretch before


def test_a_change_is_read_as_it_was_written():
    (found,) = held(trace(learning_rate=setting(0.01, 1.0)))
    for one in (found, injection_of(found, RISE)):
        assert one is not None
        assert Change.from_dict(one.as_dict()) == one


BROKEN = Rise("not-finite", 151, 171)


def of_gradient(*broken: int, value: float = np.nan) -> Trace:
    norms = np.full(200, 2.0)
    norms[[one - 1 for one in (*broken, *range(151, 201))]] = value
    return trace(gradient_norm=norms)


def sifted(of: Trace, cause: str = "numerics-in-loss", rise: Rise = BROKEN) -> list[tuple[int, bool]]:
    causes = (Cause(cause, 0.5),)
    seen = Finding(kind="not-finite", severity="fault", sentence=quoted("x"), first_step=151, causes=causes)
    found = [one for one in changes_of(of, [seen], rise, 171) if one.name == SIFT]
    assert all((one.kind, one.last) == ("sift", 171) for one in found)
    return [(one.first, one.tells) for one in found]


def test_updates_by_gradients_that_are_not_finite_are_left_out_where_they_came_before_the_loss():
    assert sifted(of_gradient(150)) == [(150, True)]
    assert sifted(of_gradient(148, 150, value=np.inf)) == [(148, True)]
    assert sifted(of_gradient()) == []  # each gradient before was finite: leaving out those after it saves nothing
    assert sifted(of_gradient(150), rise=RISE) == []
    # What was not recorded may have been, and shows no cause.
    assert sifted(trace(learning_rate=np.ones(200))) == [(146, False)]


def test_of_a_loss_that_grew_beyond_all_measure_they_are_no_cause():
    assert sifted(of_gradient(150), "learning-rate") == [(150, False)]


def test_of_a_loss_that_is_not_finite_no_update_is_left_out_that_comes_behind_it():
    found = changes_of(of_gradient(150), [], BROKEN, 171)
    assert [one.first for one in found if one.name == SKIP_ONE] == [150, 149]
    assert [one.name for one in found][:2] == [SIFT, SKIP]


def point(kind: str, first: float, last: float | None = None, **known: object) -> Finding:
    return Finding(**{  # type: ignore[arg-type]
        "kind": kind, "severity": "warning", "sentence": quoted(kind), "first_step": first, "last_step": last, **known
    })  # fmt: skip


@pytest.mark.parametrize(("change", "found", "is_same"), [
    (Change(STATE, "keep-state", 146, 171), point("changed-state", 151), True),
    (Change(STATE, "keep-state", 146, 171), point("changed-state", 31, 190), True),
    (Change(STATE, "keep-state", 146, 171), point("changed-state", 31, 91), False),  # it was over long before
    (Change(STATE, "keep-state", 146, 171), point("changed-state", 168), False),  # it began within the rise
    (Change(STATE, "keep-state", 146, 171), point("changed-state", 151, severity="note"), False),
    (Change(STATE, "keep-state", 146, 171), point("changed-inputs", 151), False),
    (Change(CLEAR, "clear", 146, 171), point("gradient-carried", 150, 200), True),
    (Change("hold-learning-rate", "hold", 140, 171, ("lr",)), point("jump", 140, signal="learning_rate"), True),
    (Change("hold-learning-rate", "hold", 140, 171, ("lr",)), point("jump", 1, signal="learning_rate"), False),
    (Change("hold-weight-decay", "hold", 140, 171, ("weight_decay",)), point("j", 140, signal="learning_rate"), False),
    (Change(SKIP_ONE, "skip", 150, 150), point("outlier-batch", 150), True),
    (Change(SKIP_ONE, "skip", 150, 150), point("outlier-batch", 151), False),
    (Change(SKIP, "skip", 146, 171), point("outlier-batch", 151), False),
])  # fmt: skip
def test_a_finding_of_the_same_thing_at_the_same_place_is_named(change, found, is_same):
    assert named_by(change, [found], RISE) == (found.sentence if is_same else None)


def test_the_doctors_own_cause_of_a_loss_that_is_not_finite_is_named_beside_its_change():
    sifting = Change(SIFT, "sift", 150, 171)
    for name, said in (("numerics-in-loss", quoted("why")), ("fp16-overflow", None)):
        own = point("not-finite", 151, causes=(Cause(name, 0.5, quoted("why")),))
        assert named_by(sifting, [own], BROKEN) == said
