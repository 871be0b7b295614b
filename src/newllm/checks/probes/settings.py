"""Settings that are a slip in nearly every training: the betas of an Adam, the momentum of batch norms."""

from newllm.batch_norm import norm_momentum
from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.diagnosis.detectors.settings import are_exchanged, norm_slips
from newllm.diagnosis.facts import is_adam


def settings(bench: Bench) -> Outcome:
    """Read the betas of the optimizer, and the momentum of each batch norm that trains and keeps running statistics."""
    optimizer, betas = type(bench.optimizer).__name__, bench.optimizer.param_groups[0].get("betas")
    momenta = {
        name: momentum
        for name, module in bench.model.named_modules()
        if (momentum := norm_momentum(module)) is not None and any(each.requires_grad for each in module.parameters())
    }
    if not is_adam(optimizer) and not momenta:
        raise CannotCheck("no-settings")
    if are_exchanged(betas, optimizer):
        return wrong("settings", "betas", beta1=float(betas[0]), beta2=float(betas[1]))
    for case, slips in norm_slips(momenta):
        return wrong("settings", case, name=slips[0], momentum=momenta[slips[0]], count=len(slips))
    return sound("settings", count=len(momenta))
