"""The kind of training and what was planned: what is an alarm, what is none, and what is said of a guess."""

import dataclasses

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts, Planned
from newllm.diagnosis.intent import Intent, logged_stages, parse_planned
from newllm.diagnosis.training_kind import KINDS, guess_remark, parse_kind, training_kind
from newllm.errors import UserError
from newllm.messages import catalogue
from newllm.trace import Series, Trace

STEPS = np.arange(0, 600, 2)


def trace(**columns: np.ndarray) -> Trace:
    return Trace({name: Series(STEPS, np.asarray(value, float)) for name, value in columns.items()})


def spiked() -> np.ndarray:
    loss = 1 + np.exp(-STEPS / 200) + 0.01 * np.random.default_rng(1).standard_normal(len(STEPS))
    loss[150:160] += 4
    return loss


def spiked_at_every(points: int) -> np.ndarray:
    loss = 1 + np.exp(-STEPS / 200) + 0.01 * np.random.default_rng(1).standard_normal(len(STEPS))
    return loss + 0.5 * (np.arange(len(STEPS)) % points == 0)


ONES = np.ones(len(STEPS))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("adversarial", ["g_loss", "d_loss"]),
        ("adversarial", ["D(x)", "D(G(z))"]),
        ("preference", ["rewards/chosen", "rewards/rejected", "rewards/margins"]),
        ("reinforcement", ["reward", "entropy"]),
        ("reinforcement", ["policy_loss", "value_loss"]),
        ("vae", ["kl", "recon"]),
        ("contrastive", ["alignment", "uniformity"]),
        ("classification", ["accuracy"]),
        ("language-model", ["perplexity"]),
        (None, ["entropy"]),  # a fine-tune may log the entropy of its tokens
        (None, ["kl"]),
        (None, ["learning_rate"]),
    ],
)
def test_a_guess_by_columns(kind: str | None, names: list[str]) -> None:
    guess = training_kind(Trace({name: Series(STEPS, ONES) for name in ["loss", *names]}))
    assert guess.name == kind
    assert not guess.is_given
    assert set(guess.columns) <= set(names)


def test_a_loss_below_zero_is_a_density() -> None:
    assert training_kind(trace(loss=1 - STEPS / 300)).name == "regression"
    assert training_kind(trace(loss=1 - STEPS / 300), Facts(kind="vae")).name == "vae"


def test_the_guess_is_said_with_its_columns() -> None:
    (said,) = guess_remark(trace(loss=ONES, reward=ONES, entropy=ONES), Facts())
    assert str(said) == (
        "taken for the training of a policy (reinforcement learning), whose loss measures no progress, "
        "judging by reward and entropy; --kind corrects it"
    )
    assert "強化学習" in catalogue("ja").text(said.sentence)
    assert not guess_remark(trace(loss=ONES, reward=ONES), Facts(kind="language-model"))
    assert not guess_remark(trace(loss=ONES, accuracy=ONES), Facts())


def test_the_loss_of_a_policy_raises_no_alarm() -> None:
    assert next(one.kind for one in diagnose(trace(loss=spiked()))) == "spike"
    assert not diagnose(trace(loss=spiked(), reward=STEPS / 600 + 0.0, entropy=0.7 - STEPS / 1000))
    assert diagnose(trace(loss=spiked(), reward=STEPS / 600), Facts(kind="language-model"))


def test_a_loss_that_is_no_number_is_an_alarm_of_every_kind() -> None:
    loss = spiked()
    loss[200:] = np.nan
    assert "not-finite" in [one.kind for one in diagnose(trace(loss=loss), Facts(kind="adversarial"))]


def test_the_gradient_of_a_likelihood_of_densities_may_grow() -> None:
    noise = 1 + 0.05 * np.random.default_rng(2).standard_normal(len(STEPS))
    norm = np.where(STEPS > 300, 20.0, 1.0) * noise
    assert "gradient-explosion" in [one.kind for one in diagnose(trace(loss=2 - STEPS / 600, gradient_norm=norm))]
    assert not diagnose(trace(loss=0.5 - STEPS / 600, gradient_norm=norm))


@pytest.mark.parametrize(("step", "is_note"), [(320, True), (340, False), (300, False)])
@pytest.mark.parametrize(("name", "kind", "change"), [("loss", "loss-drop", -0.9), ("validation_loss", "spike", 4.0)])
def test_what_a_planned_change_ends_was_of_what_it_changed(
    name: str, kind: str, change: float, step: int, is_note: bool
) -> None:
    values = {
        one: 2 + 0.01 * np.random.default_rng(seed).standard_normal(len(STEPS))
        for seed, one in enumerate(("loss", "validation_loss"))
    }
    values[name][100:160] += change  # steps 200 to 318
    found = diagnose(trace(**values), Facts(planned=(Planned(step, "harder texts"),)))
    assert [one.severity == "note" for one in found if one.kind == kind] == [is_note]


@pytest.mark.parametrize(("step", "is_note"), [(300, True), (290, True), (250, False), (320, False)])
def test_what_was_planned_is_a_note(step: int, is_note: bool) -> None:
    found = diagnose(trace(loss=spiked()), Facts(planned=(Planned(step, "curriculum"),)))
    assert (found[0].severity == "note") == is_note
    if is_note:
        assert found[0].evidence["planned"] == "curriculum"
        assert str(found[0].sentence).endswith(f'(planned: "curriculum" from step {step} on)')
        assert f"ステップ{step}から「curriculum」" in catalogue("ja").text(found[0].sentence)


def test_what_a_person_says_holds_against_the_recording() -> None:
    facts = Intent("gan", {"kld": "x"}, {5: "a"}).added_to(Facts(kind="vae", planned=(Planned(1, "b"),)))
    assert facts == Facts(kind="adversarial", roles={"kl": "x"}, planned=(Planned(1, "b"), Planned(5.0, "a")))
    assert Intent().added_to(facts) == dataclasses.replace(facts)


def test_words_of_a_person() -> None:
    assert parse_kind("RL") == "reinforcement"
    assert all(parse_kind(kind) == kind for kind in KINDS)
    assert parse_planned("2000=more text = more") == (2000.0, "more text = more")
    with pytest.raises(UserError, match="of the kind 'cooking': give one of language-model, "):
        parse_kind("cooking")
    for text in ("2000", "x=y", "5= ", "nan=y"):
        with pytest.raises(UserError, match=f"--note '{text}': give STEP=TEXT"):
            parse_planned(text)


@pytest.mark.parametrize(
    ("finding", "loss", "validation"),
    [
        ("periodic-batches", spiked_at_every(10), None),
        ("training-above-validation", 5 * ONES, ONES),
        ("unsteady-validation", 2 * ONES, 2 + (-1.0) ** np.arange(len(STEPS))),
        ("too-good", np.where(STEPS < 6, 5.0, 0.01), np.where(STEPS < 6, 5.0, 0.01)),
    ],
)
def test_of_the_loss_of_a_policy_its_level_and_its_jumps_say_nothing(
    finding: str, loss: np.ndarray, validation: np.ndarray | None
) -> None:
    run = trace(loss=loss) if validation is None else trace(loss=loss, validation_loss=validation)
    assert finding in {one.kind for one in diagnose(run)}
    assert finding not in {one.kind for one in diagnose(run, Facts(kind="reinforcement"))}


@pytest.mark.parametrize(
    ("name", "levels", "severity"),
    [
        ("seq_length", (64, 128), "note"),
        ("tape_length", (3, 6), "note"),
        ("stage", (0, 1), "note"),
        ("widgets", (64, 128), "warning"),  # nobody knows what it means
        ("seq_length", (64.5, 128.5), "warning"),  # no whole numbers
        ("seq_length", (64, 64), "warning"),
    ],
)
def test_a_logged_stage_of_a_curriculum_plans_its_changes(
    name: str, levels: tuple[float, float], severity: str
) -> None:
    stage = np.where(STEPS < 300, *levels)
    found = next(one for one in diagnose(trace(loss=spiked(), **{name: stage})) if one.kind == "spike")
    assert found.severity == severity
    if severity == "note":
        assert f'planned: "{name}: {levels[0]} -> {levels[1]}" from step 300 on' in str(found.sentence)


def test_a_stage_after_which_the_loss_never_comes_back_is_no_excuse() -> None:
    stage, jumps = np.where(STEPS < 300, 64, 128), np.where(STEPS < 300, 1.0, 4.0) + np.exp(-STEPS / 100)
    found = diagnose(trace(loss=jumps + 0.01 * np.random.default_rng(1).standard_normal(len(STEPS)), seq_length=stage))
    assert any(one.severity != "note" and one.kind in ("spike", "diverged") for one in found)


def test_a_stage_that_moves_at_every_point_is_none() -> None:
    assert logged_stages(trace(loss=spiked(), seq_length=np.arange(len(STEPS)))) == []
    assert logged_stages(trace(loss=spiked(), epoch=np.where(STEPS < 300, 1, 2))) == []
