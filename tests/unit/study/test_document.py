"""The founding document's figures, checked by arithmetic."""

import pytest
from studies.founding import document


def test_two_perplexities_agree_and_one_is_another_run_s() -> None:
    wrong, *right = document.perplexities()
    assert all(found.agrees for found in right)
    assert not wrong.agrees
    assert wrong.computed == pytest.approx(7569.6, abs=0.1)
    assert wrong.belongs_to == ("baseline", 19)


def test_no_printed_loss_doubles_within_an_epoch() -> None:
    run, epoch, ratio = document.largest_ratio()
    assert (run, epoch) == ("baseline", 19)
    assert ratio == pytest.approx(1.9247, abs=1e-4)


def test_one_printed_curve_rises_outside_the_window_and_one_improves_after_its_best() -> None:
    assert document.onsets() == {"baseline": 19, "experiment1": 18, "experiment2": 10}
    assert document.better_after_best() == ("baseline", 18, 5.7692, 23, 5.6552)


def test_the_accuracy_is_one_token_a_sentence() -> None:
    assert pytest.approx(document.VALIDATION_SENTENCES / document.VALIDATION_TARGETS, abs=5e-5) == document.ACCURACY
