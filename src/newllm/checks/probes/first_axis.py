"""Which axis of what a model is given holds the rows: the first, or the second behind one of positions."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from newllm.checks.bench import Bench
from newllm.checks.feed import loader_of, read
from newllm.checks.outcome import CannotCheck
from newllm.checks.targets import predicts_the_next_token
from newllm.checks.trees import is_integer, leaves

_FEWEST = 2  # rows that are filled up, positions of them, lengths
_BATCHED = 3  # axes: with fewer a layer takes a single text, along its first axis
_READ = (
    nn.RNNBase, nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer, nn.modules.conv._ConvNd,
)  # fmt: skip


def holds_rows(bench: Bench, tables: list[Tensor], output: Tensor) -> bool:
    """Say whether the first axis of these tables is surely that of the rows.

    It is where no output stands for each number on the second, where the targets are the tokens that follow along the
    second, where the second ends with what fills texts up, where lengths of texts belong to the first, and where the
    loader puts its rows on the first.
    """
    for tensor in tables:
        axes = min(2, tensor.ndim - tensor.is_floating_point())
        if tensor.shape[:axes] != output.shape[:axes]:
            return True
    try:
        if predicts_the_next_token(bench):
            return True
    except CannotCheck:
        pass  # the targets are not known
    long = [tensor for tensor in tables if tensor.shape[:2] == output.shape[:2]]
    lengths = [each for _, each in leaves([bench.batch, *bench.seen.arguments, bench.seen.options]) if _may_count(each)]
    for tensor in long:
        if any(_end_at(tensor, each) for each in lengths if not _end_at(tensor.transpose(0, 1), each)):
            return True
        if _is_filled(tensor) and not _is_filled(tensor.transpose(0, 1)):
            return True
    return any(_is_read_so(bench, tensor) for tensor in long)


def _may_count(tensor: Tensor) -> bool:
    return tensor.ndim == 1 and len(tensor) > 1 and is_integer(tensor) and int(tensor.min()) > 0


def _fillers(tensor: Tensor) -> Tensor:
    """Return where a table `[B, T]` or `[B, T, F]` has what most of its rows end with, `[B, T]`."""
    if tensor.ndim == 2:
        return tensor == tensor[:, -1].mode().values
    return (tensor == 0).flatten(2).all(-1)


def _runs(tensor: Tensor) -> Tensor:
    """Return how many positions at the end of each row hold nothing but what fills rows up."""
    return _fillers(tensor).flip(1).cumprod(1).sum(1)


def _is_filled(tensor: Tensor) -> bool:
    """Say whether something fills rows up, some more than others, and stands nowhere else."""
    runs = _runs(tensor)
    inside = int(_fillers(tensor).sum()) - int(runs.sum())
    return not inside and int((runs >= _FEWEST).sum()) >= _FEWEST and int(runs.unique().numel()) >= _FEWEST


def _end_at(tensor: Tensor, lengths: Tensor) -> bool:
    """Say whether the rows of a table are filled up behind these lengths."""
    if len(lengths) != len(tensor) or int(lengths.unique().numel()) < _FEWEST:
        return False
    return bool((_runs(tensor) == tensor.shape[1] - lengths.to(tensor.device)).all())


def _is_read_so(bench: Bench, tensor: Tensor) -> bool:
    """Say whether the loader's batch of one row has one on the first axis of this tensor, and not on the second."""
    paths = [path for path, each in leaves(bench.batch) if each.shape == tensor.shape and torch.equal(each, tensor)]
    try:
        (given,) = read(loader_of(bench), [[0]])
    except Exception:  # no loader, or one that reads no single rows: nothing is known
        return False
    alone = dict(leaves(given))
    found = [alone[path] for path in paths if path in alone and alone[path].ndim == tensor.ndim]
    return any(len(each) == 1 < each.shape[1] for each in found)


def reads_along(bench: Bench, count: int) -> str | None:
    """Return the name of a layer that takes the first axis, of so many numbers, for that of positions."""
    found: list[str] = []

    def noting(name: str) -> Any:
        def hook(layer: nn.Module, arguments: Any, options: dict[str, Any]) -> None:
            if _takes_for_positions(layer, next(iter([*arguments, *options.values()]), None), count):
                found.append(name)

        return hook

    layers = [(name, each) for name, each in bench.model.named_modules() if isinstance(each, _READ)]
    hooks = [each.register_forward_pre_hook(noting(name), with_kwargs=True) for name, each in layers]
    try:
        bench.answer(bench.seen.arguments, bench.seen.options, training=False)
    finally:
        for hook in hooks:
            hook.remove()
    by_hand = [name for name, each in bench.model.named_modules() if isinstance(each, nn.RNNCellBase)]
    return next(iter([*found, *by_hand]), None)


def _takes_for_positions(layer: nn.Module, given: Any, count: int) -> bool:
    """Say whether a layer is given as many positions, and reads along them: on its first axis, or as a single series.

    What is packed has as many steps as its longest text.
    """
    if isinstance(given, PackedSequence):
        return len(given.batch_sizes) == count and int(given.batch_sizes[0]) != count
    if not isinstance(given, Tensor):
        return False
    if isinstance(layer, nn.modules.conv._ConvNd):
        spatial = len(layer.kernel_size)
        return count in given.shape[-spatial:] and (given.ndim < spatial + 2 or len(given) != count)
    batch_first = getattr(getattr(layer, "self_attn", layer), "batch_first", False)
    if given.ndim < _BATCHED or not batch_first:
        return len(given) == count
    return given.shape[1] == count != len(given)
