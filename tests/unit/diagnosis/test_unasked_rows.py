"""Texts without a target, and the axis that layers with an output at each position take for time."""

from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Series, Trace

STEPS, SAMPLED = np.arange(1, 401), np.arange(10, 401, 10)


def found(**signals: Any) -> dict[str, Finding]:
    sampled = {"rows_unasked", "cross_entropy", "positions_as_time"}
    trace = {"loss": Series(STEPS, np.linspace(3.0, 0.5, 400))}
    for name, value in signals.items():
        steps = SAMPLED if name in sampled else STEPS
        trace[name] = Series(steps, np.broadcast_to(value, steps.shape).astype(float))
    return {one.kind: one for one in diagnose(Trace(trace, "step"), Facts(origin="record"))}


def test_texts_that_lose_their_targets_are_told_from_there_on() -> None:
    finding = found(rows_unasked=np.where(SAMPLED < 250, 0.02, 0.75), cross_entropy=1.0)["unasked-rows"]
    assert (finding.severity, finding.first_step, finding.supported_causes) == ("warning", 250.0, ("loss-definition",))
    assert "From step 250 on 75 % of the texts of an update have no target at all" in str(finding.sentence)
    assert "(before, 2 %)" in str(finding.sentence)


def test_all_but_one_from_the_first_update_to_the_last_may_be_places_and_no_texts() -> None:
    noted = found(rows_unasked=0.75, cross_entropy=1.0)["unasked-rows"]
    assert noted.severity == "note"
    assert "whose first axis is time" in str(noted.alternatives[-1])
    assert found(rows_unasked=0.7, cross_entropy=1.0)["unasked-rows"].severity == "warning"
    assert found(rows_unasked=1.0, cross_entropy=1.0)["unasked-rows"].severity == "warning"


@pytest.mark.parametrize(
    ("unasked", "form"),
    [
        (0.05, 1.0),  # masked by chance
        (np.where(SAMPLED < 250, 0.75, 0.0), 1.0),  # a phase that is over
        (0.75, 0.0),  # a policy's, without an advantage
    ],
)
def test_of_others_nothing_is_said(unasked: Any, form: float) -> None:
    assert "unasked-rows" not in found(rows_unasked=unasked, cross_entropy=form)


@pytest.mark.parametrize(
    ("seen", "again", "is_found"),
    [
        (np.minimum(STEPS / 200, 1), {}, True),  # examples that come again, among others
        (0.0, {}, False),  # new rows each time, or moments of texts that are given as time first
        (STEPS > 1, {"batch_again": 2.0}, False),  # a few batches, over and over
    ],
)
def test_rows_that_come_again_tell_which_axis_is_the_batch(seen: Any, again: dict[str, float], is_found: bool) -> None:
    findings = found(positions_as_time=1.0, rows_seen=seen, **again)
    assert ("batch-as-time" in findings) is is_found


@pytest.mark.parametrize(("along", "is_found"), [(1.0, True), (0.2, False)])
def test_the_next_token_along_a_row_tells_it_too(along: float, is_found: bool) -> None:
    findings = found(positions_as_time=1.0, rows_seen=0.0, target_is_next=along)
    assert ("batch-as-time" in findings) is is_found
