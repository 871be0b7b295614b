"""What is so in the first pass already, no update has made; and a rate that makes weights many times as long."""

from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts, Layer
from newllm.trace import Finding, Series, Trace

STEP = np.arange(1, 201)
SAMPLED = np.array([1, *range(10, 201, 10)])
NAMES = ("norm", "low", "middle", "head")
KINDS = ("LayerNorm", "Linear", "Linear", "Linear")
LAYERS = tuple(Layer(name, kind, 128 if kind == "LayerNorm" else 4096) for name, kind in zip(NAMES, KINDS, strict=True))
LN8 = float(np.log(8))


def run(
    steps: Any = None, optimizer: str = "Adam", resumed: tuple[int, ...] = (), origin: Any = "record", **changed: Any
) -> dict[str, Finding]:
    """Return what is found in a recording of a classifier of 8 classes that learns nothing, with signals changed.

    Args:
        steps: values by `statistic/LAYER`, on sampled steps, or by signal.
        optimizer: its class.
        resumed: steps at which it was resumed.
        origin: of the run.
        changed: signals of each step.
    """
    draw = np.random.default_rng(0)
    signals = {
        "loss": LN8 + 0.02 * draw.normal(size=200),
        "gradient_norm": np.exp(0.2 * draw.normal(size=200)),
        "learning_rate": np.full(200, 1e-3),
        "input_mean": np.zeros(200),
        "input_std": np.ones(200),
    } | changed
    found = {name: Series(STEP, np.broadcast_to(value, 200).astype(float)) for name, value in signals.items()}
    sampled: dict[str, Any] = {"cross_entropy": 1.0, "log_z": LN8, "target_classes_seen": 8.0}
    for name in NAMES:
        weight = 8.0 if name == "norm" else 5.0
        sampled |= {f"weight_norm/{name}": weight, f"gradient_norm/{name}": 0.5, f"update_ratio/{name}": 1e-3}
        sampled |= {f"update_norm/{name}": 5e-3, f"activation_rms/{name}": 1.0}
    for name, value in (sampled | (steps or {})).items():
        found[name] = Series(SAMPLED, np.broadcast_to(np.asarray(value, dtype=float), len(SAMPLED)).copy())
    facts = Facts(origin=origin, layers=LAYERS, optimizer=optimizer, resumed=resumed, vocabulary=8)
    return {one.kind: one for one in diagnose(Trace(found), facts)}


def named(finding: Finding) -> list[str]:
    return [cause.name for cause in finding.causes or ()]


FADES = {"gradient_norm/low": 1e-6, "gradient_norm/norm": 1e-6}
OFF = {"activation_zero/low": 1.0, "activation_zero/middle": 0.1}
FULL = {"gate_saturation/low": 0.97}
LATER = SAMPLED > 50


@pytest.mark.parametrize(
    ("steps", "kind", "causes"),
    [
        (FADES, "vanishing-gradient", ("initialisation", "initialisation")),
        (OFF, "dead-units", ("initialisation", "dead-units")),
        (FULL, "saturated-gates", ("initialisation", "initialisation")),
    ],
)
def test_what_is_so_in_the_first_pass_is_of_the_initialisation(
    steps: dict[str, Any], kind: str, causes: tuple[str, str]
) -> None:
    found = run(steps)
    assert (named(found[kind]), named(found["plateau"])) == ([causes[0]], [causes[1]])


@pytest.mark.parametrize(
    "changed",
    [
        {"steps": {"gradient_norm/low": np.where(LATER, 1e-6, 0.5)}},
        {"steps": {"activation_zero/low": np.where(LATER, 1.0, 0.1)}},
        {"steps": {"gate_saturation/low": np.where(LATER, 0.97, 0.1)}},
        {"steps": FADES, "resumed": (400,)},
        {"steps": OFF, "input_std": 300.0},
        {"steps": OFF, "input_mean": -40.0},
        {"steps": FADES, "origin": None},
    ],
)
def test_what_came_later_or_with_the_inputs_is_not(changed: dict[str, Any]) -> None:
    found = run(**changed)
    assert not {"initialisation", "dead-units"} & {cause for one in found.values() for cause in named(one)}


STEEP = {"gradient_norm/low": np.where(SAMPLED == 1, 9000.0, 0.5), "update_ratio/low": np.where(SAMPLED == 1, 9.0, 0.2)}
BLOWS_UP = {"gradient_norm": np.where(STEP == 1, 9000.0, 1.0)}


def test_a_first_gradient_of_thousands_at_a_usual_loss_is_of_the_initialisation() -> None:
    assert named(run(STEEP, "SGD", **BLOWS_UP)["update-ratio"]) == ["initialisation"]


def test_a_loss_that_is_steep_itself_is_not() -> None:
    assert named(run(STEEP | STEEP_ALL, "SGD", **BLOWS_UP)["update-ratio"]) == []


def high(first: float) -> np.ndarray:
    return LN8 + (first - LN8) * np.exp(-STEP / 20)


@pytest.mark.parametrize(
    ("steps", "first", "is_named"),
    [
        ({"log_z": LN8 + 6}, 9.0, True),
        ({"log_z": LN8 + 1}, 9.0, False),  # targets that are wrong, of a model whose answers lie near each other
        ({"log_z": LN8 + 6, "weight_norm/norm": 11.0}, 9.0, False),  # trained before
        ({"log_z": LN8 + 6, "cross_entropy": 0.0}, 9.0, False),
    ],
)
def test_logits_that_lie_far_apart_at_first_are_of_the_initialisation(
    steps: dict[str, Any], first: float, is_named: bool
) -> None:
    found = run(steps, loss=high(first))
    assert (named(found["worse-than-uniform"]) == ["initialisation"]) is is_named


OUTGROWN: dict[str, Any] = {}
for name in NAMES:
    OUTGROWN |= {
        f"weight_norm/{name}": np.where(SAMPLED < 5, 1.0, 10.0) * (8 if name == "norm" else 5),
        f"update_ratio/{name}": np.where(SAMPLED < 50, 0.3, 0.01),
    }
STEEP_ALL = {f"gradient_norm/{name}": np.where(SAMPLED == 1, 9000.0, 0.5) for name in NAMES}
WORSE: dict[str, Any] = {"loss": np.where(STEP < 3, 2.0, 4.0) + 0.02 * np.sin(STEP)}


@pytest.mark.parametrize(
    ("steps", "optimizer", "changed", "is_named"),
    [
        (OUTGROWN, "AdamW", WORSE, True),
        (OUTGROWN, "SGD", WORSE, True),
        (OUTGROWN | STEEP_ALL, "SGD", WORSE | BLOWS_UP, False),  # a gradient that is too large does so too
        (OUTGROWN, "AdamW", {"loss": np.where(STEP < 60, 4.0, 1.0 + 1.4 * np.exp(-STEP / 90))}, False),  # it learns
        (OUTGROWN | {f"update_ratio/{one}": 0.01 for one in NAMES}, "AdamW", WORSE, False),
    ],
)
def test_a_rate_is_named_where_its_updates_made_weights_many_times_as_long(
    steps: dict[str, Any], optimizer: str, changed: dict[str, Any], is_named: bool
) -> None:
    found = run(steps, optimizer, **changed)
    assert ("learning-rate" in {cause for one in found.values() for cause in named(one)}) is is_named
    assert "worse-than-uniform" in found or "worse-than-untrained" in found or not is_named


def test_a_training_without_any_backward_pass_has_no_gradient() -> None:
    draw = np.random.default_rng(0)
    signals = {"loss": Series(STEP, LN8 + 0.02 * draw.normal(size=200)), "learning_rate": Series(STEP, np.ones(200))}
    still = signals | {f"update_norm/{name}": Series(SAMPLED, np.zeros(len(SAMPLED))) for name in NAMES}
    found = {one.kind: one for one in diagnose(Trace(still), Facts(origin="record", layers=LAYERS))}
    assert found["no-gradient"].severity == "fault"
    assert named(found["plateau"]) == ["no-gradient"]
    moved = still | {"update_norm/low": Series(SAMPLED, np.ones(len(SAMPLED)))}
    for trace, facts in ((Trace(moved), Facts(origin="record")), (Trace(signals), Facts(origin="record"))):
        assert "no-gradient" not in {one.kind for one in diagnose(trace, facts)}


def attends(query: float, value: float) -> dict[str, Any]:
    return {f"gradient_norm/block.attention.{name}": size for name, size in (("query", query), ("value", value))}


@pytest.mark.parametrize(("value", "is_found"), [(0.1, False), (1e-6, True)])
def test_queries_may_get_hardly_a_gradient_while_values_get_theirs(value: float, is_found: bool) -> None:
    assert ("vanishing-gradient" in run(attends(1e-6, value))) is is_found


def resumed(anew: bool, loss: float) -> dict[str, Finding]:
    """A training that is resumed behind step 100: its weights as they were, or drawn anew."""
    grown = 1 + SAMPLED / 100
    weights = np.where(SAMPLED > 100, grown - 1 if anew else grown, grown)
    steps = {f"weight_norm/{name}": weights * (8 if name == "norm" else 5) for name in NAMES}
    falls = LN8 * np.exp(-STEP / 30)
    return run(steps, loss=np.where(STEP > 100, loss * np.exp(-(STEP - 101) / 30), falls), resumed=(100,))


@pytest.mark.parametrize(("anew", "loss", "is_named"), [(True, LN8, True), (False, LN8, False), (True, 0.5, False)])
def test_a_resume_that_begins_anew_is_told_by_the_weights(anew: bool, loss: float, is_named: bool) -> None:
    causes = [named(one) for one in resumed(anew, loss).values() if one.severity != "note"]
    assert (["changed-state"] in causes) is is_named


def goes_on(without: int, rate: float = 1e-3, moves: bool = False) -> dict[str, Finding]:
    """A training whose loss stands from some step on, as no gradient reaches the weights that the optimizer holds."""
    later = without <= SAMPLED
    steps = {f"update_norm/{name}": np.where(later & (not moves), 0.0, 5e-3) for name in NAMES}
    steps |= {f"gradient_norm/{name}": np.where(later & (not moves), 0.0, 0.5) for name in NAMES}
    draw = np.random.default_rng(1)
    signals = {"gradient_norm": Series(STEP[: without - 1], np.exp(0.2 * draw.normal(size=without - 1)))}
    signals |= {
        "loss": Series(STEP, LN8 * np.exp(-np.minimum(STEP, without) / 40)),
        "learning_rate": Series(STEP, 0 * STEP + rate),
    }
    signals |= {name: Series(SAMPLED, np.asarray(value, dtype=float)) for name, value in steps.items()}
    facts = Facts(origin="record", layers=LAYERS)
    return {one.kind: one for one in diagnose(Trace(signals), facts)}


def test_a_training_that_goes_on_without_its_weights_is_found_from_there_on() -> None:
    finding = goes_on(100)["no-gradient"]
    assert (finding.severity, finding.first_step) == ("fault", 100)
    assert named(finding) == ["no-gradient"]
    for sound in (goes_on(190), goes_on(100, rate=0.0), goes_on(100, moves=True)):
        assert "no-gradient" not in sound


@pytest.mark.parametrize(("penalty", "is_found"), [(1.0, True), (0.01, False), (0.0, False)])
def test_decay_that_is_added_to_the_gradient_may_outweigh_it(penalty: float, is_found: bool) -> None:
    layers = tuple(Layer(one.name, one.kind, one.parameters, penalty=penalty) for one in LAYERS)
    signals = {"loss": Series(STEP, LN8 + 0 * STEP), "learning_rate": Series(STEP, 1e-3 + 0 * STEP)}
    for name in NAMES:
        for signal, value in (("weight_norm", 5.0), ("gradient_norm", 0.5), ("update_norm", 5e-3)):
            signals[f"{signal}/{name}"] = Series(SAMPLED, np.full(len(SAMPLED), value))
    found = {one.kind: one for one in diagnose(Trace(signals), Facts(origin="record", layers=layers))}
    assert ("weight-decay" in found) is is_found
    if is_found:
        assert str(found["weight-decay"].sentence).startswith("weight decay, 1, alone is ")
        assert str(found["weight-decay"].test) == "Train again with a hundredth of the weight decay, 0.01."


@pytest.mark.parametrize(
    ("shrinks", "falls", "is_found"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_decay_that_ate_a_layer_is_found_though_noise_holds_up_the_rest(
    shrinks: bool, falls: bool, is_found: bool
) -> None:
    """Of Adam, whose updates are as long whatever the gradient: in the end both are as large as each other."""
    layers = tuple(Layer(one.name, one.kind, one.parameters, penalty=0.05) for one in LAYERS)
    loss = LN8 * np.exp(-STEP / 40) if falls else LN8 + 0 * STEP
    signals = {"loss": Series(STEP, loss), "learning_rate": Series(STEP, 1e-3 + 0 * STEP)}
    weight = np.where(SAMPLED[3] >= SAMPLED, 4.0, 0.4) if shrinks else np.full(len(SAMPLED), 0.4)
    for name in NAMES:
        for signal, value in (("weight_norm", weight), ("gradient_norm", 0.05), ("update_norm", 5e-3)):
            signals[f"{signal}/{name}"] = Series(SAMPLED, np.broadcast_to(value, len(SAMPLED)).copy())
    found = [one for one in diagnose(Trace(signals), Facts(origin="record", layers=layers)) if one.severity != "note"]
    assert ("weight-decay" in {one.kind for one in found}) is is_found


@pytest.mark.parametrize(("ended", "is_found"), [(True, True), (False, False)])
def test_a_warm_up_that_a_recording_saw_to_its_end_is_found_though_the_loss_falls(ended: bool, is_found: bool) -> None:
    signals = {"loss": Series(STEP, LN8 * np.exp(-STEP / 80)), "learning_rate": Series(STEP, 1e-5 * STEP)}
    found = {one.kind for one in diagnose(Trace(signals), Facts(origin="record", ended=ended))}
    assert ("warm-up-unfinished" in found) is is_found


def test_of_equal_findings_the_one_whose_cause_is_named_comes_first() -> None:
    found = list(
        run(
            FADES | {"target_classes": 1.0, "target_most_share": 1.0, "targets": 32.0, "target_most": SAMPLED % 8}
        ).values()
    )
    assert next(bool(one.causes) for one in found if one.severity == found[0].severity and not one.follows)


CAUSES = [
    cause
    for found in (
        run(FADES),
        run(OFF),
        run(STEEP, "SGD", **BLOWS_UP),
        run({"log_z": LN8 + 6}, loss=high(9.0)),
        run(OUTGROWN, "AdamW", **WORSE),
        resumed(anew=True, loss=LN8),
    )
    for one in found.values()
    for cause in one.causes or ()
]
"""All that is named here: what the tests of its words read."""
