"""A run held against a sound one: what differs is told, another seed is not."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.against.compare import held_against
from newllm.diagnosis.against.parting import exact_parting, level_parting, noisy_parting
from newllm.diagnosis.against.reached import LEAST, reached_differences
from newllm.diagnosis.against.told import Sound
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts, Layer, Planned
from newllm.errors import UserError
from newllm.messages import catalogue, message
from newllm.trace import Cause, Finding, Series, Trace
from newllm.trace.program import Program

SAID = message("size-bytes", count=1)
EVALUATED = np.arange(50, 601, 50)
STEPS, SAMPLED = np.arange(1, 601), np.append(1, np.arange(10, 601, 10))
SETTINGS = {"optimizer.name": "Adam", "dropout": 0.1, "seed": 1, "out": "a"}
RECORD = Facts(origin="record", ended=True, settings=SETTINGS)


def scattered(seed: int, level: Any = 0.0, deviation: float = 1.0, steps: np.ndarray = STEPS) -> Series:
    return Series(steps, level + deviation * np.random.default_rng(seed).standard_normal(len(steps)))


def learning(seed: int, half: float = 60.0, floor: float = 0.4, noise: float = 0.05) -> np.ndarray:
    return (2 * np.exp(-STEPS / half) + floor) * np.exp(noise * np.random.default_rng(seed).standard_normal(len(STEPS)))


def run(seed: int, **signals: Any) -> Trace:
    """Return a recording of a training with a seed, some signals of which are given."""
    rng = np.random.default_rng(seed)
    own: dict[str, Any] = {
        "loss": learning(seed),
        "learning_rate": np.minimum(1, STEPS / 50) * 1e-3,
        "input_mean": 0.1 + 0.05 * rng.standard_normal(len(STEPS)),
        "input_std": 1 + 0.05 * rng.standard_normal(len(STEPS)),
        "rows": np.full(len(STEPS), 32.0),
        "targets_used": (SAMPLED, 0.5 + 0.03 * rng.standard_normal(len(SAMPLED))),
        "gradient_norm/0": (SAMPLED, np.exp(0.3 * rng.standard_normal(len(SAMPLED)))),
    }
    made = {}
    for name, value in (own | {name.replace("__", "/"): value for name, value in signals.items()}).items():
        steps, values = value if isinstance(value, tuple) else (STEPS, value)
        made[name] = Series(steps, np.broadcast_to(values, steps.shape).astype(float))
    return Trace(made, "step")


SOUND = run(1)


def told(trace: Trace, facts: Facts = RECORD, sound: Trace = SOUND, of: Facts = RECORD) -> dict[str, Finding]:
    other = Sound("runs/sound", sound, of, diagnose(sound, of))
    findings, _ = held_against(diagnose(trace, facts), trace, facts, [other])
    return {one.kind: one for one in findings}


def different(found: dict[str, Finding]) -> Finding:
    """Return what says that the training was given something else: a finding about that, where there is one."""
    own = (one for one in found.values() if one.sentence.id == "unlike-finding")
    return found.get("differs-from-reference") or next(own)


def test_another_seed_is_no_difference() -> None:
    for seed in range(2, 42):
        found = told(run(seed))
        assert [one.severity for one in found.values()] == ["note"], (seed, found)
        assert "runs/sound" in str(found["as-reference"].sentence)


@pytest.mark.parametrize("kind", ["exact", "noisy", "level"])
def test_two_draws_of_one_distribution_do_not_part(kind: str) -> None:
    """Of 300 pairs none; the heavy tails of gradients among them."""
    for seed in range(300):
        one, other = scattered(2 * seed), scattered(2 * seed + 1)
        if seed % 2:
            one, other = (Series(series.step, np.exp(series.value)) for series in (one, other))
        if kind == "exact":
            assert exact_parting(one, one, 0.01) is None
        else:
            parts = noisy_parting(one, other) if kind == "noisy" else level_parting(one, other, 0.15)
            assert parts is None, seed


def test_a_setting_that_differs_is_told_with_both_values_and_its_steps() -> None:
    there = Series(STEPS, np.full(600, 0.1))
    value = np.full(600, 0.1)
    value[199:299] = 0.4
    found = exact_parting(Series(STEPS, value), there, 0.01)
    assert found is not None
    assert (found.step, found.last, found.here, found.there) == (200, 299, 0.4, 0.1)
    value[299:] = 0.4
    found = exact_parting(Series(STEPS, value), there, 0.01)
    assert found is not None
    assert found.last is None
    value[:] = 0.1
    value[77] = 9.0  # a single point
    assert exact_parting(Series(STEPS, value), there, 0.01) is None


def test_a_level_that_shifts_is_told_from_its_step_on() -> None:
    value = scattered(1).value
    value[300:] += 1.0
    found = noisy_parting(Series(STEPS, value), scattered(2))
    assert found is not None
    assert 276 <= found.step <= 326
    assert found.last is None
    assert found.here - found.there == pytest.approx(1.0, abs=0.3)


def test_what_is_learnt_earlier_or_later_does_not_part_and_what_is_never_learnt_does() -> None:
    there = Series(STEPS, learning(0))
    for half in (45, 60, 80):
        assert level_parting(Series(STEPS, learning(3, half)), there, 0.15) is None, half
    stuck = level_parting(Series(STEPS, learning(4, floor=0.9)), there, 0.15)
    assert stuck is not None
    assert stuck.last is None
    assert stuck.here > 1.5 * stuck.there
    below_zero = Series(STEPS, 5 * learning(0) - 4)
    assert level_parting(Series(STEPS, 5 * learning(5) - 4), below_zero, 0.15) is None
    assert level_parting(Series(STEPS, 5 * learning(5, floor=0.9) - 4), below_zero, 0.15) is not None


@pytest.mark.parametrize(
    ("signals", "names", "first"),
    [
        ({"learning_rate": np.where(STEPS < 300, 1e-3, 1e-2) * np.minimum(1, STEPS / 50)}, "learning rate", 300),
        ({"input_std": (STEPS, np.where(STEPS < 300, 1.0, 0.3))}, "standard deviation of the inputs", 300),
        ({"rows": np.full(600, 8.0)}, "rows of a batch 8 (there 32", 1),
        ({"targets_used": (SAMPLED, np.full(len(SAMPLED), 0.9))}, "share of targets in the loss 0.9 (there 0.496", 1),
        ({"softmax_twice": (SAMPLED[2:], 1.0)}, "softmax", 20),
        ({"later_tokens_seen": (SAMPLED[:2], 0.01)}, "influence", 1),
    ],
)
def test_what_a_training_is_given_is_told(signals: dict[str, Any], names: str, first: float) -> None:
    sound = run(1, **({"later_tokens_seen": (SAMPLED[:2], 0.0)} if "later_tokens_seen" in signals else {}))
    found = different(told(run(2, **signals), sound=sound))
    assert names in str(found.sentence), str(found.sentence)
    assert found.severity in ("warning", "fault")
    assert abs((found.first_step or 0) - first) <= 30


def test_a_setting_that_is_written_down_alone_is_a_note_and_seeds_and_places_are_none() -> None:
    other = dataclasses.replace(RECORD, settings=SETTINGS | {"optimizer.name": "AdamW"})
    found = told(run(2), other)
    assert str(found["differs-from-reference"].sentence).endswith("runs/sound: optimizer.name AdamW (there Adam)")
    assert {one.severity for one in found.values()} == {"note"}
    assert "as-reference" in told(run(2), dataclasses.replace(RECORD, settings=SETTINGS | {"seed": 2, "out": "b"}))


def test_layers_that_differ_are_told() -> None:
    layers = (Layer("0", "Linear", 100), Layer("2", "Linear", 50))
    sound = dataclasses.replace(RECORD, layers=layers)
    frozen = dataclasses.replace(RECORD, layers=(layers[0], dataclasses.replace(layers[1], trained=False)))
    assert "2 (Linear): trained no (there yes)" in str(
        told(run(2), frozen, of=sound)["differs-from-reference"].sentence
    )
    fewer = dataclasses.replace(RECORD, layers=layers[:1])
    assert 'without a layer that is there: "2"' in str(told(run(2), fewer, of=sound)["differs-from-reference"].sentence)
    assert "a layer that is not there: 2 (Linear)" in str(
        told(run(2), sound, of=fewer)["differs-from-reference"].sentence
    )


def test_a_loss_that_does_not_come_down_parts_and_the_layer_is_named() -> None:
    trace = run(2, loss=learning(2, floor=1.0), gradient_norm__0=(SAMPLED, np.where(SAMPLED < 300, 1.0, 0.01)))
    found = told(trace)
    assert found["parts-from-reference"].severity == "warning"
    assert found["parts-from-reference"].signal == "loss"
    assert "gradient norm" in str(found["parts-inside"].sentence)
    assert "as-reference" not in found


def test_what_the_sound_run_has_too_makes_no_difference() -> None:
    spike = np.where((STEPS > 300) & (STEPS < 320), 3.0, 1.0)
    alone = told(run(2, loss=learning(2) * spike))
    assert alone["spike"].severity != "note"
    both = told(run(2, loss=learning(2) * spike), sound=run(1, loss=learning(1) * spike))
    assert "spike" not in both
    assert both["in-reference-too"].evidence == {"kinds": ["spike"]}
    larger = told(run(2, loss=learning(2) * np.where(spike > 1, 9.0, 1.0)), sound=run(1, loss=learning(1) * spike))
    assert larger["spike"].severity != "note", "a spike that is far higher is another one"


def test_a_setting_that_is_as_in_the_sound_run_is_not_the_cause() -> None:
    finding = Finding(kind="update-ratio", severity="warning", sentence=SAID, causes=(Cause("learning-rate", 0.8),))
    trace = run(2, loss=learning(2, floor=1.0))
    for sound, kept in ((SOUND, 0), (run(1, learning_rate=np.full(600, 1e-4)), 1)):
        other = Sound("sound", sound, RECORD, [])
        findings, _ = held_against([finding], trace, RECORD, [other])
        one = next(one for one in findings if one.kind == "update-ratio")
        assert one.causes is not None
        assert len(one.causes) == kept


def test_of_several_sound_runs_only_what_differs_from_all_is_told() -> None:
    trace = run(2, loss=learning(2, floor=0.8))
    sound = [Sound(str(seed), run(seed), RECORD, []) for seed in (1, 3)]
    assert "parts-from-reference" in {one.kind for one in held_against([], trace, RECORD, sound)[0]}
    sound.append(Sound("slow", run(4, loss=learning(4, floor=0.8)), RECORD, []))
    findings, (remark,) = held_against([], trace, RECORD, sound)
    assert [one.kind for one in findings] == ["as-reference"]
    assert "1, 3 and slow over steps 1 to 600" in str(remark.sentence)


def test_what_a_policy_is_given_is_not_held_against_another_seed() -> None:
    policy = dataclasses.replace(RECORD, kind="reinforcement")
    trace = run(2, input_mean=scattered(5, 3.0, 0.1).value)
    assert "as-reference" in told(trace, policy, of=policy)
    assert "differs-from-reference" in told(trace)


def test_runs_that_cannot_be_compared_say_why() -> None:
    epochs = Trace(SOUND.signals, "epoch")
    other = Trace({"eta": SOUND.series("loss")}, "step")
    later = Trace({"loss": Series(STEPS + 5000, learning(1))}, "step")
    few = Trace({"loss": Series(STEPS[:3], learning(1)[:3])}, "step")
    for sound, why in (
        (epochs, "counts epochs"),
        (other, "no signal that this run has"),
        (later, "no step that"),
        (few, "shares 3 points with this run"),
    ):
        with pytest.raises(UserError, match=why):
            held_against([], run(2), RECORD, [Sound("sound", sound, RECORD, [])])


def test_a_short_run_is_held_against_the_same_steps_of_a_long_one() -> None:
    kept = STEPS <= 60
    short = Trace({"loss": Series(STEPS[kept], learning(2)[kept])}, "step")
    findings, (remark,) = held_against([], short, RECORD, [Sound("sound", SOUND, RECORD, [])])
    assert [one.kind for one in findings] == ["as-reference"]
    assert "over steps 1 to 60" in str(remark.sentence)


def test_a_seed_that_learns_faster_to_the_end_is_no_difference() -> None:
    """What the sound run would have come to later is not there to be seen."""
    slow, fast = (2 * np.exp(-STEPS / half) + 0.02 for half in (250, 180))
    for one, other in ((slow, fast), (fast, slow)):
        assert level_parting(Series(STEPS, one), Series(STEPS, other), 0.15) is None


def test_what_is_flagged_once_is_chance() -> None:
    once = (np.array([300]), np.array([1.0]))
    assert "as-reference" in told(run(2, ledger_share=(SAMPLED, 1.0), log_softmax_missing=once))
    often = (SAMPLED[30:], np.ones(len(SAMPLED[30:])))
    assert different(told(run(2, ledger_share=(SAMPLED, 1.0), log_softmax_missing=often)))


@pytest.mark.parametrize(
    ("signals", "said"),
    [
        ({"evaluation_in_training_mode": (EVALUATED, 1.0)}, "evaluation in training mode 1 (there 0; from step 50 on)"),
        ({"gradient_norm_clipped": np.full(600, 0.01), "gradient_norm": 1.0}, "gradient clipped to 0.01, not so there"),
        ({"weights_changed__0": (np.array([302]), 1.0)}, "weights changed outside the optimizer 1 (there 0; step 302"),
        ({"target_entropy": (SAMPLED[30:], 0.8)}, "entropy of mixed or smoothed targets 0.8 (there 0; from"),
    ],
)
def test_signals_that_the_run_alone_has_are_compared(signals: dict[str, Any], said: str) -> None:
    own = {"ledger_share": (SAMPLED, 1.0), "validation_loss": (EVALUATED, 0.5), "gradient_norm": 1.0}
    assert said in str(different(told(run(2, **own | signals), sound=run(1, **own))).sentence)


def test_layers_that_are_only_called_otherwise_are_the_same() -> None:
    facts = dataclasses.replace(RECORD, layers=(Layer("encoder", "GRU", 100), Layer("decoder", "Linear", 50)))
    other = dataclasses.replace(RECORD, layers=(Layer("e", "GRU", 100), Layer("d", "Linear", 50)))
    gone = (SAMPLED, np.where(SAMPLED < 300, 1.0, 1e-4))
    signals = {"loss": learning(2, floor=1.0), "gradient_norm__encoder": gone}
    found = told(run(2, **signals), facts, sound=run(1, gradient_norm__e=(SAMPLED, 1.0)), of=other)
    assert "differs-from-reference" not in found
    assert "gradient norm (encoder) ends at 0.0001 (there 1;" in str(found["parts-inside"].sentence)


def test_what_no_optimizer_holds_and_nobody_trains_is_no_difference() -> None:
    frozen = Layer("0", "Linear", 100, trained=False)
    facts = dataclasses.replace(RECORD, layers=(frozen, Layer("1", "Linear", 50)))
    without = dataclasses.replace(RECORD, layers=(dataclasses.replace(frozen, given=False), Layer("1", "Linear", 50)))
    assert "as-reference" in told(run(2), without, of=facts)


def test_a_rate_is_told_as_it_is_at_the_step_and_at_the_end() -> None:
    rate = np.where(STEPS < 161, 3e-3, 3e-3 * 0.99 ** np.maximum(0, STEPS - 100))
    said = str(told(run(2, learning_rate=rate), sound=run(1, learning_rate=3e-3))["differs-from-reference"].sentence)
    assert "learning rate 0.00163 (there 0.003; from step 161 on; then 1.97e-05, there 0.003)" in said


def test_a_reference_that_is_lost_is_said_to_be() -> None:
    lost = run(1, loss=np.where(STEPS > 300, np.nan, learning(1)))
    _, remarks = held_against([], run(2), RECORD, [Sound("lost", lost, RECORD, [])])
    assert "lost is no sound run" in str(remarks[-1].sentence)


SAID = next(one for one in told(run(2)).values()).sentence


def test_a_few_evaluations_are_enough_and_are_said_to_end_where_they_do() -> None:
    epochs = np.arange(8)
    falls = 0.4 * np.exp(-epochs / 3) + 0.01
    sound, own = (Trace({"validation_loss": Series(epochs, one)}, "epoch") for one in (falls, falls + 0.5))
    found = told(own, Facts(), sound, Facts())["parts-from-reference"]
    assert str(found.sentence).count(f"ends at {falls[-1] + 0.5:.3g} (there {falls[-1]:.3g}")


def test_columns_that_a_person_names_are_held_against_each_other() -> None:
    steps = np.arange(0, 200, 10)
    sound, own = (
        Trace({"mine": Series(steps, level)}, "step") for level in (np.linspace(10, 200, 20), np.full(20, 10))
    )
    with pytest.raises(UserError, match="share no loss, measure or setting"):
        told(own, Facts(), sound, Facts())
    assert "parts-from-reference" in told(own, Facts(roles={"reward": "mine"}), sound, Facts())


def test_a_jump_of_a_gradient_alone_is_a_note_where_the_loss_goes_on_as_there() -> None:
    jump = Finding(kind="spike", severity="warning", sentence=SAID, first_step=560.0)
    for signal, severity in (("gradient_norm", "note"), ("validation_loss", "note"), ("loss", "warning")):
        own = run(2, gradient_norm=np.ones(len(STEPS)), validation_loss=(EVALUATED, np.full(len(EVALUATED), 2.0)))
        other = Sound("sound", own, RECORD, [])
        findings, _ = held_against([dataclasses.replace(jump, signal=signal)], own, RECORD, [other])
        assert {one.kind: one.severity for one in findings}["spike"] == severity


@pytest.mark.parametrize(
    ("steps", "factor", "sound", "follows"),
    [
        ((153, 225, 233), 0.5, (), True),
        ((153,), 0.1, (400,), True),
        ((100, 200, 300), 0.5, (), False),  # a schedule that was set
        ((153, 225), 0.99, (), False),  # one that falls all the time
    ],
)
def test_a_rate_that_follows_the_loss_is_said_to(
    steps: tuple[int, ...], factor: float, sound: tuple[int, ...], follows: bool
) -> None:
    own, other = (1e-3 * factor ** np.sum([at <= STEPS for at in which], axis=0) for which in (steps, sound))
    found = told(run(2, learning_rate=own), sound=run(1, learning_rate=other))["differs-from-reference"]
    assert ("as a schedule that follows the loss does" in str(found.sentence)) is follows
    assert "learning rate" in str(found.sentence)


def test_a_rate_that_begins_otherwise_was_set_so() -> None:
    own = 1e-3 * np.where(STEPS < 153, 1.0, 0.5)
    found = told(run(2, learning_rate=own), sound=run(1, learning_rate=np.full(len(STEPS), 2e-3)))
    assert "follows the loss" not in str(found["differs-from-reference"].sentence)


@pytest.mark.parametrize(
    ("validation", "loss", "severity"),
    [(0.5, 1.0, "note"), (2.0, 1.0, "warning"), (0.5, 0.4, "warning")],
)
def test_a_validation_that_is_better_alone_is_a_note(validation: float, loss: float, severity: str) -> None:
    level = np.full(len(EVALUATED), 1.0)
    sound = run(1, validation_loss=(EVALUATED, level))
    own = run(2, loss=learning(2) * loss, validation_loss=(EVALUATED, level * validation))
    found = told(own, sound=sound)
    assert found["parts-from-reference"].severity == severity
    assert "as-reference" not in found


@pytest.mark.parametrize(
    ("before", "severity"),
    [
        (None, "warning"),
        ([], "warning"),
        ([1.0], "note"),
        ([0.45], "warning"),
        ([0.45, 1.0], "warning"),  # the run before may have had a mistake that did more harm
        ([1.0, 1.0], "note"),
        ([2.0], "note"),
    ],
)
def test_what_a_chosen_run_is_better_by_is_an_alarm_where_most_before_it_are_too(
    before: list[float] | None, severity: str
) -> None:
    """One run may be falsely good, by a leak: those before it tell. What differs is told beside the newest one."""
    good = Sound("runs/good", run(1, loss=0.5 * learning(1)), RECORD, [])
    trace = run(2)
    earlier = None if before is None else [Sound("runs/b", run(3, loss=by * learning(3)), RECORD, []) for by in before]
    findings, (remark, *_) = held_against([], trace, RECORD, [good], earlier=earlier)
    (parts,) = [one for one in findings if one.kind == "parts-from-reference"]
    assert parts.severity == severity
    assert "runs/good" in str(parts.sentence)
    assert ("runs/b" in str(remark)) is bool(before)


@pytest.mark.parametrize(
    ("validation", "loss", "before", "is_said"),
    [
        (0.25, 1.0, 1.0, True),
        (0.25, 1.0, None, False),  # by one run nobody knows what a seed brings
        (0.25, 1.0, 0.3, False),  # another one was as good
        (0.6, 1.0, 1.0, False),  # more data may do that
        (0.25, 0.5, 1.0, False),  # so is training
    ],
)
@pytest.mark.parametrize("chosen", [True, False])
def test_an_evaluation_that_alone_is_far_better_may_hold_the_answer(
    validation: float, loss: float, before: float | None, is_said: bool, chosen: bool
) -> None:
    level = np.full(len(EVALUATED), 1.0)
    own = run(2, loss=learning(2) * loss, validation_loss=(EVALUATED, level * validation))
    sound = Sound("runs/a", run(1, validation_loss=(EVALUATED, level)), RECORD, [])
    more = [Sound("runs/b", run(3, validation_loss=(EVALUATED, level * by)), RECORD, []) for by in [before] if by]
    given, earlier = ([sound], more) if chosen else ([sound, *more], None)
    findings, _ = held_against([], own, RECORD, given, earlier=earlier)
    found = {one.kind: one for one in findings}.get("parts-from-reference")
    said = "" if found is None else str(found.sentence)
    assert ("the evaluation alone is far better than in runs/a" in said) is is_said
    if found is not None and loss == 1:
        assert (found.severity == "warning") is is_said


@pytest.mark.parametrize(("last", "says"), [(2.6, True), (2.1, False), (1.6, True)])
def test_few_evaluations_are_held_against_each_other_where_they_end(last: float, says: bool) -> None:
    """Of six evaluations the last is a quarter higher or lower than the sound one; another seed brings some percent."""
    at = np.arange(50.0, 301, 50)
    there = np.array([2.9, 2.5, 2.3, 2.2, 2.1, 2.05])
    here = np.array([2.92, 2.52, 2.41, 2.5, 2.5, last]) if last > 2 else np.array([2.9, 2.4, 2.2, 1.9, 1.7, last])
    found = told(run(2, validation_loss=(at, here)), sound=run(1, validation_loss=(at, there)))
    assert ("parts-from-reference" in found) is says
    if says:
        assert f"ends at {last:.3g} (there 2.05" in str(found["parts-from-reference"].sentence)


def test_evaluations_part_where_they_are_half_as_far_as_at_the_end() -> None:
    """Of an evaluation before the first update a seed brings some difference."""
    at = np.array([1.0, 101, 201, 301, 401, 501])
    there = Series(at, np.array([2.381, 1.582, 1.174, 0.966, 0.85, 0.784]))
    here = Series(at, np.array([2.428, 1.633, 1.231, 1.777, 1.79, 1.8]))
    found = level_parting(here, there, LEAST, evaluated=True)
    assert found is not None
    assert (found.step, found.last, found.here) == (301, None, 1.8)


def program(version: int) -> Program:
    return Program("t.py", files={"t.py": f"import torch\nx = {version}\nprint(x)\n"})


@pytest.mark.parametrize(("own", "of_sound", "severity"), [(1, 2, "warning"), (3, 2, "note"), (1, 1, "note")])
def test_a_run_of_the_same_program_is_no_measure_of_its_mistake(own: int, of_sound: int, severity: str) -> None:
    """What was done wrong once and was not noticed would excuse itself each time; another seed is no edit."""
    good = Sound("runs/good", run(1, loss=0.5 * learning(1)), RECORD, [], program(of_sound))
    first = Sound("runs/first", run(3), RECORD, [], program(1))
    findings, _ = held_against([], run(2), RECORD, [good], program(own), earlier=[first])
    assert next(one for one in findings if one.kind == "parts-from-reference").severity == severity


def test_to_come_to_less_than_a_run_with_an_alarm_is_none() -> None:
    """Who mends a leak comes to less; what is wrong in the run itself is told without the other one."""
    leak = Finding(kind="target-shift", severity="fault", sentence=SAID)
    for doubtful, severity in ((True, "note"), (False, "warning")):
        other = Sound("runs/leak", run(1, loss=0.1 * learning(1)), RECORD, [leak], is_doubtful=doubtful)
        findings, _ = held_against([], run(2), RECORD, [other], earlier=[])
        assert next(one for one in findings if one.kind == "parts-from-reference").severity == severity


def test_what_a_person_planned_is_no_alarm_of_a_chosen_run() -> None:
    """Neither it nor what else differs."""
    facts = dataclasses.replace(RECORD, planned=(Planned(50.0, "labels of the second kind"),))
    worse = learning(2) + 0.8 * (STEPS >= 50)
    good = Sound("runs/good", run(1), RECORD, [])
    for known, severities in ((RECORD, {"warning"}), (facts, {"note"})):
        findings, _ = held_against(
            [], run(2, loss=worse, learning_rate=np.full(len(STEPS), 2e-3)), known, [good], earlier=[]
        )
        told_of = [one for one in findings if one.kind in ("parts-from-reference", "differs-from-reference")]
        assert {one.kind for one in told_of} == {"parts-from-reference", "differs-from-reference"}
        assert {one.severity for one in told_of} == severities


GUESSED = ("learning-rate", "data-order")


@pytest.mark.parametrize(
    ("rate", "differs", "has_rate", "left"),
    [
        (1.0, True, True, ("data-order",)),
        (1.0, False, True, GUESSED),  # nothing else differs either: it stays a guess like others
        (5.0, True, True, GUESSED),
        (1.0, True, False, GUESSED),  # nobody knows whether the rate is as there
    ],
)
def test_a_possible_cause_in_a_setting_which_is_as_there_is_not_named_beside_differences(
    rate: float, differs: bool, has_rate: bool, left: tuple[str, ...]
) -> None:
    signals = {"learning_rate": rate * SOUND.series("learning_rate").value} | ({"rows": 16.0} if differs else {})
    here, there = run(2, **signals), SOUND
    if not has_rate:
        here, there = (
            Trace({name: one for name, one in trace.signals.items() if name != "learning_rate"}, "step")
            for trace in (here, there)
        )
    hint = Cause("learning-rate", None, SAID)
    finding = Finding(
        kind="spike", severity="fault", sentence=SAID, candidate_causes=GUESSED, causes=(), open_causes=(hint,)
    )
    findings, _ = held_against([finding], here, RECORD, [Sound("runs/sound", there, RECORD, [])])
    own = next(one for one in findings if one.kind == "spike")
    assert own.candidate_causes == left
    assert own.open_causes == ((hint,) if left == GUESSED else ())


def test_a_rate_that_is_as_there_is_left_out_where_statements_of_the_program_differ() -> None:
    here, there = (Program("t.py", files={"t.py": f"import torch\nx = {value}\nprint(x)\n"}) for value in (1, 2))
    finding = Finding(kind="spike", severity="fault", sentence=SAID, candidate_causes=GUESSED, causes=())
    findings, _ = held_against(
        [finding], run(2), RECORD, [Sound("runs/sound", SOUND, RECORD, [], there)], here, earlier=[]
    )
    assert next(one for one in findings if one.kind == "spike").candidate_causes == ("data-order",)


def own_finding(kind: str, **known: Any) -> Finding:
    return Finding(kind=kind, severity="warning", sentence=SAID, confidence=None, **known)


@pytest.mark.parametrize("chosen", [True, False])
def test_what_was_seen_to_be_wrong_in_the_run_itself_comes_before_what_it_comes_to(chosen: bool) -> None:
    """With what follows from it; what only looks doubtful stands behind the comparison."""
    own = [
        own_finding("plateau"),
        own_finding("evaluation-inputs"),
        own_finding("validation-gap", follows="evaluation-inputs"),
        own_finding("unsteady-validation", follows="plateau"),
    ]
    good = Sound("runs/good", run(1), RECORD, [])
    trace = run(2, loss=2 * learning(2), rows=np.full(len(STEPS), 64.0))
    findings, _ = held_against(own, trace, RECORD, [good], earlier=[] if chosen else None)
    kinds = [one.kind for one in findings if one.severity == "warning"]
    seen, behind = ["evaluation-inputs", "validation-gap"], ["plateau", "unsteady-validation"]
    compared = ["parts-from-reference", "differs-from-reference"]
    expected = [*seen, *compared, *behind] if chosen else [compared[1], *seen, compared[0], *behind]
    assert kinds == expected


def test_a_fault_comes_before_what_was_seen_to_be_wrong_and_a_trait_of_the_program_does_not() -> None:
    own = [own_finding("target-shift"), own_finding("not-finite", first_step=3.0)]
    own[1] = dataclasses.replace(own[1], severity="fault")
    good = Sound("runs/good", run(1), RECORD, [])
    trace = run(2, loss=2 * learning(2))
    findings, _ = held_against(own, trace, RECORD, [good], earlier=[])
    assert [one.kind for one in findings[:3]] == ["not-finite", "target-shift", "parts-from-reference"]
    usual = Sound("runs/before", run(3), RECORD, [own[0]])
    findings, _ = held_against(own[:1], trace, RECORD, [good], earlier=[usual])
    assert [one.kind for one in findings[:2]] == ["parts-from-reference", "target-shift"]


def test_what_usual_alarms_follow_from_stays_an_alarm_where_nothing_differs() -> None:
    """The earlier run is told of what followed, and was recorded before anybody looked for what it follows from."""
    followed = own_finding("unsteady-validation", follows="input-axes")
    own = [own_finding("input-axes", signal="loss"), followed, own_finding("plateau", signal="loss")]
    earlier = [Sound(f"runs/{seed}", run(seed), RECORD, [own_finding("unsteady-validation")]) for seed in (1, 3)]
    findings, _ = held_against(own, run(2), RECORD, earlier[:1], earlier=earlier[1:])
    alarms = [one.kind for one in findings if one.severity == "warning"]
    assert alarms == ["input-axes", "unsteady-validation"]


@pytest.mark.parametrize("chosen", [True, False])
@pytest.mark.parametrize(
    ("kind", "signals", "said"),
    [
        ("weight-decay", {"weight_decay": (0.5, 5e-4)}, "weight decay 0.5 (there 0.0005; from step 1 on)"),
        ("tiny-batch", {"rows": (2.0, 32.0)}, "rows of a batch 2 (there 32; from step 1 on)"),
        ("input-scale", {"input_std": (40.0, 1.0)}, "standard deviation of the inputs 40 (there 1; from step 1 on)"),
        ("learning-rate-jump", {"learning_rate": (0.1, 1e-3)}, "learning rate 0.1 (there 0.001; from step 1 on)"),
        ("always-clipped", {"gradient_norm_clipped": (1e-3, 1.0)}, "(there 1; from step 1 on)"),
        ("loss-multiple", {"loss_multiple": (0.125, 1.0)}, "0.125 (there 1; from step 1 on)"),
    ],
)
def test_a_finding_and_a_difference_in_what_it_is_about_are_one(
    kind: str, signals: dict[str, tuple[float, float]], said: str, chosen: bool
) -> None:
    """It comes first, with what follows from it; what else differs is told as before."""
    clipped = {"gradient_norm": 3.0} if kind == "always-clipped" else {}
    here, there = ({name: np.full(600, one[side]) for name, one in signals.items()} | clipped for side in (0, 1))
    about = "learning_rate" if kind == "learning-rate-jump" else "loss"
    own = [own_finding("unsteady-validation"), own_finding(kind, signal=about), own_finding("plateau", follows=kind)]
    trace, more = run(2, loss=2 * learning(2), momentum=np.full(600, 0.5), **here), {"momentum": np.full(600, 0.9)}
    good = Sound("runs/good", run(1, **there, **more), RECORD, [])
    findings, _ = held_against(own, trace, RECORD, [good], earlier=[] if chosen else None)
    alarms = [one.kind for one in findings if one.severity == "warning"]
    compared = ["parts-from-reference", "differs-from-reference"]
    assert alarms == [kind, "plateau", *(compared if chosen else compared[::-1]), "unsteady-validation"]
    assert str(findings[0].sentence).endswith(said)
    assert "not as in runs/good:" in str(findings[0].sentence)
    assert findings[0].evidence["differs"] == [*signals]
    by_kind = {one.kind: one for one in findings}
    assert by_kind["differs-from-reference"].evidence["signals"] == ["momentum"]


def test_a_finding_whose_cause_is_a_setting_carries_what_differs_in_it() -> None:
    own = [own_finding("spike", first_step=300.0, causes=(Cause("learning-rate", 0.7, SAID),))]
    good = Sound("runs/good", run(1), RECORD, [])
    rate = np.where(STEPS < 300, 1e-3, 1e-2) * np.minimum(1, STEPS / 50)
    findings, _ = held_against(own, run(2, loss=2 * learning(2), learning_rate=rate), RECORD, [good], earlier=[])
    assert (findings[0].kind, str(findings[0].sentence).count("learning rate 0.01 (there 0.001")) == ("spike", 1)
    own = [own_finding("spike", first_step=100.0, last_step=120.0, causes=own[0].causes)]  # over before it was raised
    findings, _ = held_against(own, run(2, loss=2 * learning(2), learning_rate=rate), RECORD, [good], earlier=[])
    assert "differs-from-reference" in [one.kind for one in findings]


def test_what_is_found_in_both_or_is_of_other_layers_or_a_note_carries_no_difference() -> None:
    rows = {"rows": np.full(600, 4.0)}
    found = own_finding("tiny-batch")
    trace = run(2, loss=2 * learning(2), **rows)
    for own, there in ((found, [found]), (dataclasses.replace(found, severity="note"), [])):
        findings, _ = held_against([own], trace, RECORD, [Sound("runs/good", run(1), RECORD, there)], earlier=[])
        assert findings[0].kind == "parts-from-reference"
        assert "differs-from-reference" in [one.kind for one in findings]
    layers = [Layer(name, "Linear", 9, True, given=name == "a") for name in "abc"]
    here, sound = (dataclasses.replace(RECORD, layers=tuple(one)) for one in (layers, [layers[0]] * 1))
    sound = dataclasses.replace(sound, layers=(layers[0], dataclasses.replace(layers[1], given=True), layers[2]))
    for name, carries in (("b", True), ("c", False)):
        own = [own_finding("frozen-layer", evidence={"layers": [name]})]
        good = Sound("runs/good", run(1), sound, [])
        findings, _ = held_against(own, run(2, loss=2 * learning(2)), here, [good], earlier=[])
        assert ("differs-from-reference" not in [one.kind for one in findings]) == carries


def test_a_fault_that_came_of_a_mistake_is_followed_by_what_differs() -> None:
    own = [dataclasses.replace(own_finding("contrastive-at-chance"), severity="fault")]
    good = Sound("runs/good", run(1), RECORD, [])
    findings, _ = held_against(own, run(2, loss=2 * learning(2), rows=np.full(600, 64.0)), RECORD, [good], earlier=[])
    assert [one.kind for one in findings[:3]] == [own[0].kind, "differs-from-reference", "parts-from-reference"]


@pytest.mark.parametrize(("there_too", "severity"), [(False, "warning"), (True, "note")])
def test_what_a_run_is_lost_by_is_no_note_where_the_sound_one_is_not_lost(there_too: bool, severity: str) -> None:
    lost = {"loss": np.where(STEPS < 30, learning(2), np.nan)}
    programs = [Program("train.py", files={"train.py": f"x = f({one})"}) for one in (1, 2)]
    there = run(1, **(lost if there_too else {}))
    trace = run(2, **lost)
    good = Sound("runs/good", there, RECORD, diagnose(there, RECORD), programs[0])
    findings, _ = held_against(diagnose(trace, RECORD), trace, RECORD, [good], programs[1], earlier=[])
    found = {one.kind: one.severity for one in findings}
    assert found["program-differs"] == severity
    assert ("as-reference" in found) == there_too


def lead(own: np.ndarray, other: np.ndarray, name: str = "loss", **more: Any) -> str:
    sound, here = run(1, **{name: other}), run(2, **{name: own}, **more)
    findings, _ = held_against([], here, RECORD, [Sound("runs/a", sound, RECORD, [])], earlier=[])
    found = {one.kind: one for one in findings}.get("parts-from-reference")
    return "" if found is None else str(found.sentence).partition(":")[0]


def test_what_is_learnt_later_and_ends_alike_is_said_so() -> None:
    slow, fast, floor = learning(2, half=60, floor=0.4), learning(1, half=15, floor=0.4), "runs/a"
    assert lead(slow, fast) == f"it learns later than {floor}, and ends alike"
    assert lead(fast, slow) == f"it learns earlier than {floor}, and ends alike"
    right = [1 - np.exp(-STEPS / half) * 0.9 + 0 * STEPS for half in (60, 15)]
    assert lead(right[0], right[1], "accuracy") == "it learns later than runs/a, and ends alike"
    assert lead(right[1], right[0], "accuracy") == "it learns earlier than runs/a, and ends alike"


def test_what_is_still_behind_at_the_end_does_not_end_alike() -> None:
    """It learnt later, and its evaluations end where the sound run's were long before."""
    slow, fast = learning(2, half=60, floor=0.4), learning(1, half=15, floor=0.4)
    falls = 2.5 + 0.6 * np.exp(-EVALUATED / 200)
    evaluated = {"validation_loss": (EVALUATED, falls + 0.27)}
    sound = run(1, loss=fast, validation_loss=(EVALUATED, falls))
    for own, there, said in (
        (run(2, loss=slow, **evaluated), sound, "it learns later than runs/a, and is still behind at the end"),
        (sound, run(2, loss=slow, **evaluated), "it learns earlier than runs/a, and is still ahead at the end"),
    ):
        findings, _ = held_against([], own, RECORD, [Sound("runs/a", there, RECORD, [])], earlier=[])
        found = {one.kind: str(one.sentence) for one in findings}["parts-from-reference"]
        assert found.startswith(said)
        assert "training loss at its farthest" in found


def test_a_loss_that_rose_for_a_while_is_not_learnt_later() -> None:
    rises = learning(2) * np.where((STEPS > 250) & (STEPS <= 400), 3.0, 1.0)
    assert lead(rises, learning(1)) == "it is not as runs/a on the way, and ends alike"
    assert lead(np.where(STEPS < 200, 9.0, 2.0), np.full(600, 2.0), "latent_kl").startswith("it is not as runs/a on")


def test_where_one_measure_does_not_end_alike_the_result_is_said_to_differ() -> None:
    slow, fast = learning(2, half=60), learning(1, half=15)
    sound = run(1, loss=fast, accuracy=np.full(600, 0.9))
    own = run(2, loss=slow, accuracy=np.where(STEPS < 100, 0.9, 0.5))
    findings, _ = held_against([], own, RECORD, [Sound("runs/a", sound, RECORD, [])], earlier=[])
    said = {one.kind: str(one.sentence) for one in findings}["parts-from-reference"]
    assert said.startswith("what it comes to is not as in runs/a:")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_what_is_counted_is_written_whole(language: str) -> None:
    at = {"validation_count": (EVALUATED, 2533.0), "rows": 64.0}
    found = told(run(2, **at), sound=run(1, validation_count=(EVALUATED, 5223.0)))
    text = catalogue(language).text(found["differs-from-reference"].sentence)
    assert all(one in text for one in ("2,533", "5,223", "64"))
    far = told(run(2, validation_loss=(EVALUATED, 3764.0)), sound=run(1, validation_loss=(EVALUATED, 2.0)))
    assert "3.76e+03" in str(far["parts-from-reference"].sentence)  # of a loss no more is known


def test_one_quantity_that_is_logged_twice_is_told_once() -> None:
    """A column of the user's, at each step, and what the recorder saw now and then."""

    def logged(seed: int, level: float) -> dict[str, Any]:
        value = level * np.exp(0.1 * np.random.default_rng(seed).standard_normal(len(STEPS)))
        return {"kl_loss": value, "latent_kl": (SAMPLED, value[np.isin(STEPS, SAMPLED)] * (1 + 1e-6))}

    own, there = run(2, **logged(2, 1e-3)), run(1, **logged(1, 4.0))
    found, looked = reached_differences(own, there, progress=True, roles={})
    assert [one.signal for one in found] == ["latent_kl"]
    assert looked == 3
    other = run(2, **(logged(2, 1e-3) | {"latent_kl": (SAMPLED, 2e-3)}))
    assert len(reached_differences(other, there, progress=True, roles={})[0]) == 2


def test_where_a_divergence_ends_is_one_number_for_all_that_is_said_of_it() -> None:
    falls = np.where(STEPS < 60, 0.5, 1e-5) * (1 + 0.5 * np.sin(STEPS / 3.0))
    own = run(2, latent_kl=falls, reconstruction_loss=np.full(600, 40.0), loss=np.full(600, 40.0) + falls)
    facts = dataclasses.replace(RECORD, kind="vae")
    (collapse,) = [one for one in diagnose(own, facts) if one.kind == "posterior-collapse"]
    sound = run(1, latent_kl=4.0 + 0 * STEPS, reconstruction_loss=np.full(600, 40.0), loss=np.full(600, 44.0))
    found, _ = reached_differences(own, sound, progress=True, roles={})
    (parts,) = [one for one in found if one.signal == "latent_kl"]
    assert collapse.sentence.parameters["level"] == parts.said.parameters["here"] == collapse.evidence["kl"]
