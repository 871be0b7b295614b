"""Changes of weights and moments that the recorder saw, as findings."""

from collections.abc import Sequence

import numpy as np
import pytest

from newllm.diagnosis.detectors.changed_state import detect_changed_state
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Series, Trace


def found(length: int = 100, **signals: dict[int, float]) -> list[Finding]:
    """Return the findings of a run of so many steps, from changes by step."""
    made = {"loss": Series(np.arange(1, length + 1), np.linspace(3, 2, length))}
    for name, changes in signals.items():
        made[name.replace("__", "/")] = Series(np.array(list(changes)), np.array(list(changes.values())))
    return detect_changed_state(Trace(made), Facts())


def test_a_run_without_changes_has_none() -> None:
    assert found() == []


def test_the_first_change_is_told_with_all_that_changed_then() -> None:
    (finding,) = found(
        weights_changed__a={40: 2.0, 70: 1.0}, moments_changed__a={40: 3.0}, weights_changed__b={41: 1.0}
    )
    assert str(finding.sentence) == (
        "Before the update at step 40 something other than the optimizer changed at least 2 tensors of weights and 3 "
        "of the optimizer's moments (a); it happens 3 times in all"
    )
    assert (finding.kind, finding.severity) == ("changed-state", "warning")
    assert (finding.first_step, finding.last_step, finding.signal) == (40.0, 70.0, "loss")
    assert finding.evidence == {"count": 5, "layers": 1, "times": 3}
    assert finding.candidate_causes == ("changed-state",)


@pytest.mark.parametrize("steps", [(40, 41, 70), range(10, 101, 5)])
def test_what_is_watched_in_part_was_seen_so_often_and_may_have_happened_more(steps: Sequence[int]) -> None:
    often = dict.fromkeys(steps, 1.0)
    (finding,) = found(weights_changed__a=often, ledger_share={1: 1.0, 50: 0.25})
    regularly = "it happens regularly, and was seen" if len(steps) > 3 else "it was seen"
    assert str(finding.sentence).endswith(f"; {regularly} {len(often)} times")


def test_one_tensor_of_each_of_many_layers_is_told_shortly() -> None:
    (finding,) = found(100, **{f"frozen_changed__{name}": {7: 1.0} for name in "abcde"})
    said = "changed at least 5 tensors that are frozen (a, b, c and 2 more)"
    assert str(finding.sentence) == f"Before the update at step 7 something other than the optimizer {said}"


def test_an_evaluation_that_leaves_other_weights_in_is_an_alarm() -> None:
    """Though it happens regularly: an evaluation is to leave the model as it was."""
    evaluated = dict.fromkeys(range(10, 101, 10), 1.0)  # the last after the last update, so that nothing follows it
    changed = dict.fromkeys(range(11, 100, 10), 1.0)
    (finding,) = found(weights_changed__a=changed, validation_loss=evaluated)
    assert finding.severity == "warning"
    assert "it happens after every evaluation, 9 times in all" in str(finding.sentence)
    assert [one.id for one in finding.alternatives] == ["finding-changed-state.evaluation"]


def test_evaluations_that_leave_other_weights_in_since_an_average_began_are_an_alarm() -> None:
    changed, evaluated = range(51, 100, 10), range(10, 101, 10)
    (finding,) = found(weights_changed__a=dict.fromkeys(changed, 1.0), validation_loss=dict.fromkeys(evaluated, 1.0))
    assert finding.severity == "warning"
    assert "it happens after every evaluation from there on, 5 times in all" in str(finding.sentence)


@pytest.mark.parametrize(
    ("changed", "evaluated"),
    [
        (range(11, 100, 10), range(10, 101, 5)),  # after every second evaluation
        (range(6, 100, 5), range(10, 101, 10)),  # at other updates too
        (range(15, 100, 10), range(10, 101, 10)),  # not right after it
    ],
)
def test_what_is_regular_and_not_tied_to_evaluations_is_a_note(changed: range, evaluated: range) -> None:
    (finding,) = found(weights_changed__a=dict.fromkeys(changed, 1.0), validation_loss=dict.fromkeys(evaluated, 1.0))
    assert finding.severity == "note"
    assert "it happens regularly" in str(finding.sentence)


@pytest.mark.parametrize(
    ("steps", "regular"),
    [
        (range(10, 61, 10), True),  # six at equal distances
        (range(10, 51, 10), False),  # five: chance
        ([10, 20, 30, 40, 50, 61], False),
        ([*range(1, 12)], True),  # more than a tenth of the steps
        ([1, 3, 4, 8, 9, 20, 33, 34, 60, 70], False),  # a tenth
        ([1, 3, 4, 8, 9, 20, 33, 34, 60, 70, 71], True),
    ],
)
def test_what_happens_regularly_or_often_is_a_note(steps: range | list[int], regular: bool) -> None:
    (finding,) = found(weights_changed__a=dict.fromkeys(steps, 1.0))
    assert finding.severity == ("note" if regular else "warning")
    assert ("it happens regularly" in str(finding.sentence)) == regular


@pytest.mark.parametrize(
    ("signals", "length", "severity"),
    [
        ({"moments_changed__a": range(10, 100, 10)}, 100, "warning"),
        ({"moments_changed__a": range(10, 100, 10), "weights_changed__a": range(10, 100, 10)}, 100, "note"),
        ({"moments_changed__a": range(200, 2000, 200)}, 2000, "note"),  # it has an average by then
    ],
)
def test_an_optimizer_that_forgets_again_and_again_is_an_alarm(
    signals: dict[str, range], length: int, severity: str
) -> None:
    (finding,) = found(length, **{name: dict.fromkeys(steps, 1.0) for name, steps in signals.items()})
    assert finding.severity == severity
    assert finding.candidate_causes[0] == ("optimizer-reset" if severity == "warning" else "changed-state")


def test_a_trace_without_a_loss_has_no_signal_to_plot() -> None:
    trace = Trace({"weights_changed/a": Series(np.array([3]), np.array([1.0]))})
    (finding,) = detect_changed_state(trace, Facts())
    assert finding.signal is None


@pytest.mark.parametrize(("share", "told"), [(0.03, True), (1.0, False)])
def test_what_is_watched_in_turn_may_be_more(share: float, told: bool) -> None:
    loss = Series(np.arange(1, 101), np.linspace(2, 1, 100))
    one, ledger = Series(np.array([40]), np.array([1.0])), Series(np.array([1, 10]), np.array([1.0, share]))
    signals = {"loss": loss, "weights_changed/.": one, "ledger_share": ledger}
    (found,) = detect_changed_state(Trace(signals), Facts())
    assert "one tensor of weights (model)" in str(found.sentence)
    assert ("3 % of them there, so it may be all" in str(found.sentence)) is told


def norms(behind: Sequence[float]) -> Trace:
    """Return three layers whose norms grow, each in its own way, to step 100; and what they are at step 110."""
    sampled = np.arange(10, 101, 10)
    layers = [np.sqrt(sampled), 3 + sampled / 50, 9 - np.exp(-sampled / 40)]
    signals = {
        f"weight_norm/{at}": Series(np.append(sampled, 110), np.append(norm, last))
        for at, (norm, last) in enumerate(zip(layers, behind, strict=True))
    }
    signals["loss"] = Series(np.arange(1, 121), np.ones(120))
    signals["weights_changed/0"] = Series(np.array([104]), np.ones(1))
    return Trace(signals)


def test_a_state_of_before_is_known_by_the_norms_of_all_layers() -> None:
    (one,) = detect_changed_state(norms([np.sqrt(35), 3 + 0.7, 9 - np.exp(-35 / 40)]), Facts())
    assert "At step 110 the norms of all 3 layers are what they were at about step 35" in str(one.sentence)
    assert one.evidence["as_at_step"] == 35


@pytest.mark.parametrize(
    "behind",
    [
        [10.2, 5.1, 8.95],  # noise: larger than ever
        [np.sqrt(35), 3 + 1.6, 9 - np.exp(-60 / 40)],  # a clamp: each as at another step
        [np.sqrt(95), 3 + 1.9, 9 - np.exp(-95 / 40)],  # not long ago: it may have stood still
    ],
)
def test_other_changes_are_as_at_no_step_of_before(behind: Sequence[float]) -> None:
    (one,) = detect_changed_state(norms(behind), Facts())
    assert "as_at_step" not in one.evidence
