"""Columns that contradict each other, and numbers that no such training has; each beside a sound twin."""

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.trace import Finding, Series, Trace

STEPS = np.arange(0, 400, 5)
CHANCE = np.random.default_rng(2)
NOISE = CHANCE.normal(size=(12, len(STEPS)))
DOWN = np.exp(-STEPS / 60)


def said(**columns: np.ndarray | float) -> dict[str, Finding]:
    """Return the findings on some columns, by kind; those of evaluations are there at every tenth point."""
    signals = {}
    for name, value in columns.items():
        whole = np.broadcast_to(np.asarray(value, dtype=float), STEPS.shape)
        at = slice(9, None, 10) if name.startswith("validation") else slice(None)
        signals[name.replace("__", "/")] = Series(STEPS[at], whole[at])
    return {one.kind: one for one in diagnose(Trace(signals))}


def cause(found: dict[str, Finding], kind: str) -> tuple[str, ...] | None:
    return found[kind].supported_causes if kind in found else None


def stuck(rate: float = 0.3, validation: np.ndarray | float = 3.1, level: float = 3.1) -> dict[str, Finding]:
    loss = level + (4.4 - level) * np.exp(-STEPS / 8) + 0.05 * NOISE[0]
    loss[0] = 4.4
    return said(loss=loss, validation_loss=validation + 0.01 * NOISE[1], learning_rate=rate)


def test_tokens_by_their_frequency_alone_at_a_rate_that_is_far_too_high() -> None:
    assert stuck()["early-standstill"].candidate_causes[0] == "learning-rate"
    assert "early-standstill" not in stuck(rate=0.01)
    assert "early-standstill" not in stuck(validation=3.1 - STEPS / 400)  # it goes on falling
    assert "early-standstill" not in stuck(level=1.5, validation=1.5)  # far more is learnt


def adversarial(generator: np.ndarray | float, discriminator: np.ndarray | float) -> dict[str, Finding]:
    return said(
        loss_g=np.maximum(generator * np.exp(0.1 * NOISE[0]), 0), loss_d=discriminator * np.exp(0.05 * NOISE[1])
    )


def test_two_sides_of_a_game_cannot_both_win() -> None:
    assert cause(adversarial(0.7 * DOWN**3 + 1e-5, 0.33 + DOWN), "both-sides-win") == ("wrong-targets",)
    assert "both-sides-win" not in adversarial(0.7 * DOWN**3 + 1e-5, 1.4)  # the discriminator is fooled
    assert "both-sides-win" not in adversarial(1.0, 0.33 + DOWN)  # the generator does not fool it


def policy(kl: np.ndarray | float, clipped: np.ndarray | float, entropy: np.ndarray) -> dict[str, Finding]:
    reward = 20 - 20 * DOWN + NOISE[0]
    return said(ep_rew_mean=reward, approx_kl=kl, clip_fraction=clipped, entropy=entropy, policy_loss=0.01 * NOISE[1])


def test_a_ratio_that_is_always_one() -> None:
    learns = 0.7 * np.exp(-STEPS / 400)
    assert cause(policy(0.0, 0.0, learns), "policy-ratio-one") == ()  # one pass over a batch gives the same
    assert "policy-ratio-one" not in policy(0.01 + 0.001 * NOISE[2], 0.1, learns)
    assert "policy-ratio-one" not in policy(0.0, 0.0, np.full(len(STEPS), 0.7))  # nothing is learnt


def preference(shift: float, first: int = 0) -> dict[str, Finding]:
    margin = 0.05 * STEPS / 10 * (1 if not shift else 0.2) + 0.1 * NOISE[2]
    chosen, rejected = shift + margin, shift * 0.7 - margin
    loss = np.log1p(np.exp(-(chosen - rejected)))
    columns = {"rewards/chosen": chosen, "rewards/rejected": rejected, "loss": loss}
    signals = {name: Series(STEPS[first:], value[first:]) for name, value in columns.items()}
    return {one.kind: one for one in diagnose(Trace(signals))}


def test_rewards_that_are_far_from_zero_before_the_first_update() -> None:
    assert cause(preference(8.0), "reference-differs") == ("reference-mismatch",)
    assert "reference-differs" not in preference(-8.0)  # of a loss without a reference
    assert "reference-differs" not in preference(0.0)
    assert "reference-differs" not in preference(8.0, first=8)  # a log that begins later


def ranks(what: str, apart: float) -> dict[str, Finding]:
    own = {f"{what}_rank{rank}": 5 + STEPS / 100 + apart * rank * (1 + NOISE[rank] / 10) for rank in range(3)}
    return said(loss=2.3 * DOWN + 0.5 + 0.05 * NOISE[5], **own)


def test_what_ranks_log_side_by_side() -> None:
    assert cause(ranks("wnorm", 0.1), "ranks-apart") == ("rank-disagreement",)
    assert "ranks-apart" not in ranks("wnorm", 1e-5)
    assert "ranks-apart" not in ranks("gnorm", 0.1)  # before they are averaged, gradients differ
    assert cause(ranks("loss/", 0.0), "ranks-alike") == ()  # losses that were averaged over ranks are alike too
    assert "ranks-alike" not in ranks("loss/", 0.1)


def test_a_loss_that_mirrors_its_validation() -> None:
    climbs = 4.4 + 1.3 * (1 - DOWN)
    assert cause(said(loss=-climbs + 0.02 * NOISE[0], validation_loss=climbs), "impossible-loss") == ("loss-sign",)
    assert "impossible-loss" not in said(loss=-climbs + 0.02 * NOISE[0], validation_loss=-climbs)  # a density


def test_classes_begin_no_higher_than_their_number_allows() -> None:
    falls = 1400 * DOWN + 20 + NOISE[0]
    found = said(loss=falls, validation_loss=falls, accuracy=1 - DOWN)
    assert found["bad-start"].candidate_causes == ("initialisation",)
    assert "bad-start" not in said(loss=falls, validation_loss=falls)  # of any unit


def by_batch(between: float) -> dict[str, Finding]:
    right = (CHANCE.random(len(STEPS)) < 0.6).astype(float)
    right[::20] = between
    return said(loss=1.5 + 0.5 * np.abs(NOISE[0]), accuracy=right)


def test_batches_of_one_sample_have_no_order() -> None:
    assert cause(by_batch(0.5), "data-order") == ("data-order",)
    assert "data-order" not in by_batch(1.0)


@pytest.mark.parametrize("name", ["mem_mb", "gpu_mem_used"])
def test_memory_that_grows_is_memory_under_its_usual_names(name: str) -> None:
    assert "memory-growth" in said(loss=DOWN + 1, **{name: 300 + STEPS / 2})
