"""A metric that is compared the wrong way round: the worst model is kept."""

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts, Selection
from newllm.diagnosis.run_facts import facts_of
from newllm.trace import Finding, Series, Trace

STEPS = np.arange(1, 201)
AT = np.arange(10, 201, 10)
CHANCE = np.random.default_rng(0).normal(0, 0.05, len(AT))
LOSS = 0.5 + 2 * np.exp(-AT / 60) + CHANCE
RISEN = 0.5 + np.abs(AT - 50) / 100 + CHANCE  # over-fitted from step 50 on


def found(
    name: str, value: np.ndarray, *, higher: bool, loss: np.ndarray | None = LOSS, last: int = 20
) -> list[Finding]:
    signals = {"loss": Series(STEPS, 0.5 + 2 * np.exp(-STEPS / 60)), name: Series(AT[:last], value[:last])}
    signals |= {} if loss is None else {"validation_loss": Series(AT[:last], loss[:last])}
    facts = Facts(origin="record", selections=(Selection("Trainer", name, name, higher),))
    return [one for one in diagnose(Trace(signals), facts) if one.kind == "reversed-metric"]


@pytest.mark.parametrize("last", [2, 4, 20])
@pytest.mark.parametrize(
    ("name", "value", "higher"),
    [
        ("eval_wer", LOSS / 4, True),
        ("eval_mean_squared_error", LOSS**2, True),
        ("val_acc", 1 - LOSS / 3, False),
        ("eval_macro_f1", 1 - LOSS / 3, False),
        ("validation_loss", LOSS, True),
    ],
)
def test_the_worst_is_kept(name: str, value: np.ndarray, higher: bool, last: int) -> None:
    (finding,) = found(name, value, higher=higher, last=last)
    assert finding.severity == "warning"
    assert finding.evidence["evaluations"] == last
    assert not found(name, value, higher=not higher, last=last)


def test_a_name_that_says_nothing_needs_a_metric_that_goes_with_the_loss_at_each_evaluation() -> None:
    assert found("eval_distance_of_mine", LOSS * 3, higher=True)
    assert found("eval_score_of_mine", -LOSS, higher=False)
    assert not found("eval_distance_of_mine", LOSS * 3, higher=False)
    assert not found("eval_distance_of_mine", LOSS * 3, higher=True, last=6)
    smooth = 2 * np.exp(-AT / 60)
    assert not found("eval_diversity", smooth, higher=True, loss=smooth + 0.5)  # it only falls, as what is wanted may
    assert not found("eval_diversity", smooth - CHANCE, higher=True)  # noise of its own


@pytest.mark.parametrize(
    ("name", "value", "loss"),
    [
        ("eval_accuracy", LOSS / 4, LOSS),  # it falls for real
        ("eval_accuracy", AT / 300, RISEN),  # over-fitted, while the accuracy goes on rising
        ("eval_score_of_mine", AT / 300, RISEN),
        ("eval_accuracy", 0.5 + CHANCE[::-1], LOSS),  # hardly moved by the loss
        ("eval_perplexity", AT / 10, LOSS),  # of a code book, whose entries are used more and more
        ("eval_wer", 0.5 + CHANCE[::-1], LOSS),
        ("eval_neg_mse", -LOSS, LOSS),
    ],
)
def test_sound_twins_in_which_more_is_taken_for_better(name: str, value: np.ndarray, loss: np.ndarray) -> None:
    assert not found(name, value, higher=True, loss=loss)


def test_without_a_validation_loss_the_name_alone_says_it() -> None:
    assert found("val_acc", 1 - LOSS / 3, higher=False, loss=None)
    assert found("eval_wer", LOSS, higher=True, loss=None)
    assert not found("val_acc", 1 - LOSS / 3, higher=False, loss=None, last=2)
    assert not found("eval_perplexity", LOSS, higher=True, loss=None)
    assert not found("val_critic_acc", 1 - LOSS / 3, higher=False, loss=None)


def test_an_objective_that_grows_may_be_called_a_loss() -> None:
    grows = Trace({"loss": Series(STEPS, STEPS / 100), "validation_loss": Series(AT, AT / 100)})
    facts = Facts(selections=(Selection("Trainer", "eval_loss", "validation_loss", higher=True),))
    assert not [one for one in diagnose(grows, facts) if one.kind == "reversed-metric"]


def test_what_is_no_selection_is_passed_over() -> None:
    sound = {"by": "Trainer", "metric": "eval_wer", "signal": "eval_wer", "higher": True}
    listed = [sound, {**sound, "higher": "yes"}, {**sound, "by": 3}, 7]

    def read(framework: object) -> tuple[Selection, ...]:
        return facts_of({"framework": framework}, {}, {}, {}).selections

    assert read({"selections": listed}) == (Selection("Trainer", "eval_wer", "eval_wer", True),)
    assert not read({"selections": 3})
    assert not read(3)
