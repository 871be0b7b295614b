"""Which column of a log plays which role, by its name and by its values: reward, entropy, KL, a discriminator's loss.

A name is cut into words as the readers do (`losses/loss_G`, `g_loss` and `errG` are one). A name alone is not enough
where its values contradict it: a KL divergence is not negative, a success rate lies between 0 and 1 or 100. Signals of
single layers (`attention_entropy/blocks.0`) play no role. Where a guess is wrong, `--role aux_loss=COLUMN` corrects it.

Limits: names in English; of a log with two policies or two generators, all columns of a role are found, and most
detectors look at the first.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite, is_validation
from newllm.errors import UserError
from newllm.trace import Series, Trace
from newllm.trace.readers import Chosen
from newllm.trace.readers.naming import split_of, words

_LAYERED = {"gradient_norm", "weight_norm", "update_norm", "update_ratio", "second_moment_mismatch", "activation_rms",
            "activation_zero", "gate_saturation", "attention_entropy", "attention_logit", "context_norm",
            "weights_changed", "frozen_changed", "moments_changed", "buffers_changed", "statistics_changed",
            "weights_written",
            "probe_activation_rms", "probe_context_norm", "study", "count", "validation_count", "validation_correct",
            "gradients", "parameters", "setting"}  # fmt: skip
_GLUED = re.compile(r"(err|loss)[_ -]?(gen|disc|dis|g|d)|(g|d)(loss|_loss)", re.IGNORECASE)
_D = ("d", "dis", "disc", "discriminator", "critic")
_G = ("g", "gen", "generator")
_LOSS = ("loss", "losses", "err", "error", "cost", "objective")
_STATISTICS = {"mean", "avg", "average", "step", "batch", "rollout", "rollouts", "metrics", "info", "stats", "running",
               "total", "per", "log", "env", "objective"}  # fmt: skip
_MEANINGLESS = _STATISTICS | {"losses", "episode", "ep", "epoch"}

Test = Callable[[np.ndarray], bool]
ROUNDED = 1e-3  # of a power of two, in its exponent


def _whole_share(value: np.ndarray) -> bool:
    return bool(value.min() >= 0 and value.max() <= 100)


def _not_negative(value: np.ndarray) -> bool:
    return bool(value.min() >= -1e-3 * max(float(np.abs(value).max()), 1e-9))


def _is_annealed(value: np.ndarray) -> bool:
    """Whether these are shares of actions that are drawn by chance: most at first, then fewer."""
    return bool(value.min() >= 0 and value.max() <= 1 and value[0] >= 0.5 and value[-1] <= value[0] / 2)


def _powers_of_two(value: np.ndarray) -> bool:
    """Whether these are scales of a loss: a scaler doubles and halves. Logs round them."""
    powers = np.log2(np.maximum(value, 1e-300))
    return bool(value.min() > 0 and np.abs(powers - np.round(powers)).max() < ROUNDED)


SAYS_SCALE = re.compile(r"loss[ _-]?scale", re.IGNORECASE)  # a "scale" may be one of anything else
# Role -> words of which a name must have all of one alternative; earlier roles win.
_ROLES: dict[str, tuple[str, ...]] = {
    "preference_accuracy": ("rewards accuracies", "rewards accuracy", "reward accuracy", "preference accuracy",
                            "dpo accuracy", "pair accuracy"),
    "margin": ("margins", "margin", "rewards margins", "reward margin", "rewards margin"),
    "chosen": ("rewards chosen", "reward chosen", "chosen"),
    "rejected": ("rewards rejected", "reward rejected", "rejected"),
    "clipped_norm": ("grad norm clipped", "gradient norm clipped", "clipped grad norm", "clipped norm",
                     "norm after clip", "grad norm after clip", "clipped gradient norm"),
    "loss_scale": ("loss scale", "grad scale", "scaler scale", "amp scale", "scaler", "scale"),
    "expert_share": ("max load", "load max", "expert max share", "max expert share", "max expert load",
                     "expert max load", "max share"),
    "code_perplexity": ("codebook perplexity", "code perplexity", "vq perplexity", "perplexity codebook"),
    "auxiliary_loss": ("aux loss", "auxiliary loss", "balance loss", "load balance", "load balancing loss",
                       "load balancing", "router loss", "moe loss", "z loss", "router z loss", "commit loss",
                       "commitment loss", "vq loss", "codebook loss", "regularization loss", "aux"),
    "discriminator_loss": (*(f"{d} {x}" for d in _D for x in _LOSS), "critic", "discriminator"),
    "generator_loss": (*(f"{g} {x}" for g in _G for x in _LOSS), "generator"),
    "real_score": ("d x", "d real", "real score", "score real", "real acc", "d acc real", "logits real", "real logits"),
    "fake_score": ("d g z", "d fake", "fake score", "score fake", "fake acc", "d acc fake", "logits fake",
                   "fake logits"),
    "policy_loss": ("policy loss", "actor loss", "pg loss", "policy gradient loss", "surrogate loss", "pi loss"),
    "value_loss": ("value loss", "vf loss", "q loss", "qf loss", "qf1 loss", "td loss", "v loss"),
    "value_estimate": ("q", "q values", "q value", "qvalues", "state values", "state value", "value estimate",
                       "v values"),
    "return": ("episode return", "return", "returns", "ep ret", "episodic return"),
    "success": ("success", "success rate", "win rate", "winrate", "solved", "episode success", "goal reached",
                "true reward", "gold reward", "human score", "task success", "pass rate", "correctness"),
    "reward": ("reward", "rewards", "ep rew", "rew", "ep rew mean", "score reward"),
    "length": ("ep len", "episode length", "ep length", "completion length", "response length", "episode len",
               "completions length"),
    "entropy": ("entropy", "policy entropy", "ent"),
    "negative_entropy": ("entropy loss", "ent loss"),
    "exploration": ("epsilon", "eps greedy", "exploration rate", "explore rate"),
    "clip_fraction": ("clip fraction", "clipfrac", "clip frac", "policy clipfrac", "pg clipfrac"),
    "approximate_kl": ("approx kl", "approximate kl", "approxkl"),
    "kl": ("kl", "kld", "kl loss", "kl div", "kl divergence", "kld loss", "latent kl", "objective kl", "kl coef loss"),
    "reconstruction": ("recon", "reconstruction", "rec", "recon loss", "reconstruction loss", "rec loss",
                       "reconst loss", "recon error", "nll loss rec"),
    "alignment": ("alignment", "align", "pos sim", "positive similarity", "cosine similarity", "cos sim", "pos cos"),
    "uniformity": ("uniformity", "uniform loss"),
    "spread": ("spread", "diversity", "z std", "emb std", "embedding std", "std of embeddings", "feature std",
               "embedding spread", "sample std", "output std", "repr std", "representation std", "feature variance",
               "modes", "effective rank"),
    "memory": ("memory", "mem", "gpu memory", "memory allocated", "max memory", "gpu mem", "memory gb", "mem gb",
               "memory mb", "rss", "rss mb", "peak memory", "vram", "reserved", "allocated", "max reserved",
               "memory usage", "ram", "memory gi b", "memory gib", "mem gib", "mem mb", "mem used", "memory used"),
    "throughput": ("samples per second", "tokens per second", "samples sec", "tok sec", "tokens sec", "it s", "its",
                   "fps", "steps per second", "throughput", "tps", "tgs", "images sec",
                   "img s", "tok s", "iter s", "tokens per sec", "samples s", "steps sec", "sps"),
    "fid": ("fid", "kid", "frechet inception distance"),
    "inception_score": ("inception score", "is score"),
    "teacher_loss": ("distill loss", "distillation loss", "kd loss", "teacher loss", "soft loss", "student loss"),
    "noise_loss": ("eps loss", "noise loss", "noise mse", "ddpm loss", "diffusion loss", "vlb", "loss q0"),
    "mse": ("mse", "rmse", "mae", "r2", "huber", "l1", "l2 loss"),
}  # fmt: skip
SIGNALS = ("validation_loss", "learning_rate", "gradient_norm", "accuracy", "validation_accuracy")
"""Roles that are signals of docs/signals.md: a column that is said to be one is read under its name."""
ROLES = (*SIGNALS, *_ROLES)
_ALIASES = {"lr": "learning_rate", "grad_norm": "gradient_norm", "val_loss": "validation_loss",
            "aux_loss": "auxiliary_loss", "aux": "auxiliary_loss", "recon": "reconstruction", "kld": "kl",
            "d_loss": "discriminator_loss", "g_loss": "generator_loss", "approx_kl": "approximate_kl"}  # fmt: skip
_MUST_BE: dict[str, Test] = {
    "success": _whole_share,
    "preference_accuracy": _whole_share,
    "kl": _not_negative,
    "memory": _not_negative,
    "throughput": _not_negative,
    "loss_scale": _powers_of_two,
    "expert_share": _whole_share,
    "exploration": _is_annealed,
    "clipped_norm": _not_negative,
}
_AVERAGED = frozenset({"average", "averaged", "avg", "mean", "running", "moving", "smoothed", "ema"})
_WORDS: dict[tuple[str, ...], str] = {}
for _role, _names in _ROLES.items():
    for _name in _names:
        _WORDS.setdefault(tuple(_name.split()), _role)
_LONGEST = max(map(len, _WORDS))


@dataclass(frozen=True, eq=False)
class Roles:
    """The columns of a trace by role.

    Attributes:
        trace: whose columns they are.
        columns: names by role, those of training first; roles that no column plays are left out.
    """

    trace: Trace
    columns: Mapping[str, tuple[str, ...]]

    def __contains__(self, role: str) -> bool:
        return role in self.columns

    def names(self, *roles: str) -> tuple[str, ...]:
        """Return the columns of these roles, of the first role first."""
        return tuple(name for role in roles for name in self.columns.get(role, ()))

    def first(self, *roles: str) -> str | None:
        """Return the column of the first of these roles that has one, of training where there are several."""
        return next(iter(self.names(*roles)), None)

    def series(self, *roles: str) -> Series:
        """Return the finite points of that column; empty without one."""
        return finite(self.trace.series(self.first(*roles) or ""))


def roles_of(trace: Trace, facts: Facts = Facts()) -> Roles:  # noqa: B008 (it cannot be changed)
    """Return which columns play which role; `facts.roles` corrects what the names say.

    Raises:
        UserError: a correction names no column of the trace.
    """
    corrected = {_known(trace, column): role for role, column in facts.roles.items()}
    found: dict[str, list[str]] = {role: [name] for name, role in corrected.items()}
    taken = set(facts.roles)
    for name, series in trace.signals.items():
        role = role_of(name)
        if role is None or name in corrected or role in taken or not _fits(name, role, series):
            continue
        found.setdefault(role, []).append(name)
    if "generator_loss" not in found and not found.keys().isdisjoint({"reward", "return", "policy_loss"}):
        found.setdefault("value_loss", []).extend(found.pop("discriminator_loss", []))  # an actor's critic
    return Roles(trace, {role: tuple(sorted(names, key=_order)) for role, names in found.items() if names})


def _order(name: str) -> tuple[bool, bool]:
    """Order the columns of one role: those of training first, and of these an average before a single episode."""
    return is_validation(name), _AVERAGED.isdisjoint(words(name))


@lru_cache(maxsize=4096)
def role_of(name: str) -> str | None:
    """Return the role that a name says, None where it says none."""
    if is_layered(name):
        return None
    found = [word for word in words(name.replace("errD", "err_d").replace("errG", "err_g")) if not split_of(word)]
    if match := _GLUED.fullmatch("_".join(found)):
        which = (match.group(2) or match.group(3)).lower()
        return "generator_loss" if which.startswith("g") else "discriminator_loss"
    for silent in (frozenset[str](), _STATISTICS, _MEANINGLESS):
        kept = [word for word in found if word not in silent]
        if role := _WORDS.get(tuple(kept)):
            return role
    for count in range(min(_LONGEST, len(found)), 1, -1):  # "ppo policy loss": the last words are the noun
        if role := _WORDS.get(tuple(found[-count:])):
            return role
    return None


def is_layered(name: str) -> bool:
    """Whether a signal of this name is of a single layer, or of a class."""
    return name.rpartition("/")[0].split("/")[0] in _LAYERED


def known_role(text: str) -> str:
    """Return the role that a person means.

    Raises:
        UserError: there is no such role.
    """
    role = text.strip().lower().replace("-", "_")
    role = _ALIASES.get(role, role)
    if role not in ROLES:
        raise UserError(f"a column's role '{text}': give one of {', '.join(ROLES)}")
    return role


def parse_role(text: str) -> tuple[str, str]:
    """Return the role and the column of "ROLE=COLUMN".

    Raises:
        UserError: it is not of that form, or there is no such role.
    """
    role, equals, column = text.partition("=")
    if not equals or not column.strip():
        raise UserError(f"--role '{text}': give ROLE=COLUMN, as in --role reward=score")
    return known_role(role), column.strip()


def chosen_columns(loss: str | None, step: str | None, roles: Mapping[str, str]) -> tuple[Chosen, dict[str, str]]:
    """Part what a person says of columns into what a reader names by it, and roles beside the signals.

    Raises:
        UserError: there is no such role.
    """
    known = {known_role(role): column for role, column in roles.items()}
    signals = {role: column for role, column in known.items() if role in SIGNALS}
    return Chosen(loss, step, signals), {role: column for role, column in known.items() if role not in SIGNALS}


def _known(trace: Trace, column: str) -> str:
    if column in trace.signals:
        return column
    shown = ", ".join(sorted(trace.signals)[:40])
    raise UserError(f"--role: there is no column '{column}': the log has {shown or 'none'}")


def _fits(name: str, role: str, series: Series) -> bool:
    value = finite(series).value
    if role == "loss_scale" and SAYS_SCALE.search(name):  # whatever factor its scaler has
        return len(value) > 0 and _not_negative(value)
    return len(value) > 0 and (role not in _MUST_BE or _MUST_BE[role](value))
