"""What the processes of one training must have in common, found before they are connected.

What an installation can mend ends the start: versions decide bits, and what one version sends another may not read.
What only another machine can mend does not, but is told and written down (`numerics.unlike`): processors that compute
with other instructions round otherwise. They would come to other weights from the same gradients, so that those of rank
0 are sent to all after each update (`World.level`).

The number of threads is rank 0's everywhere, and so is nothing to compare.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

import torch

from newllm.messages import Message, message
from newllm.training.environment import describe_environment
from newllm.training.joining import Gathering

_INSTALLED = ("newllm", "torch", "numpy", "numba")
_KINDS = {"cpu": ("processor", "cpu_capability"), "cuda": ("gpu",)}  # what decides bits, by where is computed


@dataclass(frozen=True)
class Unlike:
    """Something in which a rank is unlike rank 0, so that it rounds otherwise.

    Attributes:
        rank: its number.
        name: of what differs: "processor", "cpu_capability" or "gpu".
        value: of that rank.
        first: of rank 0.
    """

    rank: int
    name: str
    value: str
    first: str


def unlike_on(unlike: Iterable[Unlike], device: str) -> tuple[Unlike, ...]:
    """Return what of it matters to a training on a device."""
    return tuple(one for one in unlike if one.name in _KINDS.get(device.partition(":")[0], ()))


def how_many_unlike(unlike: Iterable[Unlike], device: str) -> int:
    """Return how many ranks round otherwise in a training on a device."""
    return len({one.rank for one in unlike_on(unlike, device)})


def unlike_notices(unlike: Iterable[Unlike], device: str) -> list[Message]:
    """Return what a person is told of ranks that round otherwise: one line at most."""
    found = unlike_on(unlike, device)
    if not found:
        return []
    first, ranks = found[0], {one.rank for one in found}
    named = {"rank": first.rank, "name": first.name, "value": first.value, "first": first.first}
    return [message("notice-unlike", **named, more=len(ranks) - 1)]


def describe_peer(*, on_gpus: bool) -> dict[str, str]:
    """Return what of this process is compared with rank 0."""
    environment = describe_environment()
    packages = (*_INSTALLED, *(["triton"] if on_gpus else []))
    gpu = torch.cuda.get_device_name() if on_gpus else "none"
    return {
        "device": "cuda" if on_gpus else "cpu",
        "python": ".".join(environment["python"].split(".")[:2]),
        **{name: environment[name] for name in (*packages, "processor", "cpu_capability")},
        "gpu": gpu,
    }


def meet(gathering: Gathering, own: Mapping[str, str]) -> tuple[Unlike, ...]:
    """Compare all with rank 0, which says what came of it.

    Args:
        gathering: this process among those that have come.
        own: what `describe_peer` says here.

    Returns:
        In what ranks are unlike rank 0 that round otherwise.

    Raises:
        UserError: on rank 0, a rank is installed otherwise, or did not come in time.
        SaidError: on the others then.
    """
    gathering.comes(own)
    if gathering.rank == 0:
        others = gathering.all_others()
        if others is not None:
            wrong, unlike = _compared(own, others)
            gathering.agree({"wrong": wrong, "unlike": [asdict(one) for one in unlike]})
    return tuple(Unlike(**one) for one in gathering.agreed()["unlike"])


def _compared(first: Mapping[str, str], others: Iterable[Mapping[str, str]]) -> tuple[str | None, list[Unlike]]:
    """Return why the start ends, None where it does not; and what rounds otherwise."""
    kinds = {name for names in _KINDS.values() for name in names}
    wrong: list[tuple[int, dict[str, str]]] = []
    unlike = []
    for rank, other in enumerate(others, 1):
        differing = {name: other.get(name, "absent") for name in first if other.get(name) != first[name]}
        unlike += [Unlike(rank, name, differing[name], first[name]) for name in differing if name in kinds]
        apart = {name: value for name, value in differing.items() if name not in kinds}
        if apart:
            wrong.append((rank, apart))
    return (_why(first, wrong) if wrong else None), unlike


def _why(first: Mapping[str, str], wrong: list[tuple[int, dict[str, str]]]) -> str:
    rank, apart = wrong[0]
    has = ", ".join(f"{name} {value}" for name, value in apart.items())
    expected = ", ".join(f"{name} {first[name]}" for name in apart)
    more = len(wrong) - 1
    also = f" (and {more} more {'rank is' if more == 1 else 'ranks are'} unlike rank 0)" if more else ""
    return f"rank {rank} has {has} where rank 0 has {expected}{also}: {_mend(first, apart)}"


def _mend(first: Mapping[str, str], apart: Mapping[str, str]) -> str:
    if "device" in apart:
        return "give --device cpu, or a GPU to every rank"
    if "python" in apart:
        return f"start all ranks with Python {first['python']} and the same packages"
    wanted = " ".join(f"{name}=={first[name]}" for name in apart if first[name] != "absent")
    absent = " ".join(name for name in apart if first[name] == "absent")
    steps = [*([f"pip install {wanted}"] if wanted else []), *([f"pip uninstall {absent}"] if absent else [])]
    return f"{' and '.join(steps)} on its machine"
