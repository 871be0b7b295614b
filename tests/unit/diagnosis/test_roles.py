"""Columns by role: names of many trainers, names that only look like one, and values that contradict a name."""

import re
from pathlib import Path

import numpy as np
import pytest

from newllm.diagnosis.detectors.auxiliary import detect_loss_scale
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.roles import ROLES, known_role, parse_role, role_of, roles_of
from newllm.errors import UserError
from newllm.trace import Series, Trace


def trace(**columns: list[float]) -> Trace:
    return Trace(
        {name.replace("__", "/"): Series(np.arange(len(v)), np.array(v, float)) for name, v in columns.items()}
    )


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (
            "generator_loss",
            ["loss_G", "g_loss", "errG", "Loss_G", "training/loss_G", "generator/loss", "gen_loss", "generator"],
        ),
        (
            "discriminator_loss",
            ["loss_D", "d_loss", "errD", "disc_loss", "critic_loss", "critic", "train/discriminator"],
        ),
        ("real_score", ["D(x)"]),
        ("fake_score", ["D(G(z))"]),
        ("reward", ["reward", "train/reward", "rollout/ep_rew_mean", "mean_reward", "episode_reward"]),
        ("length", ["rollout/ep_len_mean", "completion_length"]),
        ("entropy", ["entropy", "objective/entropy"]),
        ("negative_entropy", ["train/entropy_loss"]),
        ("approximate_kl", ["train/approx_kl"]),
        ("clip_fraction", ["train/clip_fraction", "policy/clipfrac_avg", "ppo/policy/clipfrac", "actor/pg_clipfrac"]),
        ("kl", ["train_kl", "objective/kl", "kl_loss"]),
        ("reconstruction", ["training/recon", "reconstruction_loss"]),
        ("chosen", ["rewards/chosen"]),
        ("margin", ["rewards/margins"]),
        ("preference_accuracy", ["train/rewards/accuracies"]),
        ("auxiliary_loss", ["aux_loss", "moe/load_balancing_loss"]),
        ("loss_scale", ["loss_scale"]),
        ("clipped_norm", ["gradient_norm_clipped", "grad_norm/clipped"]),
        ("memory", ["memory(GiB)", "max_memory_allocated"]),
        ("throughput", ["samples_per_second", "tok/sec", "it/s"]),
        ("success", ["train/episode_success", "win_rate"]),
    ],
)
def test_names_of_many_trainers(role: str, names: list[str]) -> None:
    assert {name: role_of(name) for name in names} == dict.fromkeys(names, role)
    assert role in ROLES


@pytest.mark.parametrize(("name", "is_one"), [("loss_scale", True), ("scale", False)])
def test_a_loss_scale_that_is_named_so_may_fall_by_any_factor(name: str, is_one: bool) -> None:
    """A scaler's factors are settings; 1.4 times less at each overflow is as much a fall as half."""
    steps = np.arange(300)
    scale = np.where(steps < 150, 65536.0, np.maximum(1e-8, 65536 * 0.5 ** ((steps - 150) / 2)))
    signals = {"loss": Series(steps, 4 * np.exp(-steps / 80) + 1), name: Series(steps, scale)}
    assert bool(detect_loss_scale(Trace(signals), Facts())) is is_one


@pytest.mark.parametrize(
    "name",
    ["loss", "validation_loss", "gradient_norm", "cross_entropy", "attention_entropy/blocks.0", "kl_coef", "reward_std",
     "update_ratio/critic", "logps/chosen", "gradient_norm/d.loss"],
)  # fmt: skip
def test_names_that_play_no_role(name: str) -> None:
    assert role_of(name) is None


def test_values_contradict_a_name() -> None:
    roles = roles_of(trace(kl=[-1.0, -2.0, 3.0], success=[0.0, 250.0, 3.0]))
    assert "kl" not in roles
    assert "success" not in roles
    assert roles_of(trace(kl=[0.0, -1e-9, 3.0])).first("kl") == "kl"


def test_the_critic_of_an_actor_is_no_discriminator() -> None:
    roles = roles_of(trace(critic_loss=[1.0], actor_loss=[1.0], reward=[0.0]))
    assert roles.first("value_loss") == "critic_loss"
    assert "discriminator_loss" not in roles


def test_training_before_evaluation() -> None:
    roles = roles_of(trace(eval__reward=[1.0], reward=[2.0]))
    assert roles.names("reward") == ("reward", "eval/reward")
    assert roles.series("success", "reward").value.tolist() == [2.0]
    assert roles.first("kl") is None
    assert not len(roles.series("kl").value)


def test_a_person_corrects() -> None:
    role, column = parse_role("aux-loss=thing")
    roles = roles_of(trace(thing=[1.0], aux_loss=[2.0]), Facts(roles={role: column}))
    assert roles.names("auxiliary_loss") == ("thing",)
    with pytest.raises(UserError, match="there is no column 'x': the log has aux_loss, thing"):
        roles_of(trace(thing=[1.0], aux_loss=[2.0]), Facts(roles={"kl": "x"}))


@pytest.mark.parametrize(("text", "said"), [("reward", "give ROLE=COLUMN"), ("prize=x", "'prize': give one of ")])
def test_a_role_that_is_none(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse_role(text)
    assert known_role(" KLD ") == "kl"


def test_the_page_names_every_role() -> None:
    page = (Path(__file__).parents[3] / "docs" / "doctor.md").read_text("utf-8")
    table = page.partition("| in | roles |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(.+?)`", table)) == set(ROLES)
