"""What was checked, what could not be, and what the ledger of the state shows."""

import numpy as np
import pytest

from newllm.diagnosis.facts import Facts
from newllm.messages import catalogue
from newllm.trace import Series, Trace
from newllm.words import coverage

EN, JA = catalogue("en"), catalogue("ja")


def test_what_a_log_lacks_is_said() -> None:
    one = Series(np.arange(5), np.ones(5))
    bare = str(coverage.unseen(Trace({"loss": one}), Facts()))
    assert all(word in bare for word in ("validation", "gradients", "layers", "the data", "--vocab N"))
    assert "training loss" not in bare
    other = str(coverage.unseen(Trace({"my_loss_2": one, "validation_loss": one}), Facts()))
    assert other.startswith("Not in this log, so not looked at: the training loss (--loss COLUMN says which it is); gr")
    full = Trace(dict.fromkeys(("loss", "validation_loss", "gradient_norm", "update_ratio/a"), one))
    assert coverage.unseen(full, Facts(vocabulary=5, data={}, origin="train")) is None
    said = str(coverage.unseen(full, Facts(vocabulary=5, data={})))
    assert said.startswith("Not in this log, so not looked at: what no log shows, such as a mask that leaks")
    recorded = str(coverage.unseen(full, Facts(kind="regression", origin="record")))
    assert "the data (recorder.data(training, validation) audits them)" in recorded
    assert "recorder.validation" not in recorded
    assert "--vocab" not in recorded


def test_columns_that_mean_nothing_are_listed_where_a_signal_is_missing() -> None:
    one = Series(np.arange(5), np.array([1.0, 0.5, 0.3, 0.2, 0.1]))
    odd = Trace(dict.fromkeys(("loss", "eta", "zz", "|g|", "qq", "val_loss"), one))
    said = str(coverage.unseen(odd, Facts()))
    assert (
        "columns of unknown meaning: eta, qq, zz and 1 more (--role learning_rate=COLUMN says so if eta is the" in said
    )
    named = Trace(odd.signals | {"learning_rate": one})
    assert "--role gradient_norm=COLUMN says so if eta is the gradient norm)" in str(coverage.unseen(named, Facts()))
    for quiet, facts in ((Trace(named.signals | {"gradient_norm": one}), Facts()), (odd, Facts(origin="record"))):
        assert "unknown meaning" not in str(coverage.unseen(quiet, facts))


STEPS = np.arange(40)
WAVE = np.sin(7 * STEPS)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("eta", np.linspace(1, 0.1, 40), {"learning_rate", "gradient_norm"}),
        ("g", 5 + WAVE, {"gradient_norm"}),
        ("val_g", 5 + WAVE, set()),  # of an evaluation
        ("g", 5 + WAVE[:15], set()),  # too few
        ("g", WAVE, set()),  # negative
        ("seen", 100 * STEPS, set()),  # a count
        ("share", 0.5 + 0.01 * STEPS + 0.1 * WAVE, {"gradient_norm"}),  # an accuracy
        ("eta", np.full(40, 0.1), {"learning_rate"}),
        *((name, np.linspace(1, 0.1, 40), set()) for name in ("cls_acc", "q_mean", "c_index", "epsilon", "meta_loss")),
    ],
)
def test_a_column_is_only_asked_about_as_what_it_can_be(name: str, value: np.ndarray, expected: set[str]) -> None:
    loss = Series(STEPS, np.linspace(2, 1, 40))
    trace = Trace({"loss": loss, name: Series(STEPS[: len(value)], value)})
    assert {signal for signal in coverage.OFTEN_UNNAMED if name in coverage.may_be(signal, trace, Facts())} == expected
    if not expected and name in {"val_g", "g", "seen"}:
        assert "--role ROLE=COLUMN says what one is" in str(coverage.unseen(trace, Facts()))


def watched(share: float, **changed: list[int]) -> Trace:
    signals = {"ledger_share": Series(np.array([1, 10, 20]), np.array([1.0, share, share]))}
    signals |= {name.replace("_of_", "/"): Series(np.array(at), np.ones(len(at))) for name, at in changed.items()}
    return Trace(signals)


@pytest.mark.parametrize(
    ("trace", "said"),
    [
        (Trace(), ""),
        (watched(1.0), "steps 1 to 20: nothing but the optimizer changed the weights or their moments."),
        (
            watched(0.14),
            "nothing but the optimizer changed the weights or their moments "
            "(watched in turn, 14 % of it at each update).",
        ),
        (
            watched(1.0, weights_changed_of_lstm=[7]),
            "something other than the optimizer changed it once, before step 7.",
        ),
        (
            watched(1.0, weights_changed_of_a=[7, 9], moments_changed_of_a=[5, 9]),
            "something other than the optimizer changed it 3 times, first before step 5.",
        ),
        (watched(1.0, statistics_changed_of_a=[7]), "nothing but the optimizer changed the weights or their moments."),
    ],
)
def test_the_ledger_says_what_changed_the_state_between_updates(trace: Trace, said: str) -> None:
    assert coverage.ledger(EN, trace).endswith(said)
    assert bool(coverage.ledger(JA, trace)) is bool(said)


@pytest.mark.parametrize(("share", "said"), [(0.08, " (8 % of its tensors at each update: a change"), (1.0, "")])
def test_what_was_looked_at_says_how_much_of_the_state_that_was(share: float, said: str) -> None:
    """Of one tensor that changes once nothing is seen where it was not watched just then."""
    steps = np.arange(5)
    trace = Trace({"loss": Series(steps, np.linspace(2, 1, 5)), "ledger_share": Series(steps, np.full(5, share))})
    line = coverage.checked(EN, trace, Facts(origin="record"), ())
    assert f"the state between updates{said}" in line
    assert ("%" in coverage.checked(JA, trace, Facts(origin="record"), ())) is bool(said)


@pytest.mark.parametrize(("evaluations", "told"), [(0, False), (1, True), (4, True), (5, False)])
def test_a_validation_of_few_evaluations_is_said_to_be_too_short(evaluations: int, told: bool) -> None:
    steps = np.arange(1, 41)
    signals = {"loss": Series(steps, 1.0 / steps)}
    if evaluations:
        signals["validation_loss"] = Series(steps[:evaluations], np.ones(evaluations))
    assert ("unseen-few" in [one.id for one in coverage.unseen_parts(Trace(signals), Facts())]) is told
