"""Settings that are a slip in nearly every training: the betas of an Adam, the momentum of batch norms."""

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.diagnosis.detectors.settings import are_exchanged, slip_of
from newllm.read_settings import adam_betas, norm_momentum


def settings(bench: Bench) -> Outcome:
    """Read the betas of the optimizer, and the momentum of each batch norm that trains and keeps running statistics."""
    betas = adam_betas(bench.optimizer)
    momenta = {
        name: momentum
        for name, module in bench.model.named_modules()
        if (momentum := norm_momentum(module)) is not None and any(each.requires_grad for each in module.parameters())
    }
    if betas is None and not momenta:
        raise CannotCheck("no-settings")
    if are_exchanged(betas):
        return wrong("settings", "betas", beta1=betas[0], beta2=betas[1])
    for case in ("still", "newest"):
        if slips := [name for name, momentum in momenta.items() if slip_of(momentum) == case]:
            return wrong("settings", case, name=slips[0], momentum=momenta[slips[0]], count=len(slips))
    return sound("settings", count=len(momenta))
