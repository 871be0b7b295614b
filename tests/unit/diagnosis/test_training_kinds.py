"""Findings of trainings that are no plain supervised ones, on made-up logs: each fault, and healthy ones beside it."""

from collections.abc import Callable

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.training_kind import KINDS, training_kind
from newllm.messages import catalogue
from newllm.trace import Finding, Series, Trace

COUNT = 200
STEPS = np.arange(0, 2 * COUNT, 2)
RISING = STEPS / STEPS[-1]
LATE = STEPS >= 200
Columns = dict[str, np.ndarray | float]


def noisy(values: np.ndarray | float, share: float = 0.1, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(COUNT)
    return np.asarray(values, float) + np.abs(values) * share * noise


def found(columns: Columns, kind: str | None = None) -> list[Finding]:
    signals = {name: Series(STEPS, np.broadcast_to(np.asarray(v, float), (COUNT,))) for name, v in columns.items()}
    findings = diagnose(Trace(signals), Facts(kind=kind))
    japanese, english = catalogue("ja"), catalogue("en")
    for finding in findings:
        for part in (finding.sentence, *finding.alternatives, finding.test):
            assert part is None or any("\u3040" <= sign <= "\u9fff" for sign in japanese.text(part))
        for cause in finding.candidate_causes:
            assert english.get(f"term-{cause}")
            assert japanese.get(f"term-{cause}")
        assert all(english.get(f"evidence-{name}") for name in finding.evidence)
    return findings


def only(columns: Columns, kind: str | None = None) -> Finding:
    (finding,) = found(columns, kind)
    return finding


def gan(g: np.ndarray | float, d: np.ndarray | float, **more: np.ndarray | float) -> Columns:
    return {"loss": noisy(g), "g_loss": noisy(g), "d_loss": noisy(d, seed=2), **more}


FALLING = 1.386 * np.exp(-RISING * 8)
BALANCED = gan(0.9 + 0.2 * np.sin(STEPS / 20), 1.2 + 0.1 * np.cos(STEPS / 20), spread=noisy(0.1 + RISING))


def test_a_discriminator_that_wins() -> None:
    finding = only(gan(0.7 + 6 * (1 - np.exp(-RISING * 8)), FALLING))
    assert (finding.kind, finding.severity) == ("discriminator-wins", "fault")
    assert (finding.supported_causes, finding.candidate_causes) == ((), ("learning-rate", "no-gradient"))
    assert finding.first_step is not None
    assert finding.first_step < 60


def test_a_generator_that_answers_in_the_end_had_a_gradient() -> None:
    level = np.where(LATE, 0.3, FALLING**2)
    finding = only(gan(np.where(LATE, 3.0, 0.7 + 6 * (1 - np.exp(-RISING * 8))), level, spread=noisy(0.1 + RISING)))
    assert (finding.kind, finding.supported_causes) == ("discriminator-wins", ())


def test_a_bounded_loss_of_a_generator_that_has_lost() -> None:
    bounded = gan(np.minimum(1.0, 0.6 + 5 * RISING), 0.5 * np.exp(-RISING * 30))  # least squares
    assert only(bounded).kind == "discriminator-wins"
    assert only(bounded | {"spread": noisy(0.07, 0.03)}).kind == "generator-stands-still"
    hinge = gan(np.minimum(1.0, 5 * RISING - 0.1), np.maximum(0.0, 2 - 20 * RISING))
    assert only(hinge).kind == "discriminator-wins"


def test_a_generator_whose_samples_stand_still_has_no_gradient() -> None:
    finding = only(gan(0.7 + 6 * (1 - np.exp(-RISING * 8)), FALLING, spread=noisy(0.07, 0.03)))
    assert finding.kind == "generator-stands-still"
    assert finding.supported_causes == ("no-gradient",)
    assert finding.first_step == 0


@pytest.mark.parametrize("every", [1, 2, 4])
def test_the_generator_is_read_at_the_steps_of_the_discriminator(every: int) -> None:
    g, d = np.where(LATE, 7.0, noisy(0.7)), np.where(LATE, 0.001, noisy(1.3, seed=3))
    signals = {"g_loss": Series(STEPS, g), "d_loss": Series(STEPS[::every], d[::every])}
    (finding,) = diagnose(Trace(signals), Facts(kind="adversarial"))
    assert finding.kind == "discriminator-wins"
    assert finding.sentence.parameters["others"] == finding.evidence["generator_loss"] == 7.0


def test_a_discriminator_that_does_not_answer() -> None:
    g = np.where(LATE, 0.8 * np.exp(-(STEPS - 200) / 15), noisy(0.8))
    finding = only(gan(g, np.where(LATE, 1.5, noisy(1.3, seed=3))))
    assert finding.kind == "generator-wins"
    assert (finding.supported_causes, finding.candidate_causes[0]) == ((), "discriminator-frozen")
    assert 180 <= (finding.first_step or 0) <= 230
    away = np.where(LATE, STEPS - 199.0, 1.9)
    assert only(gan(-away, away)).candidate_causes[0] == "discriminator-frozen"


def test_samples_that_become_alike() -> None:
    alike = {"spread": noisy(np.where(LATE, 0.02, 0.1 + RISING))}
    finding = only(gan(2.0, np.where(LATE, 0.6, 1.3)) | alike)
    assert finding.kind == "mode-collapse"
    assert 190 <= (finding.first_step or 0) <= 210
    guesses = gan(0.7, 1.386) | alike
    assert not found(guesses)  # the data may be as alike: nobody can tell them apart
    assert only(guesses | {"D(x)": 0.7, "D(G(z))": 0.3}).kind == "mode-collapse"


@pytest.mark.parametrize(
    "columns",
    [
        BALANCED,
        gan(3.5, 0.4 * np.ones(COUNT)),  # as in DCGAN
        gan(0.7 + 3 * RISING, 1.386 - 1.1 * RISING),
        {"g_loss": noisy(-RISING), "d_loss": noisy(-5 * RISING)},  # Wasserstein
    ],
)
def test_a_sound_adversarial_training(columns: Columns) -> None:
    assert not found(columns)


def rl(reward: np.ndarray | float, entropy: np.ndarray | float, **more: np.ndarray | float) -> Columns:
    rng = np.random.default_rng(4)
    noise = 0.05 * rng.standard_normal(COUNT)
    return {"loss": rng.standard_normal(COUNT), "reward": reward + noise, "entropy": entropy, **more}


LEARNS = 1 - np.exp(-RISING * 8)


@pytest.mark.parametrize(
    ("values", "returns", "lengths", "is_found"),
    [
        (40 * RISING, 9.4, 9.4, True),
        (40 * RISING, 9.4, None, True),
        (18 * RISING, 9.4, 9.4, False),
        (40 * RISING[::-1], 9.4, 9.4, False),
        (100 * RISING, 40 + 160 * RISING, 40 + 160 * RISING, False),
        (400 * RISING, 40 + 160 * RISING, np.minimum(200, 40 + 320 * RISING), False),  # episodes are cut
        (40 * RISING, -9.4, 9.4, False),
    ],
)
def test_values_that_no_episode_has_earned(
    values: np.ndarray, returns: np.ndarray | float, lengths: np.ndarray | float | None, is_found: bool
) -> None:
    columns = {"td_loss": noisy(1.0), "q_values": noisy(values), "episodic_return": noisy(returns)}
    # Exploring episodes are longer at first.
    more = {} if lengths is None else {"episode_length": noisy(lengths * (1 if np.ndim(lengths) else 2 - RISING))}
    kinds = [one.kind for one in found({"loss": noisy(1.0), **columns, **more}, "reinforcement")]
    assert ("values-above-returns" in kinds) is is_found


def test_a_reward_that_falls_from_the_start() -> None:
    finding = only(rl(-np.clip(RISING * 20, 0, 1), 0.65))
    assert (finding.kind, finding.first_step, finding.candidate_causes[0]) == ("reward-falls", 0.0, "reward-sign")
    assert finding.supported_causes == ()


def test_a_reward_that_is_lost() -> None:
    finding = only(rl(np.where(LATE, 0.1, LEARNS), 0.6 - 0.3 * RISING))
    assert (finding.kind, finding.supported_causes) == ("reward-falls", ())
    assert 190 <= (finding.first_step or 0) <= 210


def test_an_entropy_that_was_gone_before_the_reward() -> None:
    finding = only(rl(np.where(LATE, -0.4, LEARNS), 0.69 * np.exp(-RISING * 60)))
    assert (finding.kind, finding.supported_causes) == ("entropy-collapse", ())
    assert (finding.first_step or 0) < 60
    turned = rl(np.where(LATE, -0.4, LEARNS), 0.0, entropy_loss=-0.69 * np.exp(-RISING * 60))
    del turned["entropy"]
    assert only(turned).kind == "entropy-collapse"


def test_a_reward_that_is_exploited() -> None:
    success = np.where(LATE, 0.0, LEARNS)
    finding = only(rl(np.where(LATE, 20.0, LEARNS), 0.3, success=success))
    assert (finding.kind, finding.supported_causes) == ("reward-hacking", ())
    assert 190 <= (finding.first_step or 0) <= 210
    assert only(rl(np.where(LATE, 20.0, LEARNS), 0.3, win_rate=100 * success)).evidence["last"] < 0.05


def test_a_reward_that_stays_while_the_policy_changes() -> None:
    finding = only(rl(1.0, 0.69 - 0.5 * RISING))
    assert (finding.kind, finding.severity, finding.supported_causes) == ("reward-stays", "warning", ())
    assert only(rl(0.0, 0.69 - 0.5 * RISING)).severity == "note"  # no rise could be seen in such noise
    assert only(rl(0.0, 0.69 * np.exp(-RISING * 60))).candidate_causes == ("learning-rate", "reward-sign")
    unmoved = only(rl(0.0, 0.69))
    assert (unmoved.severity, unmoved.candidate_causes[0], unmoved.supported_causes) == ("warning", "no-gradient", ())


def test_an_entropy_below_zero_falls_and_rises_like_any_other() -> None:
    finding = only(rl(1.0, -1 - 0.5 * RISING))
    assert finding.kind == "reward-stays"
    assert finding.evidence["entropy_fell"] == pytest.approx(0.45, abs=0.03)
    assert finding.candidate_causes == ("reward-sign", "learning-rate")  # of a density's entropy none is ever gone
    assert not found(rl(1.0, -1 + 0.5 * RISING))  # it has risen
    assert not found(rl(1.0, 0.69 + 0.5 * RISING))


def test_a_success_before_the_first_reward_says_nothing_of_its_rise() -> None:
    signals = {
        "reward": Series(STEPS + 100, RISING * 10),
        "success": Series(STEPS, np.exp(-5 * RISING)),
        "entropy": Series(STEPS, np.ones(COUNT)),
    }
    kinds = [one.kind for one in diagnose(Trace(signals), Facts(kind="reinforcement"))]
    assert "reward-hacking" not in kinds


def test_a_policy_that_runs_away_from_its_reference() -> None:
    kl = np.where(LATE, np.exp((STEPS - 200) / 25), 1.0)
    finding = only(rl(LEARNS, 0.5, **{"objective/kl": kl}))
    assert (finding.kind, finding.supported_causes) == ("kl-explosion", ())
    assert only(rl(RISING, 0.5, **{"objective/kl": kl})).evidence["reward_rises"]


@pytest.mark.parametrize(
    "columns",
    [
        rl(LEARNS, 0.69 * np.exp(-RISING * 60)),  # certain, and right
        rl(np.where((STEPS > 100) & (STEPS < 130), -0.3, LEARNS), 0.4),  # another goal for a while
        rl(0.0, 0.69 - 0.05 * RISING),  # nothing found yet
        rl(LEARNS, 0.3) | {"loss": 0.0},  # all episodes earn the same
        rl(LEARNS, 0.3, success=LEARNS, **{"objective/kl": 8 * RISING}),
        rl(LEARNS, 0.3, success=np.zeros(COUNT)),
        rl(LEARNS - 3, -RISING),  # a Gaussian policy's entropy may lie below zero
    ],
)
def test_a_sound_policy(columns: Columns) -> None:
    assert not found(columns)


def vae(kl: np.ndarray | float, recon: np.ndarray | float | None = None) -> Columns:
    recon = 27 + 15 * np.exp(-RISING * 20) if recon is None else recon
    return {"loss": noisy(recon, 0.01) + kl, "recon": noisy(recon, 0.01), "kl": noisy(kl)}


def test_a_code_that_carries_nothing() -> None:
    finding = only(vae(0.07 * np.exp(-RISING * 30) + 1e-4))
    assert (finding.kind, finding.first_step) == ("posterior-collapse", 0.0)
    assert finding.evidence["reconstruction_is_flat"]
    assert "with the first updates and stays there" in str(finding.sentence)  # there was no before
    later = only(vae(np.where(LATE, 1e-4, 3.0)))
    assert 190 <= (later.first_step or 0) <= 210
    assert "before) and stays there from step" in str(later.sentence)
    per_pixel = only(vae((0.07 * np.exp(-RISING * 30) + 1e-5) / 784, (27 + 15 * np.exp(-RISING * 20)) / 784))
    assert per_pixel.kind == "posterior-collapse"
    mean_and_sum = only(vae(0.1 * np.exp(-RISING * 40) + 2e-4, 0.07 + 0.1 * np.exp(-RISING * 20)))
    standing = only(vae(2.7 * np.exp(-RISING * 30) + 0.004, 0.43 + 0.3 * np.exp(-RISING * 30)))
    assert standing.kind == "posterior-collapse"
    assert mean_and_sum.kind == "posterior-collapse"  # so few nats are none, whatever the reconstruction's unit is


@pytest.mark.parametrize(
    "columns",
    [
        vae(0.07 + 2 * RISING),
        vae(2 + np.sin(STEPS / 20)),  # a weight in cycles
        vae(np.where(LATE, 0.05, 3.0)),  # small, and more than nothing
        vae((0.1 + 25 * RISING) / 784, (140 + 100 * np.exp(-RISING * 20) - 60 * RISING) / 784),
        vae(2000 * np.exp(-RISING * 5) + 20, 0.05),  # of a code that weighs nothing in the loss
    ],
)
def test_a_sound_autoencoder(columns: Columns) -> None:
    assert not found(columns)


def dpo(loss: np.ndarray | float, chosen: np.ndarray | float, **more: np.ndarray | float) -> Columns:
    return {"loss": loss, "rewards/chosen": chosen, "rewards/rejected": -np.asarray(chosen), **more}


def test_a_reference_that_is_the_policy() -> None:
    finding = only(dpo(np.log(2), 0.0))
    assert (finding.kind, finding.severity) == ("preference-at-reference", "fault")
    assert finding.supported_causes == ()  # a policy that is not updated is its reference too
    updated = only(dpo(np.log(2), 0.0, learning_rate=1e-5, gradient_norm=noisy(1.0)))
    assert updated.supported_causes == ("reference-is-policy",)
    assert "rewards/chosen and rewards/rejected are zero" in str(finding.sentence)


def test_pairs_that_tell_nothing() -> None:
    learnt = noisy(np.log(2) - 0.2 * RISING, 0.05)
    finding = only(dpo(learnt, noisy(-RISING), validation_loss=0.7 + 0.03 * RISING))
    assert (finding.kind, finding.supported_causes) == ("preference-without-signal", ())  # a rate does so too
    same = noisy(-RISING)
    answers = only({"loss": noisy(np.log(2), 0.01), "rewards/chosen": same, "rewards/rejected": same})
    assert (answers.kind, answers.supported_causes) == ("preference-without-signal", ("wrong-targets",))
    alone = only(dpo(noisy(np.log(2), 0.05), noisy(-RISING), **{"rewards/accuracies": noisy(0.5)}))
    assert alone.kind == "preference-without-signal"


def test_preferences_that_are_told_apart_half_of_the_time_in_percent() -> None:
    pairs = dpo(noisy(np.log(2), 0.05), noisy(-RISING), **{"rewards/accuracies": noisy(50.0)})
    assert only(pairs).kind == "preference-without-signal"
    told_apart = found(pairs | {"rewards/accuracies": noisy(80.0, 0.05)})
    assert [one.kind for one in told_apart] == ["plateau"]


def test_sound_preferences() -> None:
    assert not found(dpo(noisy(np.log(2) - 0.2 * RISING, 0.1), noisy(RISING), validation_loss=0.69 - 0.1 * RISING))


def test_an_evaluation_that_runs_otherwise_than_training() -> None:
    training = noisy(0.6 + 1.8 * np.exp(-RISING * 4), 0.03)
    free = Series(STEPS[19::20], (1.4 + np.exp(-RISING * 4))[19::20])
    signals = {"loss": Series(STEPS, training), "validation_loss": free}
    (finding,) = diagnose(Trace(signals))
    assert (finding.kind, finding.supported_causes) == ("evaluation-behind", ())
    small = Series(free.step, 1.4 + np.maximum(0.0, training[19::20] - 1.4))  # over-fitting: only in the end
    assert "evaluation-behind" not in [one.kind for one in diagnose(Trace(signals | {"validation_loss": small}))]
    near = Series(free.step, training[19::20] + 0.3)
    assert not diagnose(Trace(signals | {"validation_loss": near}))


def ssl(loss: np.ndarray | float, **more: np.ndarray | float) -> Columns:
    return {"loss": noisy(loss, 0.02), **more}


def test_representations_that_become_one() -> None:
    finding = only(ssl(3 - RISING, embedding_std=noisy(np.where(LATE, 1e-3, 0.1))))
    assert (finding.kind, finding.supported_causes) == ("representation-collapse", ())
    assert 190 <= (finding.first_step or 0) <= 210
    assert only(ssl(3 - RISING, alignment=np.where(LATE, 0.9995, 0.4))).kind == "representation-collapse"
    trivial = ssl(0.3 * np.exp(-RISING * 200) + 1e-4)
    assert only(trivial, "contrastive").kind == "representation-collapse"
    assert "representation-collapse" not in [one.kind for one in found(trivial)]


def test_a_contrastive_loss_that_cannot_leave_chance() -> None:
    flat = {"loss": np.log(48) - 0.01 * RISING}
    finding = only(flat, "contrastive")
    assert (finding.kind, finding.candidate_causes[0]) == ("contrastive-at-chance", "double-softmax")
    assert not found(ssl(np.log(48) - RISING), "contrastive")
    assert not found(ssl(3 - RISING, embedding_std=noisy(0.1 - 0.05 * RISING), alignment=0.5 + 0.4 * RISING))


@pytest.mark.parametrize(("late", "says"), [(1e3, "explodes"), (0.0, "vanishes")])
def test_an_auxiliary_loss(late: float, says: str) -> None:
    finding = only({"loss": 3 - RISING, "aux_loss": np.where(STEPS > 300, late, noisy(1.0))})
    assert finding.kind == "auxiliary-loss"
    assert says in str(finding.sentence)
    assert 290 <= (finding.first_step or 0) <= 310


def test_experts_out_of_balance() -> None:
    finding = only({"loss": 3 - RISING, "moe/load_balancing_loss": noisy(np.where(LATE, 6.0, 1.1))})
    assert (finding.supported_causes, finding.candidate_causes[0]) == ((), "unbalanced-experts")
    (jump,) = found({"loss": 3 - RISING, "aux_loss": noisy(np.where(LATE, 6.0, 1.1))})
    assert jump.severity == "note"


def test_a_loss_scale_that_only_falls() -> None:
    falls = 65536 / 2.0 ** (STEPS // 20)
    finding = only({"loss": 3 - RISING, "loss_scale": falls})
    assert (finding.kind, finding.first_step, finding.supported_causes) == ("loss-scale", 20.0, ())
    assert only({"loss": 3 - RISING, "loss_scale": np.where(LATE, 1.0, 1024.0)}).kind == "loss-scale"


def test_memory_that_grows_and_a_training_that_slows() -> None:
    assert only({"loss": 3 - RISING, "memory": 4 + 3 * RISING}).kind == "memory-growth"
    slow = only({"loss": 3 - RISING, "tokens_per_second": noisy(np.where(LATE, 100.0, 1000.0))})
    assert (slow.kind, slow.severity, slow.first_step) == ("throughput-drop", "note", pytest.approx(200, abs=8))


def test_a_training_that_becomes_slower_and_slower() -> None:
    seconds = noisy(0.1, 0.02) * (1 + 12 * RISING)
    for column, direction in ({"tokens_per_second": 100 / seconds}, "falls"), ({"step_seconds": seconds}, "rises"):
        slow = only({"loss": 3 - RISING, **column})
        assert (slow.kind, slow.severity) == ("throughput-drop", "note")
        assert f" {direction} from about " in str(slow.sentence)
        assert max(slow.evidence.values()) > 4 * min(slow.evidence.values())


@pytest.mark.parametrize(
    "column",
    [
        {"aux_loss": noisy(1.0) * np.exp(-RISING * 4)},
        {"loss_scale": np.where(STEPS < 10, 65536.0, 16384.0)},
        {"loss_scale": np.ones(COUNT)},
        {"loss_scale": np.where(LATE, 32768.0, 16384.0)},
        {"memory": np.minimum(10, 4 + 20 * RISING)},
        {"memory": 4 + np.abs(noisy(1.0))},
        {"samples_per_second": np.abs(noisy(1000.0, 0.8))},
        {"step_seconds": noisy(0.1, 0.02) * (1 + 1.5 * RISING)},  # half as fast, as beside another job
        {"step_seconds": np.where(STEPS < 40, 2.0, 0.1)},  # what is compiled first
    ],
)
def test_what_is_usual_beside_a_loss(column: Columns) -> None:
    assert not found({"loss": 3 - RISING, **column})


def test_its_consequences_are_not_told_beside_a_finding() -> None:
    kinds: Callable[[Columns], list[str]] = lambda columns: [one.kind for one in found(columns)]  # noqa: E731
    assert kinds(dpo(np.log(2), 0.0)) == ["preference-at-reference"]
    assert "repeated-loss" in kinds({"loss": np.full(COUNT, np.log(2))})


@pytest.mark.parametrize("seed", range(12))
def test_columns_of_any_values_are_judged(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = ["loss", "validation_loss", "reward", "entropy", "success", "objective/kl", "memory", "tokens_per_second",
             "aux_loss", "loss_scale", "g_loss", "d_loss", "spread", "recon", "rewards/chosen", "rewards/rejected",
             "alignment", "embedding_std"]  # fmt: skip
    for _ in range(25):
        signals = {}
        for name in rng.choice(names, 8, replace=False):
            count = int(rng.choice([0, 1, 3, 20, 40, 120]))
            of = np.linspace(0, 1, count)
            kinds = (0 * of, rng.standard_normal(count), np.exp(100 * rng.standard_normal(count)), -of * 1e300,
                     rng.choice([0.0, np.nan, np.inf, 1.0], count), np.exp(-40 * of))  # fmt: skip
            signals[str(name)] = Series(np.sort(rng.choice(999, count, replace=False)), kinds[rng.integers(6)])
        for finding in diagnose(Trace(signals), Facts(kind=str(rng.choice(KINDS)))):
            assert str(finding.sentence)


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (("generator.0", "critic.0"), "adversarial"),
        (("model.netG.main.0", "model.netD.main.0"), "adversarial"),
        (("policy.0", "value.0"), "reinforcement"),
        (("generator.0", "head"), None),
        (("attention.value", "attention.query"), None),
    ],
)
def test_layers_names_tell_of_two_sides(names: tuple[str, ...], kind: str | None) -> None:
    facts = Facts(layers=tuple(Layer(name, "Linear", 4) for name in names))
    assert training_kind(Trace({"loss": Series(np.arange(9), np.ones(9))}), facts).name == kind


def test_layers_called_mean_and_log_variance_are_those_of_a_variational_autoencoder() -> None:
    def kind(*names: str, divergence: str = "kl") -> str | None:
        layers = tuple(Layer(name, "Linear", 8) for name in names)
        signals = {name: Series(STEPS, 1 + RISING) for name in ("val_mse", divergence)}
        return training_kind(Trace(signals), Facts(layers=layers)).name

    assert kind("encoder.0", "mean", "log_variance") == kind("vae.fc_mu", "vae.fc_logvar") == "vae"
    assert kind("encoder.0", "mean", "decoder.0") == kind("actor.mean", "actor.log_std") == "regression"
    assert kind("body.0", "mean", "log_var", divergence="width") == "regression"  # it says how sure it is


def test_a_collapse_begins_where_the_divergence_falls() -> None:
    kl = np.where(LATE, 50 * 0.5 ** np.minimum((STEPS - 200) / 4, 60), 50.0)
    finding = next(
        one for one in found({"loss": noisy(0.3, 0.02), "kl": kl}, "vae") if one.kind == "posterior-collapse"
    )
    assert finding.first_step == 206  # the first below half; below the limit it is from step 270 on
    assert "stays there from step 2" in str(finding.sentence)
