"""Where a gradient that is not finite began."""

import numpy as np
import pytest

from newllm.diagnosis.detectors.loss_bounds import detect_not_finite
from newllm.diagnosis.facts import Facts, Layer, Singular
from newllm.diagnosis.lost_gradient import LostGradient, lost_gradient
from newllm.diagnosis.run_facts import facts_of
from newllm.trace import Series, Trace

STEPS = np.arange(1, 101)
NAMES = ("embedding", "encoder", "head", ".")
LOST = np.where(STEPS < 51, 1.0, np.nan)
LATER = np.where(STEPS < 52, 1.0, np.nan)  # the weights are NaN from the step after
SQRT = Singular("sqrt", ("embedding", "encoder"), hidden=False)


def trace_of(lost: tuple[str, ...], loss: np.ndarray = LATER, norm: np.ndarray = LOST) -> Trace:
    """Return a run whose layers are looked at every tenth step, and at the step at which the gradient is lost."""
    looked = np.array([1, 11, 21, 31, 41, 51])
    layers = {
        f"gradient_norm/{name}": Series(looked, np.array([1.0] * 5 + [np.inf if name in lost else 1.0]))
        for name in NAMES
    }
    return Trace({"loss": Series(STEPS, loss), "gradient_norm": Series(STEPS, norm), **layers})


def facts(*singular: Singular) -> Facts:
    return Facts(origin="record", singular=singular, layers=tuple(Layer(name, "Linear", 10) for name in NAMES))


def test_it_began_between_the_layers_that_are_lost_and_those_that_are_not() -> None:
    found = lost_gradient(trace_of(("embedding", "encoder")), facts(SQRT))
    assert found == LostGradient(51.0, ("embedding", "encoder"), ("head", "model"), ("sqrt",))


@pytest.mark.parametrize(
    ("lost", "singular", "functions"),
    [
        (NAMES[:2], Singular("sqrt", ("embedding", "encoder", "not looked at"), hidden=False), ("sqrt",)),
        (NAMES[:2], Singular("sqrt", ("embedding",), hidden=False), ()),
        (NAMES[:2], Singular("sqrt", NAMES, hidden=False), ()),
        (NAMES, Singular("sqrt", NAMES, hidden=False), ("sqrt",)),
        ((), SQRT, ()),
    ],
)
def test_a_function_is_blamed_where_it_leads_to_just_those(
    lost: tuple[str, ...], singular: Singular, functions: tuple[str, ...]
) -> None:
    found = lost_gradient(trace_of(lost), facts(singular))
    assert found is not None
    assert found.functions == functions


def test_one_that_the_loss_would_show_is_blamed_where_nothing_else_is_there() -> None:
    hidden = Singular("log", SQRT.layers, hidden=True)
    found = [lost_gradient(trace_of(SQRT.layers), facts(*each)) for each in ((hidden,), (hidden, SQRT, SQRT))]
    assert [one.functions for one in found if one] == [("log",), ("sqrt",)]


def test_what_begins_with_the_loss_is_none_of_the_gradient() -> None:
    assert lost_gradient(trace_of((), norm=np.ones(100)), facts(SQRT)) is None
    assert lost_gradient(trace_of(NAMES, loss=LOST), facts(SQRT)) is None


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (NAMES[:2], "step 51 the gradient of embedding, encoder is not finite and that of head, model is: it goes"),
        (NAMES, "; at step 51 the gradient of every layer is not finite"),
        ((), "and stays so to the end"),
    ],
)
def test_the_sentence_says_where(lost: tuple[str, ...], said: str) -> None:
    (found,) = detect_not_finite(trace_of(lost), facts(SQRT))
    assert said in str(found.sentence)
    assert ("gradient of" in str(found.sentence)) is bool(lost)


def test_in_a_damaged_recording_what_is_no_such_function_is_left_out() -> None:
    right = {"function": "sqrt", "layers": ["head", 3], "hidden": "yes"}
    damaged = [right, 3, {"function": 3, "layers": []}, {"function": "a b", "layers": []}, {"function": "log"}]
    for listed, found in ((damaged, (Singular("sqrt", ("head",), hidden=False),)), ("sqrt", ()), (None, ())):
        assert facts_of({"singular": listed}, {}, {}, {}).singular == found
