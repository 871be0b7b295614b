"""An optimizer's step that is given a closure runs forward and backward inside: what is read before the weights change.

Lightning steps every optimizer so; `torch.optim.LBFGS` calls its closure several times, at weights that change.
"""

from collections.abc import Callable
from typing import Any


def after_closure(args: tuple[Any, ...], kwargs: dict[str, Any], then: Callable[[], object]) -> Any:
    """Return the arguments of an optimizer's step so that something is called after its closure ran first.

    Args:
        args: of the step, the optimizer itself first, as a hook before a step is given them.
        kwargs: of the step.
        then: is called once, when gradients are complete and no weight has changed.

    Returns:
        A pair of arguments, as such a hook returns them; None where the step has no closure.
    """
    closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
    if not callable(closure):
        return None
    waiting = [then]

    def watched(*given: Any, **more: Any) -> Any:
        result = closure(*given, **more)
        if waiting:
            waiting.pop()()
        return result

    if "closure" in kwargs:
        return args, {**kwargs, "closure": watched}
    return (args[0], watched, *args[2:]), kwargs
