"""Each detector of the recorder's signals, on a sound run with one thing changed, and silent on the sound one.

All that is said of each planted run is held against planted_findings.json.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from newllm.diagnosis.detectors.jumps import detect_resume
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts, Layer
from newllm.trace import Finding, Series, Trace

pytestmark = pytest.mark.usefixtures("whatever_was_right")

STEPS, EVERY = 300, 10
LAYERS = ("embedding", "blocks.0", "blocks.1", "head")
FACTS = Facts(layers=tuple(Layer(name, "Linear", 100) for name in LAYERS))
Signals = dict[str, Series]


def sound() -> Signals:
    chance = np.random.default_rng(0)
    step, sampled = np.arange(1, STEPS + 1), np.arange(EVERY, STEPS + 1, EVERY)

    def noisy(level: np.ndarray | float, at: np.ndarray, noise: float = 0.05) -> Series:
        return Series(at, level * np.exp(noise * chance.normal(size=len(at))))

    signals = {
        "loss": noisy(2 + 3 * np.exp(-step / 80), step),
        "gradient_norm": noisy(1.0, step, 0.2),
        "learning_rate": Series(step, np.minimum(step / 20, 1.0) * 1e-3),
        "step_seconds": noisy(0.01, step, 0.1),
        "validation_loss": noisy(2.1 + 3 * np.exp(-sampled / 80), sampled, 0.005),
        "validation_accuracy": Series(sampled, np.round(np.linspace(0.1, 0.5, len(sampled)), 3)),
        "context_growth": noisy(1.01, sampled, 0.002),
        "context_norm": noisy(3.0, step),
        "logit_max": noisy(8.0, sampled),
    }
    usual = {
        "gradient_norm": 0.3,
        "weight_norm": 5.0,
        "update_norm": 0.01,
        "update_ratio": 2e-3,
        "second_moment_mismatch": 1.1,
        "activation_rms": 1.0,
        "activation_zero": 0.1,
        "gate_saturation": 0.2,
        "attention_entropy": 1.5,
        "attention_logit": 5.0,
    }
    for statistic, level in usual.items():
        signals |= {f"{statistic}/{layer}": noisy(level, sampled, 0.1) for layer in LAYERS}
    return signals


def changed(signals: Signals, name: str, change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Signals:
    series = signals[name]
    new = Series(series.step, change(series.step, series.value.copy()))
    if name.startswith("update_norm/"):  # weights move where they are updated
        weights = name.replace("update_norm", "weight_norm")
        signals = {**signals, weights: Series(series.step, 5 + 1e-3 * np.cumsum(new.value > 0))}
    return {**signals, name: new}


def slowly(signals: Signals) -> Signals:
    """Let the losses fall by a tenth only: unusual sizes inside of a model that learns are notes."""
    return {
        name: Series(series.step, 4 + 0.2 * series.value) if name in ("loss", "validation_loss") else series
        for name, series in signals.items()
    }


def alarms(signals: Signals, facts: Facts = FACTS) -> dict[str, Finding]:
    return {found.kind: found for found in diagnose(Trace(signals), facts) if found.severity != "note"}


def flag(signals: Signals, name: str, steps: list[int]) -> Signals:
    return {**signals, name: Series(np.array(steps), np.ones(len(steps)))}


def test_a_sound_run_raises_no_alarm() -> None:
    assert alarms(sound()) == {}


PLANTED: dict[str, Callable[[Signals], Signals]] = {
    "vanishing-gradient": lambda s: changed(slowly(s), "gradient_norm/embedding", lambda _, v: 1e-5 * v),
    "vanishing-signal": lambda s: changed(slowly(s), "activation_rms/blocks.1", lambda _, v: 1e-5 * v),
    "dead-units": lambda s: changed(s, "activation_zero/blocks.0", lambda _, v: 0 * v + 0.9),
    "saturated-gates": lambda s: changed(s, "gate_saturation/blocks.0", lambda _, v: 0 * v + 0.95),
    "update-ratio": lambda s: changed(slowly(s), "update_ratio/head", lambda _, v: 200 * v),
    "second-moment": lambda s: changed(
        s, "second_moment_mismatch/head", lambda t, v: np.where(abs(t - 150) < 25, 8, v)
    ),
    "activation-growth": lambda s: changed(s, "activation_rms/blocks.1", lambda t, v: v * np.exp(t / 50)),
    "context-growth": lambda s: changed(s, "context_growth", lambda t, v: v + 0.4 * t / STEPS),
    "gradient-explosion": lambda s: changed(s, "gradient_norm", lambda t, v: np.where(t == 200, 60, v)),
    "frozen-layer": lambda s: changed(s, "update_norm/blocks.0", lambda _, v: 0 * v),
    "attention-collapse": lambda s: changed(
        s, "attention_entropy/blocks.1", lambda t, v: v * np.where(t > 150, 0.01, 1)
    ),
    "gradient-carried": lambda s: flag(s, "gradient_carried", list(range(2, STEPS + 1))),
    "evaluation-in-training-mode": lambda s: flag(s, "evaluation_in_training_mode", [10, 20, 30]),
    "skipped-updates": lambda s: flag(s, "update_skipped", list(range(180, STEPS + 1))),
    "not-finite": lambda s: changed(s, "loss", lambda t, v: np.where(t == 180, np.nan, v)),
    "constant-accuracy": lambda s: changed(s, "validation_accuracy", lambda _, v: 0 * v + 0.1714),
    "learning-rate-jump": lambda s: changed(
        s, "learning_rate", lambda t, v: np.where(t < 160, v, np.minimum((t - 159) / 20, 1.0) * 1e-3)
    ),
    "stale-evaluation": lambda s: changed(
        s, "validation_loss", lambda t, v: np.where((t >= 150) & (t <= 180), v[14], v)
    ),
    "slow-divergence": lambda s: changed(s, "loss", lambda t, v: v * np.exp(np.maximum(0, t - 150) / 150)),
    "loss-drop": lambda s: changed(s, "loss", lambda t, v: np.where(abs(t - 150) < 10, 0.2 * v, v)),
    "spike": lambda s: changed(s, "loss", lambda t, v: np.where(abs(t - 200) < 8, 2.5 * v, v)),
    "diverged": lambda s: changed(s, "loss", lambda t, v: np.where(t > 200, 4 * v, v)),
    "over-fitting": lambda s: changed(s, "validation_loss", lambda t, v: v * np.exp(np.maximum(0, t - 150) / 300)),
    "validation-gap": lambda s: changed(s, "validation_loss", lambda _, v: v * 2.5),
    "plateau": lambda s: changed(s, "loss", lambda _, v: v * 0 + 5 + 0.01 * np.sin(np.arange(len(v)))),
}


def burst(at: int, points: int, times: float, behind: float = 1.0) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Let a signal stand so many times as high for a few points, and at another level behind them."""
    return lambda t, v: v * np.where((t >= at) & (t < at + points), times, np.where(t < at, 1.0, behind))


def bursts(*places: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    return lambda t, v: v * np.where(np.isin(t, [at + more for at in places for more in range(4)]), 2.5, 1.0)


def both(change: Callable[[np.ndarray, np.ndarray], np.ndarray], *names: str) -> Callable[[Signals], Signals]:
    def plant(signals: Signals) -> Signals:
        for name in names:
            signals = changed(signals, name, change)
        return signals

    return plant


def loss_of(change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[[Signals], Signals]:
    return both(change, "loss")


def in_epochs(signals: Signals, *names: str) -> Signals:
    """Return the first of the sampled points of some signals: a curve of few points."""
    return {name: Series(np.arange(1, 31), signals[name].value[:30]) for name in names}


def extra(
    change: Callable[[Signals], Signals], **series: tuple[list[int], list[float]]
) -> Callable[[Signals], Signals]:
    return lambda s: change(s) | {name: Series(np.array(at), np.array(value)) for name, (at, value) in series.items()}


def few_parts(signals: Signals) -> Signals:
    """Let one update in eight be made of half as many passes, whose gradients are summed."""
    passes = np.where(signals["loss"].step % 8 == 0, 2.0, 4.0)
    signals["backwards"] = Series(signals["loss"].step, passes)
    return changed(signals, "gradient_norm", lambda _, v: v * passes)


def without(name: str, first: int, last: int) -> Callable[[Signals], Signals]:
    def cut(signals: Signals) -> Signals:
        series = signals[name]
        kept = (series.step < first) | (series.step > last)
        return {**signals, name: Series(series.step[kept], series.value[kept])}

    return cut


def unknown_words(signals: Signals) -> Signals:
    step, value = signals["validation_loss"].step, signals["validation_loss"].value
    more = {
        "loss/seen": value,
        "loss/unknown": 6 + step / 20,
        "count": step * 0 + 100.0,
        "count/unknown": step * 0 + 15,
    }
    signals |= {f"validation_{name}": Series(step, np.asarray(series, float)) for name, series in more.items()}
    return changed(signals, "validation_loss", lambda t, v: 0.85 * v + 0.15 * (6 + t / 20))


ALL = list(range(1, STEPS + 1))
VARIED: dict[str, tuple[Callable[[Signals], Signals], int | None]] = {
    "a spike that settles on a higher level": (loss_of(burst(200, 12, 3.0, 1.6)), None),
    "a spike on a short curve": (lambda s: both(burst(19, 3, 2.2), "loss")(in_epochs(s, "loss")), None),
    "a spike that stays on a short curve": (lambda s: both(burst(19, 3, 2.2, 1.9), "loss")(in_epochs(s, "loss")), None),
    "a bad batch": (both(burst(200, 1, 4.0), "loss", "gradient_norm"), None),
    "a spike at the first steps": (loss_of(burst(6, 5, 3.0)), None),
    "two spikes": (loss_of(bursts(120, 240)), None),
    "spikes at equal intervals": (loss_of(bursts(80, 140, 200, 260)), None),
    "spikes at uneven intervals": (loss_of(bursts(80, 120, 220, 260)), None),
    "five spikes": (loss_of(bursts(60, 90, 150, 170, 260)), None),
    "a spike of validation alone": (both(burst(150, 30, 2.5), "validation_loss"), None),
    "a spike of both losses": (both(burst(150, 30, 2.5), "loss", "validation_loss"), None),
    "a validation that creeps up": (
        both(lambda t, v: v * np.exp(np.maximum(0, t - 60) / 200), "validation_loss"),
        None,
    ),
    "a loss below nothing": (loss_of(lambda t, v: v - 4 + 2 * ((t >= 200) & (t < 210))), None),
    "worse than uniform": (loss_of(burst(200, 15, 3.0)), 148),
    "worse than uniform to the end": (loss_of(burst(200, 15, 4.0, 4.0)), 148),
    "worse than untrained at first": (loss_of(burst(2, 3, 2.5)), None),
    "at uniform": (loss_of(lambda t, _: np.log(148) + 0.01 * np.sin(t)), 148),
    "a long standstill": (
        loss_of(lambda t, _: 5 * np.exp(-np.maximum(0, t - 160) / 100) * (1 + 0.01 * np.sin(7 * t))),
        None,
    ),
    "a break with a jump": (lambda s: without("loss", 150, 159)(both(burst(160, 141, 1.3), "loss")(s)), None),
    "a break with a jump of the rate": (
        lambda s: without("loss", 150, 159)(both(burst(160, 141, 2.0), "learning_rate")(s)),
        None,
    ),
    "a break of the clock": (both(lambda t, v: v * np.where(t == 160, 40, 1.0), "step_seconds"), None),
    "lost moments": (both(burst(160, 10, 4.0), *(f"update_ratio/{layer}" for layer in LAYERS)), None),
    "lost moments in half of the layers": (
        both(burst(160, 10, 4.0), *(f"update_ratio/{one}" for one in LAYERS[:2])),
        None,
    ),
    "a rate that starts again": (both(lambda t, v: np.where(t < 160, v * (1 - t / 200), v), "learning_rate"), None),
    "a summed gradient": (few_parts, None),
    "a summed loss": (extra(loss_of(lambda _, v: 4 * v), backwards=(ALL, [4.0] * STEPS)), 148),
    "one predicted class": (extra(lambda s: s, validation_classes=([10, 20, 30, 40], [1.0, 1.0, 1.0, 1.0])), None),
    "unknown words": (unknown_words, None),
    "a repeated loss": (loss_of(lambda t, v: np.where((t >= 150) & (t <= 153), v[149], v)), None),
    "a repeated evaluation": (both(lambda t, v: np.where((t == 150) | (t == 160), v[14], v), "validation_loss"), None),
    "a few skipped updates": (extra(lambda s: s, update_skipped=([40, 90, 200], [1.0, 1.0, 1.0])), None),
    "accumulated updates": (
        extra(lambda s: s, update_skipped=([at for at in ALL if at % 4], [1.0] * (STEPS * 3 // 4))),
        None,
    ),
    "a loss scaler": (both(lambda t, v: np.where(np.isin(t, [50, 51, 180]), np.inf, v), "gradient_norm"), None),
    "a gradient without numbers": (both(lambda t, v: np.where(t > 200, np.nan, v), "gradient_norm"), None),
    "a gradient that grows into an overflow": (
        lambda s: both(lambda t, v: np.where(t > 200, np.nan, v), "loss")(
            changed(s, "gradient_norm", lambda t, v: v * np.exp(np.maximum(0, t - 190)))
        ),
        None,
    ),
    "an explosion that is clipped": (
        extra(both(burst(200, 1, 40.0), "gradient_norm"), gradient_norm_clipped=(ALL, [1.0] * STEPS)),
        None,
    ),
    "a loop gain": (
        extra(loss_of(burst(220, 6, 3.0)), loop_gain=(list(range(10, 301, 10)), [*[1.0] * 12, *[1.3] * 18])),
        None,
    ),
    "updates of nearly nothing": (lambda s: changed(slowly(s), "update_ratio/head", lambda _, v: 1e-5 * v), None),
    "logits that grow": (both(lambda t, v: v * np.exp(t / 60), "logit_max", "context_norm"), None),
    "a restart in warm-up": (both(lambda t, v: np.where(t < 8, v, np.maximum(t - 8, 0) / 4e4), "learning_rate"), None),
}
"""By name: what is changed, and the number of tokens where it is known."""


@pytest.mark.parametrize("kind", PLANTED)
def test_what_is_planted_is_found(kind: str) -> None:
    found = alarms(PLANTED[kind](sound()))
    assert kind in found
    assert str(found[kind].sentence)
    assert found[kind].test
    assert found[kind].candidate_causes
    assert all(0 < (one.confidence or 0) <= 1 for one in found.values())


@pytest.mark.parametrize("kind", sorted(set(PLANTED) - {"diverged", "spike"}))
def test_little_else_is_found(kind: str) -> None:
    found = alarms(PLANTED[kind](sound()))
    assert len(found) <= 2, found


@pytest.mark.parametrize(("gradient", "severity"), [(True, "warning"), (False, "note")])
def test_a_layer_kept_from_the_optimizer_is_wrong_where_it_asks_for_a_gradient(gradient: bool, severity: str) -> None:
    facts = Facts(layers=tuple(Layer(name, "Linear", 100, trained=name != "blocks.0") for name in LAYERS))
    signals = changed(sound(), "update_norm/blocks.0", lambda _, v: 0 * v)
    if not gradient:
        del signals["gradient_norm/blocks.0"]
    (found,) = [one for one in diagnose(Trace(signals), facts) if one.kind == "frozen-layer"]
    assert found.severity == severity


def test_a_layer_that_was_frozen_on_the_way_is_not_said_to_have_never_moved() -> None:
    """The recording says what is frozen at its end; the layer's signals end where it was frozen."""
    facts = Facts(layers=tuple(Layer(name, "Linear", 100, trained=name != "blocks.0") for name in LAYERS))
    for points in (1, 4):
        signals = sound()
        for name in [one for one in signals if one.endswith("/blocks.0")]:
            signals[name] = Series(signals[name].step[:points], signals[name].value[:points])
        (found,) = [one for one in diagnose(Trace(signals), facts) if one.kind == "frozen-layer"]
        last = signals["update_norm/blocks.0"].step[-1]
        assert (found.severity, found.first_step, found.causes) == ("note", last, ())
        assert "and is frozen from then on" in str(found.sentence)


def test_what_another_optimizer_moves_is_not_frozen() -> None:
    signals = changed(sound(), "update_norm/blocks.0", lambda _, v: 0 * v)
    assert "frozen-layer" in alarms(signals)
    between = changed(signals, "weight_norm/blocks.0", lambda t, v: v + 1e-5 * t)
    assert "frozen-layer" not in alarms(between)


@pytest.mark.parametrize(
    ("name", "without", "severity"),
    [
        ("head", ("gradient_norm/head",), "note"),  # the last layer: nothing that comes of it is in the loss
        ("blocks.0", ("gradient_norm/blocks.0",), "warning"),  # cut off from the loss, layers behind it are not
        ("blocks.1", ("gradient_norm/blocks.1",), "note"),  # the loss reaches all before it: it is one of several heads
        ("blocks.1", ("gradient_norm/blocks.0", "gradient_norm/blocks.1"), "warning"),
        ("blocks.0", ("gradient_norm/blocks.0", "activation_rms/blocks.0"), "note"),  # never called
        ("head", (), "warning"),
    ],
)
def test_a_layer_that_is_in_no_part_of_the_loss_is_a_note(name: str, without: tuple[str, ...], severity: str) -> None:
    signals = changed(sound(), f"update_norm/{name}", lambda _, v: 0 * v)
    signals = {one: series for one, series in signals.items() if one not in without}
    (found,) = [one for one in diagnose(Trace(signals), FACTS) if one.kind == "frozen-layer"]
    assert found.severity == severity
    assert ("not used in the loss" in str(found.sentence)) is (severity == "note")


def test_a_first_update_far_too_large_is_the_layer_s_own_fault() -> None:
    signals = changed(slowly(sound()), "update_ratio/embedding", lambda t, v: np.where(t == EVERY, 10, v))
    assert "update-ratio" not in alarms(signals)  # the weights are as large as ever
    blown = changed(signals, "weight_norm/embedding", lambda t, v: np.where(t == EVERY, v, 30 * v))
    found = alarms(blown)["update-ratio"]
    assert found.candidate_causes[0] == "exploding-embedding"
    assert (found.first_step, found.last_step) == (EVERY, EVERY)
    from_nothing = changed(blown, "weight_norm/embedding", lambda _, v: 1e-5 * v)
    assert "update-ratio" not in alarms(from_nothing)


def test_lost_moments_show_in_the_updates_of_most_layers() -> None:
    signals = sound()
    for layer in LAYERS:
        signals = changed(signals, f"update_ratio/{layer}", lambda t, v: np.where(t == 160, 4 * v, v))
    found = alarms(signals)["resume-jump"]
    assert found.first_step == 160
    assert found.candidate_causes[0] == "moments-lost"


def test_a_break_in_the_log_with_a_jump_of_the_loss_is_a_resume() -> None:
    signals = changed(sound(), "loss", lambda t, v: np.where(t >= 160, 1.3 * v, v))
    kept = ~((signals["loss"].step >= 150) & (signals["loss"].step < 160))
    signals["loss"] = Series(signals["loss"].step[kept], signals["loss"].value[kept])
    assert alarms(signals)["resume-jump"].first_step == 160
    assert str(alarms(signals)["resume-jump"].sentence).startswith("the log breaks off and goes on at step 160, and")


def test_a_log_without_a_gap_does_not_break_off() -> None:
    signals = changed(sound(), "loss", lambda t, v: np.where(t >= 160, 1.3 * v, v))
    signals["ledger_share"] = Series(signals["loss"].step, np.ones(len(signals["loss"].step)))
    facts = dataclasses.replace(FACTS, origin="record", resumed=(159,))
    (found,) = detect_resume(Trace(signals), facts)
    assert str(found.sentence).startswith("the training goes on from a checkpoint at step 160, and the loss rises by")
    del signals["ledger_share"]
    signals["step_seconds"] = Series(signals["loss"].step, np.where(signals["loss"].step == 160, 100.0, 1.0))
    (found,) = detect_resume(Trace(signals), FACTS)
    assert str(found.sentence).startswith("the clock breaks off before step 160, as where a training is resumed, and")


def test_an_optimizer_that_is_resumed_without_its_state_is_said_to_be_so() -> None:
    signals = sound() | {"moments_missing": Series(np.array([160]), np.ones(1))}
    found = alarms(signals)["resume-jump"]
    assert found.causes
    assert found.causes[0].name == "moments-lost"
    assert str(found.sentence) == (
        "the optimizer begins anew at step 160, where the training was resumed: it held neither moments nor a count of "
        "updates there"
    )
    jumps = changed(signals, "learning_rate", lambda t, v: np.where(t >= 160, 10 * v, v))
    assert str(alarms(jumps)["resume-jump"].sentence).endswith("; the learning rate jumps there, too")


def test_a_gradient_that_follows_the_number_of_passes_is_a_sum() -> None:
    signals = sound()
    step = signals["loss"].step
    passes = np.where(step % 3 == 0, 2.0, 4.0)
    signals["backwards"] = Series(step, passes)
    assert "accumulation-scale" not in alarms(signals)
    summed = changed(signals, "gradient_norm", lambda _, v: v * passes)
    found = alarms(summed)["accumulation-scale"]
    assert found.evidence["passes_ratio"] == pytest.approx(2)
    assert found.evidence["norm_ratio"] == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize(("multiple", "is_alarm"), [(1.0, False), (4.0, True)])
def test_a_sum_that_begins_on_the_way_is_told_by_the_updates_of_several_passes(multiple: float, is_alarm: bool) -> None:
    signals = sound()
    step = signals["loss"].step
    passes, late = np.where(step > 160, 4.0, 1.0), step > 160
    signals = changed(signals, "gradient_norm", lambda _, v: v * passes)
    signals |= {"backwards": Series(step[late], passes[late])}
    signals |= {"loss_multiple": Series(step[::10], np.where(late[::10], multiple, 1.0))}
    assert ("accumulation-scale" in alarms(signals)) is is_alarm


@pytest.mark.parametrize(("multiple", "is_alarm"), [(None, False), (1.0, False), (4.0, True)])
def test_a_short_update_at_the_end_of_an_epoch_is_none_of_a_sum(multiple: float | None, is_alarm: bool) -> None:
    # A mean that is always divided by four is short there too: only the gradient of the logits tells the two apart.
    signals = sound()
    step = signals["loss"].step
    passes = np.where(step % 8 == 0, 2.0, 4.0)
    signals["backwards"] = Series(step, passes)
    if multiple is not None:
        signals["loss_multiple"] = Series(step, multiple * passes / 4)
    assert ("accumulation-scale" in alarms(changed(signals, "gradient_norm", lambda _, v: v * passes))) is is_alarm


def test_large_updates_are_borne_where_the_loss_is_learnt() -> None:
    large = changed(sound(), "update_ratio/head", lambda _, v: 0.15 + 0 * v)
    assert "update-ratio" not in alarms(large)
    assert "update-ratio" in alarms(changed(large, "loss", lambda _, v: 5 + 0.02 * v))


def test_a_loss_summed_over_passes_shows_where_the_vocabulary_is_known() -> None:
    signals = sound()
    signals["backwards"] = Series(signals["loss"].step, np.full(STEPS, 4.0))
    summed = changed(signals, "loss", lambda _, v: 4 * v)
    assert alarms(summed, Facts(vocabulary=148))["accumulation-scale"].evidence["first_loss_over_uniform"] > 3.5


def test_context_growth_tells_its_lead_before_the_spike() -> None:
    signals = changed(sound(), "context_growth", lambda t, v: np.where(t >= 120, 1.3, v))
    signals = changed(signals, "loss", lambda t, v: np.where(abs(t - 207) < 8, 2.5 * v, v))
    found = alarms(signals)["context-growth"]
    assert (found.first_step, found.evidence["lead_steps"]) == (120, 80)
    assert alarms(signals)["spike"].candidate_causes[:2] == ("unbounded-recurrence", "additive-context")


def test_a_context_that_grew_while_young_and_has_settled_is_no_alarm() -> None:
    def young(settles: int) -> Signals:
        return changed(sound(), "context_growth", lambda t, v: np.where((t > 20) & (t < settles), 1.12, v))

    assert alarms(young(settles=110)) == {}
    assert "context-growth" in alarms(young(settles=STEPS + 1))


def test_worse_than_uniform_is_held_against_the_vocabulary() -> None:
    signals = changed(sound(), "loss", lambda t, v: np.where(abs(t - 200) < 8, 3 * v, v))
    found = alarms(signals, Facts(vocabulary=148))["worse-than-uniform"]
    assert found.evidence["reference"] == pytest.approx(np.log(148))
    assert "worse-than-uniform" not in alarms(signals, Facts(vocabulary=10_000))


def test_one_predicted_class_is_told() -> None:
    signals = sound()
    signals["validation_classes"] = Series(signals["validation_loss"].step, np.ones(STEPS // EVERY))
    assert "one-predicted-class" in alarms(signals)


def test_the_gap_of_unknown_tokens_is_no_over_fitting() -> None:
    signals = sound()
    step, value = signals["validation_loss"].step, signals["validation_loss"].value
    signals["validation_loss/seen"] = Series(step, value)
    signals["validation_loss/unknown"] = Series(step, 6 + step / 20)
    signals["validation_count"] = Series(step, np.full(len(step), 100.0))
    signals["validation_count/unknown"] = Series(step, np.full(len(step), 15.0))
    signals["validation_loss"] = Series(step, 0.85 * value + 0.15 * (6 + step / 20))
    found = alarms(signals)
    assert "over-fitting" not in found
    assert "unknown-tokens" in found


@pytest.mark.parametrize(("accuracy", "k", "n"), [(0.1714, 6, 35), (17.14, 6, 35), (0.25, 1, 4), (0.3333, 1, 3)])
def test_k_of_n_is_found_from_a_bare_accuracy(accuracy: float, k: int, n: int) -> None:
    step = np.arange(1, 24)
    digits = 2 if accuracy > 1 else 4
    trace = Trace(
        {"loss": Series(step, 7 - step / 10), "accuracy": Series(step, np.full(23, accuracy))},
        "epoch",
        {"accuracy": digits},
    )
    (found,) = [one for one in diagnose(trace) if one.kind == "constant-accuracy"]
    assert (found.evidence["right"], found.evidence["of"]) == (k, n)


@pytest.mark.parametrize("cycles", [3, 4])
def test_planned_restarts_of_the_learning_rate_are_no_jump_and_excuse_their_bumps(cycles: int) -> None:
    signals = sound()
    step = signals["loss"].step
    phase = ((step - 1) % (STEPS // cycles)) / (STEPS // cycles)
    signals["learning_rate"] = Series(step, 1e-3 * 0.5 * (1 + np.cos(np.pi * phase)))
    bump = 1 + 0.5 * np.exp(-phase / 0.1) * (step > STEPS // cycles)
    signals["loss"] = Series(step, signals["loss"].value * bump)
    assert alarms(signals) == {}


def test_a_rate_that_falls_back_to_a_constant_start_does_not_start_again() -> None:
    def rate(step: np.ndarray, _: np.ndarray) -> np.ndarray:
        return np.where(step < 30, 5e-4, np.where(step < 200, 5e-4 + 5e-4 * np.minimum((step - 30) / 100, 1), 5e-4))

    assert "learning-rate-jump" not in alarms(changed(sound(), "learning_rate", rate))


def sampled_at(
    value: float, count: int = STEPS // EVERY, first: int = 15
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Put a value into so many sampled steps from the first on, and leave the others."""
    return lambda _, v: np.where((np.arange(len(v)) >= first) & (np.arange(len(v)) < first + count), value, v)


def rising(rise: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Let a signal rise by so much, on the log scale, over the second half."""
    return lambda t, v: v * np.exp(rise * np.maximum(0, t - 150) / 150)


LIMITS: list[tuple[str, str, Callable[[float], Callable[[np.ndarray, np.ndarray], np.ndarray]], float, float]] = [
    ("vanishing-gradient", "gradient_norm/embedding", lambda share: lambda _, v: 0.3 * share + 0 * v, 4e-4, 2.2e-4),
    ("vanishing-signal", "activation_rms/blocks.1", lambda share: lambda _, v: share + 0 * v, 1.4e-3, 7e-4),
    ("dead-units", "activation_zero/blocks.0", lambda share: lambda _, v: share + 0 * v, 0.77, 0.83),
    ("saturated-gates", "gate_saturation/blocks.0", lambda share: lambda _, v: share + 0 * v, 0.77, 0.83),
    ("second-moment", "second_moment_mismatch/head", lambda value: sampled_at(value, 3), 4.8, 5.2),
    ("second-moment", "second_moment_mismatch/head", lambda value: sampled_at(value, 1), 19.0, 21.0),
    ("second-moment", "second_moment_mismatch/head", lambda count: sampled_at(6.0, int(count)), 2, 3),
    ("update-ratio", "update_ratio/head", lambda ratio: lambda _, v: ratio + 0 * v, 0.09, 0.11),
    ("gradient-explosion", "gradient_norm", lambda norm: lambda t, v: np.where(t == 200, norm, v), 6.0, 12.0),
    ("attention-collapse", "attention_entropy/blocks.1", lambda nats: sampled_at(nats), 0.11, 0.09),
    ("attention-collapse", "attention_logit/blocks.1", lambda logit: sampled_at(logit), 75.0, 85.0),
    ("context-growth", "context_growth", lambda factor: sampled_at(factor), 1.04, 1.06),
    ("context-growth", "context_growth", lambda count: sampled_at(1.25, int(count), 10), 5, 6),
    ("context-growth", "context_growth", lambda factor: sampled_at(factor, 7, 10), 1.19, 1.22),
    ("activation-growth", "activation_rms/blocks.1", lambda end: lambda _, v: np.geomspace(4, end, len(v)), 36, 56),
    ("activation-growth", "activation_rms/blocks.1", lambda end: lambda _, v: np.geomspace(0.5, end, len(v)), 25, 40),
    ("activation-growth", "logit_max", lambda logit: sampled_at(logit), 180.0, 220.0),
    ("loss-drop", "loss", lambda fall: lambda t, v: np.where(abs(t - 150) < 10, np.exp(-fall) * v, v), 0.2, 0.5),
    ("validation-gap", "validation_loss", lambda gap: lambda _, v: v * np.exp(gap), 0.2, 0.5),
    ("slow-divergence", "loss", rising, 0.05, 0.4),
    ("over-fitting", "validation_loss", rising, 0.12, 0.3),
    ("frozen-layer", "update_norm/blocks.0", lambda count: sampled_at(0.0, int(count), 0), 28, 29),
    ("update-ratio", "update_ratio/head", lambda ratio: lambda _, v: ratio + 0 * v, 2e-7, 5e-8),
    ("spike", "loss", lambda rise: lambda t, v: np.where(abs(t - 200) < 8, np.exp(rise) * v, v), 0.1, 0.6),
]


@pytest.mark.parametrize(("kind", "name", "planted", "silent", "told"), LIMITS)
def test_an_alarm_begins_at_its_limit(
    kind: str,
    name: str,
    planted: Callable[..., Callable[[np.ndarray, np.ndarray], np.ndarray]],
    silent: float,
    told: float,
) -> None:
    signals = slowly(sound()) if kind in {"vanishing-gradient", "vanishing-signal", "update-ratio"} else sound()
    assert kind not in alarms(changed(signals, name, planted(silent)))
    assert kind in alarms(changed(signals, name, planted(told)))


EVERY_RUN = {kind: (plant, None) for kind, plant in PLANTED.items()} | VARIED


@pytest.mark.parametrize("kind", EVERY_RUN)
def test_what_is_said_of_a_planted_run_is_what_was_said(kind: str, hold: Callable[..., None]) -> None:
    plant, vocabulary = EVERY_RUN[kind]
    hold("planted_findings", kind, said_of(plant(sound()), vocabulary))


def said_of(signals: Signals, vocabulary: int | None = None) -> list[Finding]:
    return diagnose(Trace(signals), dataclasses.replace(FACTS, vocabulary=vocabulary))


@pytest.mark.parametrize("kind", PLANTED)
def test_the_order_of_the_signals_does_not_matter(kind: str) -> None:
    signals = PLANTED[kind](sound())
    here, there = (said_of(dict(order)) for order in (signals.items(), reversed(signals.items())))
    assert {(one.kind, one.signal, one.first_step, one.last_step) for one in here if _whole(one)} == {
        (one.kind, one.signal, one.first_step, one.last_step) for one in there if _whole(one)
    }


@pytest.mark.parametrize("kind", ["loss-drop", "spike", "diverged", "slow-divergence", "plateau", "not-finite"])
def test_losses_of_other_names_are_found_in_any_order(kind: str) -> None:
    signals = PLANTED[kind](sound())
    losses = {"eval_loss": signals["validation_loss"], "train_loss": signals["loss"]}
    for order in (losses.items(), reversed(losses.items())):
        assert alarms(dict(order))[kind].signal == "train_loss"


def test_an_adapter_that_begins_at_nothing_has_not_vanished() -> None:
    signals, name = slowly(sound()), "activation_rms/blocks.1"
    faint = changed(signals, name, lambda _, v: 1e-5 * v)[name]
    assert "vanishing-signal" in alarms(signals | {f"{name}.out": faint})
    assert "vanishing-signal" not in alarms(signals | {f"{name}.out.lora_B.default": faint})


def test_beside_a_layer_that_has_grown_out_of_range_no_other_has_vanished() -> None:
    signals = slowly(sound())  # where nothing is learnt, what has vanished is an alarm
    late = changed(signals, "activation_rms/blocks.1", lambda step, v: np.where(step > 0.4 * step.max(), 1e6, v))
    assert "activation-growth" in {found.kind for found in diagnose(Trace(late))}
    assert "vanishing-signal" not in alarms(late)
    faint = changed(late, "activation_rms/blocks.0", lambda _, v: 1e-5 * v)
    assert "vanishing-signal" in alarms(faint)  # as it was from the first step on


def test_an_embedding_gives_as_little_as_it_learns() -> None:
    """Tables of n-grams that decay end far below the logits, beside an embedding that is used."""
    signals, name = slowly(sound()), "activation_rms/blocks.1"
    signals = changed(signals, name, lambda _, v: 1e-5 * v)

    def said(kind: str) -> set[str]:
        layers = tuple(Layer(one, kind if f"/{one}" in name else "Linear", 100) for one in LAYERS)
        return {found.kind for found in diagnose(Trace(signals), Facts(layers=layers))}

    assert "vanishing-signal" in said("Linear")
    assert "vanishing-signal" not in said("Embedding")
    assert "vanishing-signal" not in said("NGramTable")


OF_LAYERS = {
    "vanishing-gradient": "gradient_norm", "vanishing-signal": "activation_rms", "dead-units": "activation_zero",
    "saturated-gates": "gate_saturation", "update-ratio": "update_ratio", "attention-collapse": "attention_entropy",
}  # fmt: skip


@pytest.mark.parametrize("kind", OF_LAYERS)
def test_of_layers_that_were_sampled_three_times_nothing_is_said(kind: str) -> None:
    signals = PLANTED[kind](sound())
    for count, told in ((3, False), (30, True)):
        first = {
            name: Series(series.step[:count], series.value[:count]) if name.startswith(OF_LAYERS[kind]) else series
            for name, series in signals.items()
        }
        assert (kind in alarms(first)) is told


def test_layers_are_told_in_the_models_order_three_of_them_by_name() -> None:
    signals = sound()
    for layer in reversed(LAYERS):
        signals = changed(signals, f"activation_zero/{layer}", lambda _, v: 0 * v + 0.9)
    found = alarms(signals)["dead-units"]
    assert found.evidence["layers"] == list(LAYERS)
    assert "embedding, blocks.0, blocks.1 and 1 more" in str(found.sentence)


@pytest.mark.parametrize(
    ("layers", "cause"),
    [
        (LAYERS, "learning-rate"), (LAYERS[1:], "learning-rate"), (LAYERS[2:], "initialisation"),
        (LAYERS[:2], "exploding-embedding"), (LAYERS[3:], "initialisation"),
    ],
)  # fmt: skip
def test_large_updates_of_most_layers_are_the_learning_rates(layers: tuple[str, ...], cause: str) -> None:
    signals = slowly(sound())
    for at, layer in enumerate(layers):
        signals = changed(signals, f"update_ratio/{layer}", lambda _, v, at=at: 0.3 - 0.01 * at + 0 * v)
    assert alarms(signals)["update-ratio"].candidate_causes[0] == cause


@pytest.mark.parametrize(("matters", "severity"), [(None, "warning"), (True, "warning"), (False, "note")])
def test_an_evaluation_in_training_mode_is_a_note_where_no_layer_minds_it(matters: bool | None, severity: str) -> None:
    signals = PLANTED["evaluation-in-training-mode"](sound())
    facts = dataclasses.replace(FACTS, training_mode_matters=matters)
    (found,) = (one for one in diagnose(Trace(signals), facts) if one.kind == "evaluation-in-training-mode")
    assert found.severity == severity
    assert ("no layer that behaves differently" in str(found.sentence)) is (matters is False)


@pytest.mark.parametrize(
    ("matters", "asks", "said"), [(False, False, 0), (False, True, 1), (True, False, 1), (None, False, 1)]
)
def test_a_mode_that_changes_nothing_is_no_finding(matters: bool | None, asks: bool, said: int) -> None:
    facts = dataclasses.replace(FACTS, training_mode_matters=matters, asks_for_mode=asks)
    found = diagnose(Trace(PLANTED["evaluation-in-training-mode"](sound())), facts)
    assert sum(one.kind == "evaluation-in-training-mode" for one in found) == said


def _whole(finding: Finding) -> bool:
    """Whether it is of a single signal; of layers that are alike the first is named."""
    return "/" not in (finding.signal or "")


def rate_changed(factor: float, first: int, last: int, schedule: np.ndarray | None = None) -> Trace:
    """Return a log in which the rate was multiplied from one step to another, and the loss shows it."""
    steps = np.arange(1, 401)
    rate = np.full(400, 3e-3) if schedule is None else schedule
    rate = np.where((steps >= first) & (steps < last), factor * rate, rate)
    loss = 1 + 4 * np.exp(-steps / 60) + np.random.default_rng(0).normal(0, 0.02, 400)
    loss[first : last + 10] += np.linspace(3, 0.1, last + 10 - first)
    return Trace({"loss": Series(steps, loss), "learning_rate": Series(steps, rate)})


@pytest.mark.parametrize("factor", [3.0, 30.0, 100.0])
@pytest.mark.parametrize("steps", [3, 20])
def test_a_rate_that_is_changed_for_a_while_is_named_with_its_factor_and_its_steps(factor: float, steps: int) -> None:
    found = {one.kind: one for one in diagnose(rate_changed(factor, 150, 150 + steps), Facts())}
    jump, spike = found["learning-rate-jump"], found["spike"]
    assert spike.severity == "warning"  # no planned restart excuses it
    assert spike.supported_causes is not None
    assert spike.supported_causes[0] == "learning-rate"
    assert (jump.first_step, jump.last_step) == (150, 150 + steps)
    assert jump.candidate_causes == ("learning-rate",)
    assert f"({factor:g} times what it was), and is back at step {150 + steps}" in str(jump.sentence)
    assert "loss-drop" not in found


def test_a_planned_restart_is_no_jump() -> None:
    cycle = 3e-3 * (1 + np.cos(np.linspace(0, np.pi, 200))) / 2
    restarted = rate_changed(1.0, 200, 203, np.tile(cycle, 2))
    assert "learning-rate-jump" not in {one.kind for one in diagnose(restarted, Facts())}
    # Where the training was resumed it is the schedule that has lost its own state.
    found = {one.kind: one for one in diagnose(restarted, Facts(resumed=(200,)))}
    assert found["learning-rate-jump"].first_step == 201
    assert "where the training was resumed" in str(found["learning-rate-jump"].sentence)
    assert "learning-rate-jump" not in {one.kind for one in diagnose(restarted, Facts(resumed=(150,)))}


def test_a_first_evaluation_in_the_middle_of_training_is_not_of_an_untrained_model() -> None:
    steps = np.arange(1, 11)
    loss = Series(np.arange(1, 1001), np.linspace(2.5, 0.2, 1000))
    validation = Series(100 * steps, np.linspace(0.5, 0.9, 10))
    found = {one.kind for one in diagnose(Trace({"loss": loss, "validation_loss": validation}), Facts())}
    assert found == {"over-fitting"}


@pytest.mark.parametrize(
    ("before", "right", "is_found"),
    [(500, 813, False), (500, 790, True), (805, 803, True)],  # learnt but for one; many wrong; so from the start
)
def test_the_accuracy_of_a_task_that_is_learnt_may_stand(before: int, right: int, is_found: bool) -> None:
    step = np.arange(1, 31)
    counts = {"validation_correct": np.r_[before, np.full(29, right)], "validation_count": np.full(30, 814)}
    signals = {name: Series(step, value.astype(float)) for name, value in counts.items()}
    signals |= {
        "loss": Series(step, np.linspace(0.7, 0.1, 30)),
        "validation_loss": Series(step, np.linspace(0.7, 0.1, 30)),
    }
    found = {one.kind for one in diagnose(Trace(signals), Facts())}
    assert ("constant-accuracy" in found) is is_found


def test_a_loss_of_nearly_nothing_is_a_note_where_the_recorder_saw_no_leak() -> None:
    step, sampled = np.arange(1, 201), np.arange(10, 201, 10)
    loss = Series(step, 4 * np.exp(-step / 10) + 0.05)
    evaluated = Series(sampled, 4 * np.exp(-sampled / 10) + 0.06)
    signals = {"loss": loss, "validation_loss": evaluated}
    signals |= {"targets": Series(sampled, np.full(20, 512.0)), "later_tokens_seen": Series(sampled[:2], np.zeros(2))}
    signals["target_is_next"] = Series(sampled, np.ones(20))
    layers = (Layer("embedding", "Embedding", 64, trained=True), Layer("head", "Linear", 64, trained=True))

    def found(**changed: Series) -> list[str]:
        findings = diagnose(Trace(signals | changed), Facts(origin="record", layers=layers, vocabulary=64))
        return [one.severity for one in findings if one.kind == "too-good"]

    assert found() == ["note"]
    assert found(later_tokens_seen=Series(sampled[:2], np.full(2, 0.1))) == ["warning"]
    assert found(target_is_next=Series(sampled, np.zeros(20))) == []  # a translation, say
    assert found(target_is_next=Series(sampled, np.zeros(20)), target_is_input=Series(sampled, np.ones(20))) == [
        "warning"
    ]


def test_a_rounded_accuracy_that_rests_is_no_constant_one() -> None:
    accuracy = Series(np.arange(1, 31), np.r_[0.80, 0.81, 0.82, np.full(27, 0.83)])
    loss = Series(np.arange(1, 31), np.linspace(0.7, 0.5, 30))
    signals = {"validation_accuracy": accuracy, "validation_loss": loss}
    kinds = [
        {one.kind for one in diagnose(Trace(signals, decimals={"validation_accuracy": digits}), Facts())}
        for digits in (2, 3)
    ]
    assert [("constant-accuracy" in found) for found in kinds] == [False, True]
