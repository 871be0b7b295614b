"""What follows from the trials of a rerun, and what does not."""

import dataclasses

import pytest

from newllm.errors import UserError
from newllm.messages import catalogue, message
from newllm.reruns.changes import SIFT, SKIP, SKIP_ONE, STATE, Change
from newllm.reruns.result import RERUN, Outcome, Rerun, Trial, outcome_of, read_rerun, write_rerun
from newllm.reruns.rise import Rise
from newllm.words.reruns import trial_outcome

RISE = Rise("spike", 100, 130)
HELD = Change("hold-learning-rate", "hold", 99, 130, ("lr",), before=0.1, within=1.0, moved=3, tells=True)
EARLIER = dataclasses.replace(HELD, first=70)
ALL = Change(SKIP, "skip", 95, 130)
ONE, BEFORE = Change(SKIP_ONE, "skip", 100, 100), Change(SKIP_ONE, "skip", 99, 99)
KEPT = Change(STATE, "keep-state", 95, 130)


def rerun(*trials: tuple[Change, Outcome], parted: int | None = None, begins: bool = False) -> Rerun:
    made = [Trial(change, outcome, None, 100, 130, 1.0, begins=begins) for change, outcome in trials]
    first = Trial(None, "stays", 1.0, parted, 130, 1.0)
    return Rerun("run", "0" * 64, RISE, 1, 1, 130, (first, *made), tuple(one for one, _ in trials), 9.0)


def test_a_setting_that_moved_with_the_rise_is_the_cause_where_it_goes_without():
    assert rerun((HELD, "gone")).cause == HELD
    for outcome in ("less", "stays", "failed", "not-made"):
        assert rerun((HELD, outcome)).cause is None


def test_one_that_moved_long_before_is_not_where_one_update_is_enough():
    assert rerun((EARLIER, "gone"), (ALL, "gone"), (ONE, "stays"), (BEFORE, "less")).cause == EARLIER
    found = rerun((EARLIER, "gone"), (ALL, "gone"), (ONE, "gone"), (BEFORE, "stays"))
    assert found.cause is None
    assert found.remedies == [EARLIER, ALL, ONE]
    assert "Without the one update of step 100 the rise is gone" in str(found)
    # That was not tried: so nothing is known of it.
    assert rerun((EARLIER, "gone"), (ALL, "gone")).cause is None


def test_without_the_same_losses_nothing_is_named():
    found = rerun((HELD, "gone"), parted=3)
    assert found.is_repeated
    assert found.cause is None
    assert "A change may seem to help by chance" in str(found)


def test_data_that_have_changed_are_named_where_the_losses_are_others():
    for parted, said in ((None, False), (3, True)):
        found = dataclasses.replace(rerun((HELD, "gone"), parted=parted), changed_data=("a.csv", "b", "c", "d"))
        assert ("a.csv, b, c and 1 more: not what the recording read" in str(found)) is said


def test_what_is_given_is_the_cause_where_the_rise_begins_without_updates_and_writes():
    assert rerun((ALL, "stays"), (KEPT, "not-made"), begins=True).is_given
    assert rerun((ALL, "less"), (KEPT, "stays"), begins=True).is_given
    assert not rerun((ALL, "stays"), (KEPT, "not-made")).is_given  # it began before, or otherwise
    assert not rerun((ALL, "stays"), begins=True).is_given  # whether others write was not tried
    assert not rerun((ALL, "stays"), (KEPT, "failed"), begins=True).is_given
    written = rerun((ALL, "stays"), (KEPT, "gone"), begins=True)
    assert not written.is_given
    assert written.cause == KEPT
    # Undoing what is written on purpose all the time removes much: of a rise that comes by updates it tells nothing.
    assert rerun((ALL, "gone"), (KEPT, "gone")).cause is None


def test_the_cause_is_unknown_only_once_all_was_tried():
    found = rerun((HELD, "stays"), (ALL, "gone"), (KEPT, "not-made"))
    assert "remains unknown" in str(found)
    assert "remains unknown" not in str(dataclasses.replace(found, planned=(*found.planned, ONE)))


def test_once_a_cause_is_shown_nothing_is_left_but_what_may_help():
    found = dataclasses.replace(rerun((HELD, "gone")), planned=(HELD, ALL, ONE, BEFORE, KEPT))
    assert found.left == 0
    assert "Not tried, as the cause is shown: skip-updates and keep-state" in str(found)


def test_what_the_doctor_saw_stands_beside_what_the_trials_leave_open():
    given, held = rerun((ALL, "stays"), (KEPT, "not-made"), begins=True), rerun((HELD, "gone"))
    unknown = rerun((HELD, "stays"))
    seen = message("finding-repeated-batch.test")
    for found, said in ((given, True), (unknown, True), (held, False)):
        found = dataclasses.replace(found, seen=seen)
        assert (f"What the doctor saw there: {seen}" in str(found)) is said
        assert Rerun.from_dict(found.as_dict()) == found


def test_what_was_not_tried_is_counted_but_for_what_needs_no_trial():
    found = rerun((HELD, "stays"), (ALL, "stays"))
    planned = (*found.planned, ONE, BEFORE, KEPT)
    assert dataclasses.replace(found, planned=planned).left == 1
    assert "1 more to try" in str(dataclasses.replace(found, planned=planned))
    by_updates = rerun((HELD, "stays"), (ALL, "gone"))
    assert dataclasses.replace(by_updates, planned=(HELD, ALL, ONE, BEFORE, KEPT)).left == 3


def test_nothing_follows_where_the_program_does_not_rise_again_or_fails():
    other = Rerun("run", "0" * 64, RISE, 2, 3, 130, (Trial(None, "gone", 0.0, 7, 130, 1.0),), (HELD,), 1.0)
    assert not other.is_repeated
    assert "does not rise there: its losses leave those of the recording at step 7" in str(other)
    assert "(rise 2 of 3; --spike takes another)" in str(other)
    failed = dataclasses.replace(other, trials=(Trial(None, "failed", None, None, 3, 1.0, "KeyError: 'x'"),))
    assert "ended before it came to the rise: KeyError: 'x'" in str(failed)


@pytest.mark.parametrize(("share", "outcome"), [
    (0.0, "gone"), (0.1, "gone"), (0.11, "less"), (0.5, "less"), (0.51, "stays"), (float("inf"), "stays"),
    (None, "failed"),
])  # fmt: skip
def test_an_outcome_is_by_the_share_that_is_there(share, outcome):
    assert outcome_of(share) == outcome


def test_it_is_read_as_it_was_written_and_damage_is_said(tmp_path):
    found = rerun((EARLIER, "gone"), (KEPT, "not-made"), begins=True)
    write_rerun(tmp_path, found)
    assert read_rerun(tmp_path) == found
    assert read_rerun(tmp_path / "elsewhere") is None
    whole = (tmp_path / RERUN).read_text()
    for damaged in (whole[:-20], whole.replace("gone", "went"), "[]"):
        (tmp_path / RERUN).write_text(damaged)
        with pytest.raises(UserError, match="is damaged"):
            read_rerun(tmp_path)


SIFTED = Change(SIFT, "sift", 99, 130, tells=True)


def test_of_a_loss_that_is_not_finite_it_is_said_so_in_each_sentence():
    broken = Rise("not-finite", 100, 130)
    seen = message("because-derivative-not-finite", axis="step", step=99.0)
    found = dataclasses.replace(rerun((SIFTED, "gone"), (ALL, "gone")), rise=broken, named=(seen, None))
    assert found.cause == SIFTED
    assert "The training loss is not finite at step 100." in str(found)
    assert "The cause is a gradient that is not finite, first at step 99: with no update by such a" in str(found)
    assert "the loss stays finite" in str(found)
    assert "What the doctor saw there: at step 99 the gradient is not finite although loss" in str(found)
    for shown in (found, dataclasses.replace(rerun((HELD, "gone")), rise=broken)):
        assert "rise" not in str(shown).replace("rises", "rise")
    untold = dataclasses.replace(SIFTED, tells=False)
    grown = dataclasses.replace(rerun((untold, "gone"), (ALL, "gone")), rise=broken)
    assert grown.cause is None
    assert "The loss stays finite with no update whose gradient is not finite, from step 99 on" in str(grown)


def test_where_a_loss_is_not_finite_with_a_change_is_said():
    stayed = Trial(BEFORE, "stays", 1.0, 100, 130, 1.0, since=103)
    there = Trial(ALL, "stays", 1.0, 100, 130, 1.0, since=100)
    found = dataclasses.replace(rerun(), rise=Rise("not-finite", 100, 130), planned=(BEFORE, ALL))
    found = found.with_trial(stayed).with_trial(there)
    said = "with no update in step 99 alone (from step 103 on) and no updates from step 95 on."
    assert f"The loss is not finite all the same {said}" in str(found)
    assert Rerun.from_dict(found.as_dict()) == found
    assert trial_outcome(catalogue("en"), stayed, finite=False) == "it is not finite from step 103 on"
    assert trial_outcome(catalogue("ja"), stayed, finite=False) == "ステップ103から有限でなくなる"
    assert trial_outcome(catalogue("en"), dataclasses.replace(stayed, share=3.0), finite=True) == (
        "it rises from step 103 on, 3 times as much"
    )


def test_the_doctors_own_finding_stands_beside_the_change_that_it_points_at():
    seen = message("finding-repeated-batch.test")
    for found, is_said in (
        (rerun((KEPT, "gone"), (ALL, "stays"), begins=True), True),
        (rerun((HELD, "gone")), True),
        (rerun((ONE, "gone"), (ALL, "gone")), True),
        (rerun((HELD, "stays"), (ALL, "gone")), False),  # what does not remove the rise is not confirmed
        (rerun((HELD, "gone"), parted=3), False),
    ):
        found = dataclasses.replace(found, named=(seen,))
        assert (f"What the doctor saw there: {seen}" in str(found)) is is_said
        assert Rerun.from_dict(found.as_dict()) == found
    other = dataclasses.replace(rerun((HELD, "gone"), (ALL, "gone")), named=(None, seen))
    assert "What the doctor saw there" not in str(other)
