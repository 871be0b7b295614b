"""What a module keeps in plain Python lists and dictionaries, where torch does not know it as a part.

`self.layers = [nn.Linear(8, 8)]` is called like any other layer and gets a gradient, but `parameters()` leaves it out:
no optimizer moves it and no checkpoint holds it. `torch.nn.ModuleList` is what was meant.
"""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

_OWN = frozenset(vars(nn.Module()))
_MOST = 1000  # entries of a container
_DEEPEST = 3  # containers in each other


def in_plain_containers(model: nn.Module) -> Iterator[tuple[str, nn.Module | Tensor]]:
    """Yield the modules and tensors in lists, tuples and dictionaries among the attributes of all modules of a model.

    Each comes with its place ("blocks.layers[0]"). Registered ones that a list names once more are among them.
    """
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name not in _OWN:
                yield from _entries(value, f"{path}.{name}".lstrip("."), 0)


def _entries(value: Any, place: str, depth: int) -> Iterator[tuple[str, nn.Module | Tensor]]:
    if not isinstance(value, list | tuple | dict) or depth == _DEEPEST or len(value) > _MOST:
        return
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(one, nn.Module | Tensor):
            yield f"{place}[{key!r}]", one
        else:
            yield from _entries(one, f"{place}[{key!r}]", depth + 1)
