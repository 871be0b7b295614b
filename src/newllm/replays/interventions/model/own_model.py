"""What interventions on our own models share: the change of a configuration, and where one makes sense."""

import dataclasses
from collections.abc import Callable
from typing import Any

from newllm.messages import Message, message
from newllm.model.config import RULE_NAMES, ModelConfig
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject

ADDITIVE = ("additive", "dual")  # rules that keep all, or a part, of what was ever added
Misfit = Callable[[Subject], Message | None]


def model_of(subject: Subject) -> ModelConfig | None:
    """Return the configuration of our model, None of anyone else's."""
    config = subject.run_config()
    return None if config is None else config.model


def change_model(setup: Setup, **changes: Any) -> None:
    """Change settings of the model in the configuration of a setup of ours."""
    assert setup.config is not None, "a setup of ours has a configuration"
    setup.config = dataclasses.replace(setup.config, model=dataclasses.replace(setup.config.model, **changes))


def already(setting: str, value: str, now: str | None) -> Message | None:
    """Return that a setting has the value already that it would be given, None where it has not."""
    return message("misfit-setting_already", setting=setting, value=value) if now == value else None


def set_already(name: str, value: str, otherwise: Misfit) -> Misfit:
    """Return the test of a change that gives a setting of our model a value: it may have it already.

    Args:
        name: of the setting.
        value: that it would be given.
        otherwise: what else may stand in its way, which is asked first.
    """

    def misfit(subject: Subject) -> Message | None:
        model = model_of(subject)
        now = None if model is None else getattr(model, name)
        return otherwise(subject) or already(f"model.{name}", value, now)

    return misfit


def no_context(subject: Subject) -> Message | None:
    """Return why a subject's context cannot be changed, None where it can."""
    model = model_of(subject)
    if model is None:
        return message("misfit-whose_context")
    return None if model.body in ("cell", "stack") else message("misfit-no_context", body=model.body)


def no_additive_part(subject: Subject) -> Message | None:
    """Return why the rule of a subject's context cannot be exchanged for one that forgets, None where it can."""
    model, why = model_of(subject), no_context(subject)
    if model is None or why:
        return why
    return None if set(model.rules) & set(ADDITIVE) else message("misfit-forgets_already", rule=model.rule)


def no_vector(subject: Subject) -> Message | None:
    """Return why a subject has no context that is a vector, None where it has one."""
    model, why = model_of(subject), no_context(subject)
    if model is None or why:
        return why
    return None if set(model.rules) & set(RULE_NAMES) else message("misfit-matrices", rule=model.rule)


def forget_by(setup: Setup, rule: str) -> None:
    """Put a rule that forgets in place of every additive one."""
    assert setup.config is not None, "a setup of ours has a configuration"
    names = (rule if name in ADDITIVE else name for name in setup.config.model.rule.split(","))
    change_model(setup, rule=",".join(names), learn_decay=False)
