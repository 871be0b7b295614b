"""The probes by subject: each takes a bench and returns an outcome, or raises `CannotCheck` with the reason.

The cheap ones come first, and what needs many updates last. What a probe asks, why it matters and what to do first
stand in `check-PROBE` of `messages/*/checks.ftl`; docs/check.md's table is made from there.
"""

from collections.abc import Callable

from newllm.checks.bench import Bench
from newllm.checks.outcome import Outcome
from newllm.checks.probes import (
    batches,
    contents,
    dependence,
    evaluation,
    gradients_used,
    ids,
    learning,
    loader,
    loop,
    loss,
    modes,
    normed,
    numerics,
    padding,
    parameters,
    rows,
    schedule,
    settings,
    vocabulary,
)  # fmt: skip

PROBES: dict[str, Callable[[Bench], Outcome]] = {
    "finite": numerics.finite,
    "repeatable": learning.repeatable,
    "batch-kept": contents.batch_kept,
    "registered": parameters.registered,
    "tied": parameters.tied,
    "optimizer-holds": parameters.optimizer_holds,
    "settings": settings.settings,
    "training-mode": modes.training_mode,
    "loss-form": loss.loss_form,
    "shift": loss.shift,
    "causality": dependence.causality,
    "rows": rows.rows,
    "padding": padding.padding,
    "ends": padding.ends,
    "padding-row": contents.padding_row,
    "answers": contents.answers,
    "broadcast": contents.broadcast,
    "vocabulary": vocabulary.vocabulary,
    "evaluation-mode": modes.evaluation_mode,
    "initial-loss": loss.initial_loss,
    "reduction": loss.reduction,
    "accumulation": batches.accumulation,
    "batch-order": batches.batch_order,
    "autocast": numerics.autocast,
    "half-precision": numerics.half_precision,
    "spectral-norm": normed.spectral_norm,
    "scale": numerics.scale,
    "gradient-scale": numerics.gradient_scale,
    "gradients": parameters.gradients,
    "moves": parameters.moves,
    "stays": parameters.stays,
    "evaluation": evaluation.evaluation,
    "order": loader.order,
    "ids": ids.ids,
    "workers": loader.workers,
    "shards": loader.shards,
    "step-order": loop.step_order,
    "step-loss": gradients_used.step_loss,
    "loss-scale": gradients_used.loss_scale,
    "step-weights": gradients_used.step_weights,
    "step-mode": loop.step_mode,
    "step-frozen": loop.step_frozen,
    "schedule": schedule.schedule,
    "learns": learning.learns,
}
