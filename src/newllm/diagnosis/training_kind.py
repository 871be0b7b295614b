"""What kind of training a run is: given by a person, or guessed from the roles that its columns play.

The kind decides what its loss means. The loss of a policy, or of a GAN's two sides, is no measure of progress: it may
rise, fall or stay while all is well. A guess names the columns that it is made by, and `--kind` corrects it.

Names of layers say it too, where a model is recorded whole: generator and critic, policy and value.

Limits: a fine-tune, a diffusion model and a contrastive one are known by name only; their losses look like any other.
"""

import re
from dataclasses import dataclass

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.diagnosis.roles import roles_of
from newllm.errors import UserError
from newllm.trace import Remark, Trace
from newllm.trace.remark import note

KINDS = (
    "language-model",
    "classification",
    "fine-tune",
    "reinforcement",
    "adversarial",
    "vae",
    "diffusion",
    "contrastive",
    "preference",
    "regression",
    "distillation",
)
_ALIASES = {"lm": "language-model", "rl": "reinforcement", "policy": "reinforcement", "ppo": "reinforcement",
            "gan": "adversarial", "dpo": "preference", "classifier": "classification", "density": "regression",
            "finetune": "fine-tune", "sft": "fine-tune", "ddpm": "diffusion", "simclr": "contrastive"}  # fmt: skip
_SAID = frozenset({"reinforcement", "adversarial", "preference", "vae", "contrastive"})
NO_PROGRESS = frozenset({"reinforcement", "adversarial"})  # their loss measures nothing that should fall
_TOKENS_ASKED = 0.99  # of the targets
BELOW_ZERO = 3  # points of a loss below zero: it is no cross-entropy


@dataclass(frozen=True)
class TrainingKind:
    """What kind of training it is.

    Attributes:
        name: one of `KINDS`; None where nothing says so.
        columns: that a guess is made by; empty where a person gave the kind.
        is_given: whether a person did.
    """

    name: str | None = None
    columns: tuple[str, ...] = ()
    is_given: bool = False

    @property
    def loss_is_progress(self) -> bool:
        """Whether a loss that rises, or stays, says that something is wrong."""
        return self.name not in NO_PROGRESS


def training_kind(trace: Trace, facts: Facts = Facts()) -> TrainingKind:  # noqa: B008 (it cannot be changed)
    """Return what kind of training a trace is of."""
    if facts.kind is not None:
        return TrainingKind(facts.kind, is_given=True)
    return (
        _by_roles(trace, facts, _BY_ROLES)
        or _by_layers(trace, facts)
        or _by_roles(trace, facts, _LAST)
        or _by_values(trace)
    )


def _by_roles(trace: Trace, facts: Facts, kinds: tuple[tuple[str, tuple[str, ...]], ...]) -> TrainingKind | None:
    roles = roles_of(trace, facts)
    for name, needed in kinds:
        columns = [roles.first(*alternatives.split()) for alternatives in needed]
        if all(columns):
            return TrainingKind(name, tuple(filter(None, columns)))
    return None


def _by_layers(trace: Trace, facts: Facts) -> TrainingKind | None:
    """Return the kind that names of layers tell ("critic.0" is a critic's), None where they tell none."""
    names = {part.lower() for layer in facts.layers for sep in ("[._/]", "[./]") for part in re.split(sep, layer.name)}
    for kind, (first, second), role in _BY_LAYERS:
        if first & names and second & names and (role is None or roles_of(trace, facts).first(role)):
            return TrainingKind(kind, (min(first & names), min(second & names)))
    return None


def reads_text(trace: Trace, facts: Facts) -> bool:
    """Whether words of language models (tokens, vocabulary, documents) fit what is known of a run.

    They do where it says that it is one, records its tokens, or has an embedding; a vocabulary that a person gives for
    a log is one of tokens, that of a model without an embedding a number of classes.
    """
    if training_kind(trace, facts).name == "language-model" or facts.data is not None:
        return True
    if any("Embedding" in layer.kind for layer in facts.layers):
        return True
    return facts.vocabulary is not None and not any(layer.kind for layer in facts.layers)


def asks_for_tokens(trace: Trace) -> bool:
    """Whether the recorder saw that a model is asked for the tokens of a text that it is given."""
    shares = [trace.series(name).value for name in ("target_is_next", "target_is_input")]
    return any(len(one) > 0 and float(np.median(one)) >= _TOKENS_ASKED for one in shares)


def guess_remark(trace: Trace, facts: Facts) -> tuple[Remark, ...]:
    """Say how a training was guessed to be of its kind, where that changes what is said of it."""
    kind = training_kind(trace, facts)
    if kind.is_given or not (kind.name in _SAID or kind.columns == ("loss",)):
        return ()
    return (note("remark-training-kind", training=kind.name, columns=list(kind.columns)),)


# The first whose roles are all there; of several in one string any will do.
_BY_ROLES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("adversarial", ("generator_loss", "discriminator_loss")),
    ("adversarial", ("real_score", "fake_score")),
    ("preference", ("chosen", "rejected")),
    ("preference", ("margin", "preference_accuracy")),
    ("reinforcement", ("reward return", "entropy negative_entropy policy_loss value_loss length approximate_kl kl")),
    ("reinforcement", ("policy_loss", "value_loss entropy negative_entropy approximate_kl")),
    ("reinforcement", ("reward return",)),
    ("reinforcement", ("exploration",)),
    ("adversarial", ("discriminator_loss",)),
    ("vae", ("kl", "reconstruction")),
    ("contrastive", ("alignment", "uniformity")),
    ("diffusion", ("noise_loss",)),
    ("distillation", ("teacher_loss",)),
)
_LAST = (("regression", ("mse",)),)  # a squared error is logged by other kinds too


_BY_LAYERS = (
    ("adversarial", ({"generator", "gen", "netg"}, {"discriminator", "critic", "disc", "netd"}), None),
    ("reinforcement", ({"policy", "actor", "pi"}, {"value", "critic", "vf", "qf", "q"}), None),
    ("vae", (
        {"mu", "mean", "means", "fc_mu", "to_mu", "fc_mean", "z_mean", "mu_head", "mean_head"},
        {"logvar", "log_var", "log_variance", "fc_logvar", "fc_log_var", "fc_var", "to_logvar", "z_log_var",
         "logvar_head", "log_variance_head"},
    ), "kl"),  # without a divergence they are a regression's that says how sure it is
)  # fmt: skip

_TOKENS = re.compile(
    r"(^|[^a-z])tok(en)?s?[ _]*(/|per|seen|\b)", re.IGNORECASE
)  # tok/sec, tokens_per_second, tokens seen
_BY_COLUMNS = (
    ("vae", ("latent_kl",)),
    ("language-model", ("perplexity", "validation_perplexity", "validation_bits_per_byte", "tokens")),
    ("classification", ("accuracy", "validation_accuracy")),
)


def _by_values(trace: Trace) -> TrainingKind:
    loss = finite(trace.series("loss")).value
    if int(np.sum(loss < 0)) >= BELOW_ZERO:
        return TrainingKind("regression", ("loss",))
    for name, columns in _BY_COLUMNS:
        if found := [column for column in columns if column in trace.signals]:
            return TrainingKind(name, (found[0],))
    if pace := [column for column in trace.signals if _TOKENS.search(column)]:
        return TrainingKind("language-model", (pace[0],))
    return TrainingKind()


def parse_kind(text: str) -> str:
    """Return the kind that a person means.

    Raises:
        UserError: there is no such kind.
    """
    name = text.strip().lower().replace("_", "-").replace(" ", "-")
    name = _ALIASES.get(name, name)
    if name not in KINDS:
        raise UserError(f"a training of the kind '{text}': give one of {', '.join(KINDS)}")
    return name
