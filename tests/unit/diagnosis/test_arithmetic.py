"""What logged columns say of each other by arithmetic: sums of parts, a loss and its accuracy, one of many, a start."""

import time

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.sums import weights
from newllm.trace import Finding, Series, Trace

STEPS = np.arange(0, 400, 5)
NOISE = np.random.default_rng(3).normal(size=(6, len(STEPS)))
DOWN = np.exp(-STEPS / 60)
OWN = 2.0 * DOWN + 0.5 + 0.02 * NOISE[0]
AUXILIARY = 1.0 + STEPS / 100 + 0.02 * NOISE[1]


def trace(**columns: np.ndarray | float) -> Trace:
    whole = {name: np.broadcast_to(np.asarray(value, dtype=float), STEPS.shape) for name, value in columns.items()}
    return Trace({name.replace("__", "/"): Series(STEPS, value) for name, value in whole.items()})


def said(**columns: np.ndarray | float) -> dict[str, Finding]:
    return {one.kind: one for one in diagnose(trace(**columns))}


def test_the_weights_of_parts_are_found_where_they_give_the_loss_at_every_point() -> None:
    made = trace(loss=OWN + 0.3 * AUXILIARY, own=OWN, aux=AUXILIARY, other=NOISE[2])
    assert weights(made, "loss", ("own", "aux")) == pytest.approx([1.0, 0.3])
    assert weights(made, "loss", ("own",)) is None
    assert weights(made, "loss", ("own", "aux", "other")) is None  # one of them is not needed
    assert weights(trace(loss=OWN, own=OWN), "loss", ("own",)) == pytest.approx([1.0])
    rounded = trace(loss=np.round(OWN + 0.3 * AUXILIARY, 3), own=np.round(OWN, 3), aux=np.round(AUXILIARY, 3))
    assert weights(rounded, "loss", ("own", "aux")) == pytest.approx([1.0, 0.3], abs=1e-3)
    few = Trace({"loss": Series(STEPS, OWN), "own": Series(STEPS[:40], OWN[:40])})
    assert weights(few, "loss", ("own",)) is None


def test_columns_of_any_size_are_looked_at_in_no_time() -> None:
    huge = trace(loss=np.where(STEPS < 200, 1e308, -1e308), a_loss=1e308 * DOWN, b_loss=np.full(len(STEPS), 1e-308))
    with np.errstate(all="ignore"):
        assert weights(huge, "loss", ("a_loss", "b_loss")) is None
        assert weights(trace(loss=0.0, a_loss=0.0, b_loss=1.0), "loss", ("a_loss", "b_loss")) is None
    many = np.arange(1_000_000)
    value = np.random.default_rng(1).random(len(many)) + 1
    columns = {f"part{at}_loss": Series(many, value**at) for at in range(1, 6)}
    began = time.perf_counter()
    found = weights(
        Trace({"loss": Series(many, value + 2 * value**3), **columns}), "loss", ("part1_loss", "part3_loss")
    )
    assert time.perf_counter() - began < 1
    assert found == pytest.approx([1.0, 2.0])


@pytest.mark.parametrize(("total", "own"), [("total_loss", "loss"), ("loss", "ce_loss")])
def test_a_part_with_a_weight_below_zero_is_made_large(total: str, own: str) -> None:
    wrong = said(**{total: OWN - 0.3 * AUXILIARY, own: OWN, "aux_loss": AUXILIARY})["auxiliary-loss"]
    assert (wrong.signal, wrong.supported_causes) == ("aux_loss", ("auxiliary-loss",))
    assert wrong.evidence["weight"] == pytest.approx(-0.3)
    assert "auxiliary-loss" not in said(**{total: OWN + 0.3 * AUXILIARY, own: OWN, "aux_loss": AUXILIARY})
    assert "auxiliary-loss" not in said(**{total: OWN - 0.3 * AUXILIARY, own: OWN, "entropy": AUXILIARY})  # wanted
    assert "auxiliary-loss" not in said(**{total: OWN - 0.001 * AUXILIARY, own: OWN, "aux_loss": AUXILIARY})
    sides = {"loss": OWN - 0.3 * AUXILIARY, "loss_d": OWN, "loss_g": AUXILIARY}
    assert "auxiliary-loss" not in said(**sides)  # what one side of a game gains the other loses


@pytest.mark.parametrize("wanted", ["entropy_loss", "domain_loss", "forget_loss"])
def test_a_part_that_is_meant_to_become_large_is_none(wanted: str) -> None:
    assert "auxiliary-loss" not in said(**{"loss": OWN - 0.3 * AUXILIARY, "ce_loss": OWN, wanted: AUXILIARY})


@pytest.mark.parametrize(("weight", "name", "is_said"), [
    (0.01, "entropy", True), (-0.01, "entropy", False), (0.0, "entropy", False), (0.01, "entropy_loss", False),
])  # fmt: skip
def test_an_entropy_that_is_added_to_a_policys_loss(weight: float, name: str, is_said: bool) -> None:
    policy, value, entropy = 0.02 * NOISE[0], 3 * DOWN + 0.1 * np.abs(NOISE[1]), 0.1 + 1.2 * DOWN + 0.01 * NOISE[2]
    columns = {"policy_loss": policy, "value_loss": value, name: entropy, "reward": 5 - 4 * DOWN + NOISE[3]}
    found = said(loss=policy + 0.5 * value + weight * entropy, **columns)
    assert ("auxiliary-loss" in found) is is_said
    if is_said:
        assert found["auxiliary-loss"].evidence["weight"] == pytest.approx(weight)
        assert found["auxiliary-loss"].supported_causes == ("auxiliary-loss",)


def test_a_whole_beside_its_part_subtracts_nothing() -> None:
    assert "auxiliary-loss" not in said(loss=OWN, overall_loss=OWN + 0.3 * AUXILIARY, aux_loss=AUXILIARY)


def test_a_cross_entropy_is_a_part() -> None:
    wrong = said(loss=AUXILIARY - 0.3 * OWN, aux_loss=AUXILIARY, cross_entropy_loss=OWN)["auxiliary-loss"]
    assert wrong.signal == "cross_entropy_loss"


def test_a_divergence_that_is_gone_under_a_heavy_weight() -> None:
    recon, kl = 30 * DOWN + 20 + 0.1 * NOISE[0], 0.02 * DOWN**3 + 1e-5 * (2 + np.cos(STEPS))
    for weight, causes in ((25.0, ("regularisation",)), (1.0, ())):
        found = said(loss=recon + weight * kl, recon_loss=recon, kl=kl)["posterior-collapse"]
        assert found.evidence["weight"] == pytest.approx(weight, rel=0.01)
        assert found.supported_causes == causes


def classes(loss: np.ndarray | float, right: np.ndarray | float) -> dict[str, Finding]:
    """Return what is said of a validation loss and an accuracy, beside a training that learns."""
    return said(loss=OWN, validation_loss=loss, validation_accuracy=right)


def test_a_loss_is_no_lower_than_its_wrong_answers_cost() -> None:
    found = classes(0.1 + 0.05 * DOWN, 0.1 + 0.02 * NOISE[3] ** 2)["impossible-loss"]
    assert (found.severity, found.supported_causes) == ("warning", ())
    assert found.evidence["limit"] == pytest.approx(0.9 * np.log(2), rel=0.1)
    assert "impossible-loss" not in classes(0.1 + 0.05 * DOWN, 0.9)  # a tenth is wrong, and costs 0.07
    assert "impossible-loss" not in classes(0.4 + 0.05 * DOWN, 0.1)  # above half of the floor
    assert "impossible-loss" in classes(0.1 + 0.05 * DOWN, 10.0 + NOISE[3] ** 2)  # percent
    assert "impossible-loss" not in classes(0.1 + 0.05 * DOWN, 1000.0)  # a count
    below = np.where(STEPS < 201, 0.1, 0.9)
    assert "impossible-loss" in classes(below, 0.1)
    assert "impossible-loss" not in classes(below[::-1] - 0.0, np.where(STEPS < 210, 0.1, 0.95))


@pytest.mark.parametrize(
    ("name", "level", "found"),
    [
        ("max_load", 1.0, True),
        ("router/expert_max_share", 99.0, True),  # percent
        ("max_load", 0.9, False),
        ("codebook_perplexity", 1.02, True),
        ("codebook_perplexity", 1.2, False),
        ("validation_perplexity", 1.0, False),
    ],
)
def test_one_expert_or_code_that_takes_everything(name: str, level: float, found: bool) -> None:
    usual = np.where(STEPS < 100, 0.3 * max(level, 1.0) + 4 * (level < 2) * ("perp" in name), level)
    assert ("auxiliary-loss" in said(**{"loss": OWN, name: usual})) is found
    late = np.where(STEPS < 330, 0.3 * max(level, 1.0) + 4 * (level < 2) * ("perp" in name), level)
    assert "auxiliary-loss" not in said(**{"loss": OWN, name: late})


@pytest.mark.parametrize(
    ("start", "level", "found"), [(60.0, 0.5, True), (40.0, 0.3, False), (60.0, 0.7, False), (1e9, 1.1e7, False)]
)
def test_a_start_that_the_first_updates_learn_away(start: float, level: float, found: bool) -> None:
    loss = level * (1 + 0.02 * NOISE[0])
    loss[0] = start
    assert ("bad-start" in said(loss=loss)) is found
    assert "bad-start" not in said(loss=loss, ep_rew_mean=STEPS / 10, policy_loss=loss)  # of a policy it says nothing


def test_the_scale_of_a_loss_is_known_by_its_powers_of_two() -> None:
    falls = np.round(65536 * 0.5 ** (STEPS / 10), 6)
    assert "loss-scale" in said(loss=OWN, scale=np.array([float(f"{2.0**-at:.6e}") for at in range(len(STEPS))]))
    assert "loss-scale" not in said(loss=OWN, scale=falls * 1.1)


@pytest.mark.parametrize(
    ("weight", "is_found"),
    [
        (STEPS / 100, True),
        (np.minimum(1.0, STEPS / 100), False),  # warmed up
        (np.full(len(STEPS), 4.0), False),  # chosen
        (3 * (1 + np.sin(STEPS / 30)), False),  # in cycles
        (STEPS / STEPS.max(), False),  # a warm-up as long as the run
        (1 + 3 * np.abs(NOISE[1]), False),  # another part of the loss
    ],
)
def test_a_weight_of_the_divergence_that_grows_without_end(weight: np.ndarray, is_found: bool) -> None:
    recon, kl = 30 * DOWN + 20, 3 + np.cos(STEPS / 50)
    found = said(loss=recon + weight * kl, recon_loss=recon, kl=kl)
    assert ("kl-weight" in found) is is_found
    if is_found:
        assert found["kl-weight"].supported_causes == ("regularisation",)
        assert found["kl-weight"].evidence["weight"] == pytest.approx(float(weight[-1]))


@pytest.mark.parametrize(
    ("peak", "validation", "inputs", "is_named"),
    [
        (7.6, 6.8, True, True),
        (7.6, 6.8, False, False),  # nobody saw the inputs
        (7.6, 1.9, True, False),  # validation is no worse than a guess
        (1.5, 6.8, True, False),  # training was unsure
        (7.6, 0.2, True, False),  # both come back
    ],
)
def test_targets_that_are_others_from_a_step_on(peak: float, validation: float, inputs: bool, is_named: bool) -> None:
    steps, noise = np.arange(1, 651), np.exp(0.1 * np.random.default_rng(5).standard_normal(650))
    loss = np.r_[np.geomspace(2.1, 0.1, 100), np.full(300, 0.1), np.geomspace(peak, 0.1, 40), np.full(210, 0.1)] * noise
    at = np.arange(50, 651, 50)
    evaluated = np.where(at <= 400, 0.2, validation) * noise[at - 1]
    signals = {"loss": Series(steps, loss), "validation_loss": Series(at, evaluated)}
    signals |= {"input_mean": Series(steps, 0.1 * noise)} if inputs else {}
    spike = next(one for one in diagnose(Trace(signals)) if (one.kind, one.signal) == ("spike", "loss"))
    assert spike.first_step == 401
    assert spike.supported_causes == (("wrong-targets",) if is_named else ())
