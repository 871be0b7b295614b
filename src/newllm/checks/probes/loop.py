"""The loop's own step: its order, the mode that it trains in, and what it freezes by hand."""

import torch

from newllm.checks.bench import Bench, names
from newllm.checks.loop import Call, calls
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong

_ALIKE = 3  # calls


def step_order(bench: Bench) -> Outcome:
    """See what becomes of the gradients between one update and the next."""
    found = calls(bench)
    updating = [call for call in found if call.updates]
    stale = [name for call in updating for name in call.stale]
    if stale:
        return wrong("step-order", "kept", calls=len(found), **names(list(dict.fromkeys(stale))))
    again = [name for call in updating for name in call.again]
    if again:
        return wrong("step-order", "again", calls=len(found), **names(list(dict.fromkeys(again))))
    if all(call.empty == call.updates for call in updating):
        late = any(call.arrives_late for call in updating)
        if late or not any(call.moved for call in updating):
            return wrong("step-order", "empty", calls=len(found), updates=sum(c.updates for c in updating), late=late)
    lost = _lost(updating)
    if lost:
        return wrong("step-order", "gone", calls=len(found), **names(lost))
    scaled = [call.scaled_after_update for call in updating]
    if all(each is not None for each in scaled):
        return wrong("step-order", "late", factor=scaled[0], calls=len(found))
    if all(call.idle_clips == call.clips > 0 for call in updating):
        return wrong("step-order", "early", calls=len(found))
    return sound("step-order", calls=len(found), updates=sum(call.updates for call in found))


def _lost(updating: list[Call]) -> list[str]:
    """Return what was given a gradient and had none at the update: all of it each time, or what moved before."""
    if all(call.without_gradient and not call.moved for call in updating):
        return updating[0].without_gradient
    moved = set[str]().union(*(call.moved for call in updating))
    last = updating[-_ALIKE:]
    return [
        name
        for name in last[-1].without_gradient
        if name in moved and all(name in call.without_gradient for call in last)
    ]


def step_mode(bench: Bench) -> Outcome:
    """See whether what gets a gradient was computed in training mode."""
    found = calls(bench)
    still = [(at, call.evaluating) for at, call in enumerate(found, 1) if call.updates and call.evaluating]
    if still:
        at, layers = still[0]
        return wrong("step-mode", call=at, calls=len(found), **names(list(dict.fromkeys(layers))))
    if not any(module.training for module in bench.model.modules() if not list(module.children())):
        raise CannotCheck("all-in-evaluation")
    return sound("step-mode", calls=len(found))


def step_frozen(bench: Bench) -> Outcome:
    """Where the loop sets numbers of a gradient to zero each time, see whether these numbers stay."""
    found = [call for call in calls(bench) if call.updates]
    always = set(found[0].cleared).intersection(*(call.cleared for call in found))
    alike = [name for name in always if all(torch.equal(c.cleared[name], found[0].cleared[name]) for c in found)]
    if len(found) < _ALIKE or not alike:
        raise CannotCheck("nothing-cleared")
    for name in alike:
        if all(call.cleared_moved[name] for call in found):
            cleared, moved = int(found[-1].cleared[name].sum()), found[-1].cleared_moved[name]
            return wrong("step-frozen", name=name, cleared=cleared, moved=moved, calls=len(found))
    return sound("step-frozen", count=len(alike), calls=len(found))
