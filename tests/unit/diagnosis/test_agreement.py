"""Training and validation loss that do not measure the same; losses held above a floor, or too good to be true."""

import math

import numpy as np
import pytest

from newllm.diagnosis.detectors.agreement import detect_training_above, detect_unsteady_validation
from newllm.diagnosis.detectors.loss_floor import detect_squashed_outputs, detect_too_good
from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.losses import cases_counted
from newllm.trace import Finding, Series, Trace

POINTS = 100


def both(loss: np.ndarray | float, *validation: float, **more: np.ndarray) -> Trace:
    """Return a training loss of a hundred points, and evaluations at equal distances up to its end."""
    whole = np.broadcast_to(loss, POINTS) if isinstance(loss, float) else loss
    value = np.array(validation)
    at = np.linspace(len(whole) / len(value), len(whole), len(value)).astype(int)
    signals = {"loss": Series(np.arange(1, len(whole) + 1), whole), "validation_loss": Series(at, value)}
    return Trace(signals | {name: Series(at[: len(one)], one) for name, one in more.items()})


# A training loss far above that of the validation.


@pytest.mark.parametrize(("learnt", "severity"), [(0.2, "note"), (0.9, "warning")])
def test_the_sum_of_logged_losses_may_stand_above_a_validation_of_one(learnt: float, severity: str) -> None:
    task, domain = falling(1.5, 1.5 * learnt), 0.6 + 0.05 * np.sin(np.arange(POINTS))
    trace = both(task + 0.5 * domain, *([0.1] * 8))
    steps = np.arange(1, POINTS + 1)
    parts = {"train_task_loss": Series(steps, task), "train_domain_loss": Series(steps, domain)}
    (found,) = detect_training_above(Trace(trace.signals | parts), Facts())
    assert found.severity == severity
    trace = both(task + 0.5 * domain, *np.geomspace(2, 0.1, 8))
    noisy = parts | {"train_domain_loss": Series(steps, domain + 0.01 * np.cos(9 * steps))}
    noisy["loss"] = Series(steps, trace.series("loss").value * np.exp(0.2 * np.cos(7 * steps)))
    (found,) = detect_training_above(Trace(trace.signals | noisy), Facts())  # no sum
    assert found.severity == "warning"


@pytest.mark.parametrize(("scatter", "severity"), [(0.7, "warning"), (1.4, "note")])
def test_a_loss_whose_batches_lie_as_far_apart_stands_above_for_its_noise(scatter: float, severity: str) -> None:
    noise = np.random.default_rng(0).normal(size=800)
    (found,) = above(3.0 * np.exp(scatter * noise), *([1.0] * 8))
    assert found.severity == severity
    assert (severity == "note") is (found.alternatives[0].id == "finding-training-above-validation.noisy")


@pytest.mark.parametrize(("steps", "severity"), [(4, "warning"), (5, "note")])
def test_a_loss_of_mixed_or_smoothed_targets_stands_above_for_their_entropy(steps: int, severity: str) -> None:
    trace = both(2.0, *([1.0] * 8), target_entropy=np.full(steps, 0.66))
    (found,) = detect_training_above(trace, Facts())
    assert found.severity == severity
    assert (severity == "note") is (found.alternatives[0].id == "finding-training-above-validation.soft")
    assert (severity == "note") is ("expected from targets that are mixed" in str(found.sentence))


@pytest.mark.parametrize(
    ("dropout", "accuracy", "said"), [(0.5, 0.98, "expected from dropout (of 50 %)"), (0.0, 0.98, ""), (0.5, 0.9, "")]
)
def test_a_note_says_that_dropout_was_at_work(dropout: float, accuracy: float, said: str) -> None:
    trace = both(2.0, *([1.0] * 8), validation_accuracy=np.full(8, accuracy))
    (found,) = detect_training_above(trace, Facts(dropout=dropout))
    assert found.severity == ("note" if accuracy > 0.95 else "warning")
    assert said in str(found.sentence)
    assert bool(said) is ("expected" in str(found.sentence))


@pytest.mark.parametrize(
    ("scatter", "end", "severity"), [(0.0, 0.5, "note"), (0.1, 0.5, "warning"), (0.0, 1.5, "warning")]
)
def test_a_running_mean_comes_down_later_than_the_validation(scatter: float, end: float, severity: str) -> None:
    steps = np.arange(1, 201)
    loss = end + (3 - end) * np.exp(-steps / 40)
    mean = np.cumsum(loss) / steps * np.exp(scatter * np.random.default_rng(0).normal(size=200))
    (found,) = above(mean, *np.geomspace(1.5, 0.35, 8))
    assert found.severity == severity
    assert (severity == "note") is (found.alternatives[0].id == "finding-training-above-validation.running-mean")


@pytest.mark.parametrize(
    ("start", "rows", "said"),
    [(3.0, None, ".scaled"), (3.0, 8.0, None), (0.9, None, ".other-measure"), (2.0, None, None)],
)
def test_another_measure_is_as_far_away_before_anything_is_learnt(
    start: float, rows: float | None, said: str | None
) -> None:
    """A loss from 3 down to 1.2 beside one a third of it, whose factor may be known, or that begins elsewhere."""
    steps = np.arange(1, POINTS + 1)
    loss = np.r_[np.full(20, 3.0), falling(3, 1.2, 80)] * np.exp(0.04 * np.cos(9 * steps))
    validation = loss[::5] / 3 if start == 3 else np.r_[np.full(4, start), np.geomspace(start, 0.1, 16)]
    signals = {"loss": Series(steps, loss), "validation_loss": Series(steps[::5], validation)}
    known = {} if rows is None else {"rows": Series(steps, np.full(POINTS, rows))}
    (found,) = detect_training_above(Trace(signals | known), Facts())
    assert found.severity == ("warning" if said is None else "note")
    assert said is None or found.alternatives[0].id.endswith(said)


def above(loss: np.ndarray | float, *validation: float) -> list[Finding]:
    return detect_training_above(both(loss, *validation), Facts())


def falling(start: float, end: float, points: int = POINTS) -> np.ndarray:
    return np.geomspace(start, end, points)


@pytest.mark.parametrize(
    ("loss", "validation", "is_found"),
    [
        (1.81, [1.0] * 8, True),
        (1.79, [1.0] * 8, False),
        (1.9, [1.0] * 4, True),
        (1.9, [1.0] * 3, False),
        (np.full(8, 1.9), [1.0] * 4, True),
        (np.full(7, 1.9), [1.0] * 4, False),
        (falling(5, 0.5), [0.1] * 8, False),  # of two small losses one is easily twice the other
        (falling(2, 0.5), [0.05] * 8, True),
        (falling(5, 2), [9, 9, 1, 1, 1, 1, 1, 1], True),
        (falling(5, 2), [1, 1, 1, 1, 1, 9, 1, 1], False),  # it was below the validation loss in the second half
        (falling(5, 2), [2, 2, 2, 2, 2, 2, 2, 2], False),
        (-1.0, [1.0] * 8, False),
    ],
)
def test_a_training_loss_that_ends_far_above_validation_is_found(
    loss: np.ndarray | float, validation: list[float], is_found: bool
) -> None:
    assert bool(above(loss, *validation)) is is_found


@pytest.mark.parametrize(
    ("accuracy", "severity"), [(0.94, "warning"), (0.96, "note"), (94.0, "warning"), (96.0, "note")]
)
def test_what_has_harmed_nothing_is_a_note(accuracy: float, severity: str) -> None:
    trace = both(3.0, *[1.0] * 8, validation_accuracy=np.full(8, accuracy))
    (found,) = detect_training_above(trace, Facts())
    assert found.severity == severity


def test_the_end_is_a_tenth_of_the_run() -> None:
    loss = np.full(POINTS, 3.0)
    loss[-4:] = 1.0
    (found,) = above(loss, *[1.0] * 8)
    assert (found.evidence["training"], found.evidence["ratio"]) == (3.0, 3.0)
    loss[-6:] = 1.0
    assert not above(loss, *[1.0] * 8)


# A validation loss that jumps.


def unsteady(loss: np.ndarray | float, *validation: float) -> list[Finding]:
    return detect_unsteady_validation(both(loss, *validation), Facts())


@pytest.mark.parametrize(
    ("loss", "validation", "is_found"),
    [
        (2.0, [1, 1.61] * 5, True),
        (2.0, [1, 1.59] * 5, False),
        (2.0, [1, 2] * 3, True),
        (2.0, [1, 2] * 2 + [1], False),
        (2.0, [1, 2, 4, 8, 16, 32, 64], False),  # it only rises
        (2.0, [4, 1, 4, 4.1, 4.2, 1, 4, 4.1, 4.2], False),  # it turns too seldom
        (falling(5, 0.1), [0.001, 0.01] * 5, False),  # near zero the logarithm jumps and the loss does not
        (np.linspace(2, 2.1, POINTS), [1, 9] * 5, False),  # training is no better
        (falling(2, 1), [1, 9] * 5, True),
    ],
)
def test_a_validation_that_jumps_by_much_of_what_there_is_to_learn_is_found(
    loss: np.ndarray | float, validation: list[float], is_found: bool
) -> None:
    assert bool(unsteady(loss, *validation)) is is_found


# A floor that a softmax applied twice cannot go below.

FLOOR = math.log(1 + 9 / math.e)


def squashed(end: float, accuracy: float | None = None, classes: int | None = 10, first: float = 2.3) -> list[Finding]:
    loss = np.concatenate([np.geomspace(first, end, 20), np.full(80, end)])
    more = {} if accuracy is None else {"validation_accuracy": np.full(5, accuracy)}
    return detect_squashed_outputs(both(loss, *[end] * 5, **more), Facts(vocabulary=classes))


@pytest.mark.parametrize(
    ("times", "accuracy", "is_found"),
    [
        (1.11, 0.81, True),
        (1.13, 0.81, False),
        (1.0, 0.79, False),  # it is wrong too often for such a loss to be more than usual
        (1.0, 81.0, True),  # in percent
        (0.999, 0.9, True),
        (0.997, 0.9, False),  # no floor, then
        (1.019, None, True),
        (1.021, None, False),
    ],
)
def test_a_loss_that_stands_at_the_floor_is_found(times: float, accuracy: float | None, is_found: bool) -> None:
    assert bool(squashed(times * FLOOR, accuracy)) is is_found


@pytest.mark.parametrize(
    ("classes", "accuracy", "first", "is_found"),
    [
        (None, None, 2.303, True),
        (None, None, 2.33, False),  # 10.3 classes
        (None, 0.99, 2.33, True),  # right so often, it would have a smaller loss
        (10, None, 2.33, True),
        (None, None, math.log(403), False),  # e to the first loss is always nearly a whole number there
        (403, None, math.log(403), True),
    ],
)
def test_classes_that_nobody_told_are_counted_where_the_first_loss_is_theirs(
    classes: int | None, accuracy: float | None, first: float, is_found: bool
) -> None:
    floor = math.log(1 + (round(math.exp(first)) - 1) / math.e)
    assert bool(squashed(floor, accuracy, classes, first)) is is_found


def test_an_accuracy_that_is_not_finite_is_none() -> None:
    loss = np.concatenate([np.geomspace(2.3, FLOOR, 20), np.full(80, FLOOR)])

    def told(**accuracies: list[float]) -> list[float | None]:
        more = {name: np.array(values) for name, values in accuracies.items()}
        found = detect_squashed_outputs(both(loss, *[FLOOR] * 5, **more), Facts(vocabulary=10))
        assert all(str(one.sentence) for one in found)
        return [one.evidence["accuracy"] for one in found]

    assert told(validation_accuracy=[np.nan] * 5) == [None]
    assert told(validation_accuracy=[np.nan] * 5, accuracy=[0.9] * 5) == [0.9]
    assert told(validation_accuracy=[0.5, 0.9, 0.9, 0.9, np.nan]) == [0.9]


def test_whether_an_accuracy_is_in_percent_its_highest_value_tells() -> None:
    loss = np.concatenate([np.geomspace(2.3, FLOOR, 20), np.full(80, FLOOR)])
    ends_badly = both(loss, *[FLOOR] * 5, validation_accuracy=np.array([50, 60, 0.9, 0.9, 0.9]))
    assert not detect_squashed_outputs(ends_badly, Facts(vocabulary=10))


def test_classes_are_counted_or_taken_from_the_first_loss() -> None:
    (found,) = squashed(FLOOR, classes=None, first=math.log(10))
    assert found.evidence["limit"] == pytest.approx(FLOOR)
    assert "over 10 classes" in str(found.sentence)
    assert not squashed(FLOOR, classes=100)
    assert not squashed(math.log(1 + 1 / math.e), classes=2, first=0.7)
    assert squashed(math.log(1 + 2 / math.e), classes=3, first=1.1)
    assert squashed(math.log(1 + 2 / math.e), 0.85, classes=3, first=1.1)
    assert not squashed(math.log(1 + 2 / math.e), 0.81, classes=3, first=1.1)  # a sound model's


@pytest.mark.parametrize(("fall", "is_found"), [(0.02, True), (0.04, False)])
def test_a_loss_that_still_falls_stands_at_no_floor(fall: float, is_found: bool) -> None:
    loss = np.concatenate([np.full(34, 2.3), np.full(33, FLOOR * math.exp(fall)), np.full(33, FLOOR)])
    trace = both(loss, *[FLOOR] * 5, validation_accuracy=np.full(5, 0.9))
    assert bool(detect_squashed_outputs(trace, Facts(vocabulary=10))) is is_found


@pytest.mark.parametrize(("points", "is_found"), [(24, True), (23, False)])
def test_a_floor_takes_so_many_points(points: int, is_found: bool) -> None:
    assert bool(detect_squashed_outputs(both(np.full(points, FLOOR), FLOOR), Facts(vocabulary=10))) is is_found


# A loss that no held-out text gives.


def too_good(
    end: float = 0.1, held_out: float = 0.1, start: float = 4.0, vocabulary: int | None = None, points: int = POINTS
) -> list[Finding]:
    loss = np.concatenate([np.full(3, start), np.full(points - 3, end)])
    return detect_too_good(both(loss, start, *[held_out] * 4), Facts(vocabulary=vocabulary))


@pytest.mark.parametrize(
    ("what", "is_found"),
    [
        ({}, True),
        ({"end": 0.149, "held_out": 0.149}, True),
        ({"end": 0.151}, False),
        ({"held_out": 0.151}, False),
        ({"start": 3.01}, True),
        ({"start": 2.99}, False),  # of few classes it is usual
        ({"start": 2.0, "vocabulary": 21}, True),
        ({"start": 4.0, "vocabulary": 20}, False),
        ({"start": 12.9}, True),
        ({"start": 13.1}, False),  # in other units
        ({"points": 24}, True),
        ({"points": 23}, False),
        ({"end": 0.0}, False),
    ],
)
def test_a_loss_of_nearly_nothing_on_held_out_text_is_found(what: dict[str, float], is_found: bool) -> None:
    assert bool(too_good(**what)) is is_found  # pyrefly: ignore[bad-argument-type]


@pytest.mark.parametrize(("late", "is_found"), [(4, True), (6, False)])
def test_what_is_learnt_late_is_no_leak(late: int, is_found: bool) -> None:
    loss = np.concatenate([np.full(50, 4.0), np.full(50, 0.1)])
    validation = [4.0] * late + [0.1] * (10 - late)
    assert bool(detect_too_good(both(loss, *validation), Facts())) is is_found


def test_of_a_recorded_model_that_reads_no_text_nothing_is_too_good() -> None:
    trace = both(falling(6.0, 0.05), 0.1, 0.05, 0.05, 0.05)
    assert detect_too_good(trace, Facts())
    assert not detect_too_good(trace, Facts(layers=(Layer("0", "Conv2d", 9),)))
    assert detect_too_good(trace, Facts(layers=(Layer("0", "Embedding", 9), Layer("1", "Linear", 9))))


@pytest.mark.parametrize(
    ("kind", "vocabulary", "end", "severity"),
    [
        ("language-model", 50_257, 0.5, "note"),
        ("language-model", 50_257, 0.1, "warning"),
        ("language-model", 50_257, 0.9, None),
        ("language-model", 64, 0.5, None),
        (None, 50_257, 0.5, None),
    ],
)
def test_text_that_is_said_to_be_text_leaves_more_than_half_a_nat(
    kind: str | None, vocabulary: int, end: float, severity: str | None
) -> None:
    steps = np.arange(100)
    loss = np.where(steps < 6, 10.8, end)
    trace = Trace({"loss": Series(steps, loss), "validation_loss": Series(steps, loss)})
    found = detect_too_good(trace, Facts(kind=kind, vocabulary=vocabulary))
    assert [one.severity for one in found] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("values", "cases"),
    [
        (np.array([0.78125, 0.61666667, 0.57708333, 0.325]), 480),
        (np.array([1, 2 / 3, 1 / 3, 0]), 3),
        (np.array([0.78, 0.62, 0.58, 0.33]), None),  # a loss that a log has rounded
        (np.array([0.5, 0.25, 0.75]), None),  # too few
        (np.array([1.5, 0.61666667, 0.57708333, 0.325]), None),
        (np.random.default_rng(0).random(8), None),
    ],
)
def test_a_share_of_errors_is_told_by_its_cases(values: np.ndarray, cases: int | None) -> None:
    assert cases_counted(values) == cases


def test_a_share_of_errors_is_no_loss_to_be_held_against() -> None:
    errors = np.array([84, 60, 50, 40, 35, 30, 28, 27]) / 97
    loss = 3.0 * np.exp(-np.arange(POINTS) / 90) * np.exp(0.04 * np.cos(9 * np.arange(POINTS)))
    (found,) = above(loss, *errors)
    assert found.severity == "note"
    assert "each evaluation is a multiple of 1 / 97" in str(found.sentence)
