"""What the files of a run tell the doctor: the recorder's word first, and only numbers that can be."""

import pytest

from newllm.diagnosis.run_facts import facts_of


@pytest.mark.parametrize("place", ["recording", "config"])
@pytest.mark.parametrize(
    ("told", "known"),
    [(2, 2), (50_000, 50_000), (1, None), (0, None), (-3, None), (2.5, None), ("9", None), (True, None)],
)
def test_a_vocabulary_has_at_least_two_tokens(place: str, told: object, known: int | None) -> None:
    recording, config = ({"vocabulary": told}, {}) if place == "recording" else ({}, {"model": {"vocabulary": told}})
    assert facts_of(recording, {}, config, {}).vocabulary == known


def test_the_recorder_is_believed_before_the_configuration_and_the_summary() -> None:
    said = {"vocabulary": 10, "parameters": 100}
    facts = facts_of(said, {"parameters": 200}, {"model": {"vocabulary": 20}}, {})
    assert (facts.vocabulary, facts.parameters) == (10, 100)


@pytest.mark.parametrize(("told", "known"), [(1, 1), (0, None), (2**53, 2**53), (2**53 + 1, None)])
def test_parameters_are_a_number_that_counts(told: int, known: int | None) -> None:
    assert facts_of({}, {"parameters": told}, {}, {}).parameters == known


def test_what_is_of_another_kind_is_passed_over() -> None:
    facts = facts_of({"layers": 3}, {}, {"model": []}, {"facts": [1]})
    assert (facts.vocabulary, facts.layers, facts.data) == (None, (), None)


@pytest.mark.parametrize(("told", "known"), [(True, True), (False, False), (None, None), (1, None), ("yes", None)])
def test_whether_the_training_mode_matters_is_yes_no_or_unknown(told: object, known: bool | None) -> None:
    assert facts_of({"training_mode_matters": told}, {}, {}, {}).training_mode_matters is known
    assert facts_of({"asks_for_mode": told}, {}, {}, {}).asks_for_mode is known


def test_a_recording_is_told_from_a_run_that_newllm_trained() -> None:
    assert facts_of({"parameters": 3}, {}, {}, {}).origin == "record"
    assert facts_of({"parameters": 3}, {}, {"model": {}}, {}).origin == "train"
    assert facts_of({}, {}, {}, {}).origin is None


def test_where_a_recording_was_resumed_and_by_which_optimizer_is_known() -> None:
    told = [{"step": 300, "set_aside": None}, {"step": -1}, {"step": True}, 5]
    facts = facts_of({"resumed": told, "optimizer": "AdamW"}, {}, {}, {})
    assert (facts.resumed, facts.optimizer) == ((300,), "AdamW")
    facts = facts_of({"resumed": "no", "optimizer": 3}, {}, {}, {})
    assert (facts.resumed, facts.optimizer) == ((), "")
