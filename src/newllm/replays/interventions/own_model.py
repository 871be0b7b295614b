"""What interventions on our own models share: the change of a configuration, and where one makes sense."""

import dataclasses
from typing import Any

from newllm.model.config import ModelConfig
from newllm.replays.own_run import OwnRun
from newllm.replays.setup import Setup
from newllm.replays.subject import Subject


def model_of(subject: Subject) -> ModelConfig | None:
    """Return the configuration of our model, None of anyone else's."""
    return subject.config.model if isinstance(subject, OwnRun) else None


def change_model(setup: Setup, **changes: Any) -> None:
    """Change settings of the model in the configuration of a setup of ours."""
    assert setup.config is not None, "a setup of ours has a configuration"
    setup.config = dataclasses.replace(setup.config, model=dataclasses.replace(setup.config.model, **changes))


def no_context(subject: Subject) -> str:
    """Return why a subject's context cannot be changed, "" where it can."""
    model = model_of(subject)
    if model is None:
        return "where the context is, is known of our own bodies cell and stack only"
    return "" if model.body in ("cell", "stack") else f"body '{model.body}' reads no context"


def no_additive_part(subject: Subject) -> str:
    """Return why the rule of a subject's context cannot be exchanged for one that forgets, "" where it can."""
    model, why = model_of(subject), no_context(subject)
    if model is None or why:
        return why
    return "" if model.rule in ("additive", "dual") else f"its rule '{model.rule}' forgets already"
