"""Which class a loss pulls each output towards (`newllm.loss_form`), and how these follow from the tokens."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck
from newllm.checks.seen import Seen
from newllm.checks.trees import integers, is_integer
from newllm.loss_form import (
    FEWEST_CLASSES,
    NEAR,
    Targets,
    normed_along_another,
    read_along_another,
    read_targets,
)

FIT = 0.97  # share of the positions at which targets and inputs agree, for a shift that is one
_SHIFTS = range(-2, 4)
_LARGE = 1_000_000  # numbers of an output: of more, single precision is enough, and takes half the time


def targets(bench: Bench) -> Targets:
    """Return how the loss reads the model's output.

    Raises:
        CannotCheck: it is no classification that is known here.
    """
    return bench.once(_targets)


def _targets(bench: Bench) -> Targets:
    _, _, output = bench.called()
    gradient = bench.seen.gradient
    if gradient is None or not bool(torch.isfinite(gradient).all() and gradient.any()):
        raise CannotCheck("no-gradient")
    if not output.ndim or output.numel() == len(output):
        raise CannotCheck("single-number")
    near = NEAR.get(output.dtype, 1e-3)
    dtype = torch.float64 if output.numel() < _LARGE else torch.float32
    output, gradient = output.to(dtype), gradient.to(dtype)
    for axes in _class_axes(bench, output):
        for axis in axes:
            found = read_targets(output.movedim(axis, -1), gradient.movedim(axis, -1), axis, near)
            if found is not None:
                over = normed_along_another(output, axis) if found.form == "log-softmax-missing" else None
                return found if over is None else replace(found, form="wrong-axis", nats=math.nan, over=over)
        for axis in axes:
            found = read_along_another(output, gradient, axis, near)
            if found is not None:
                return found
    raise CannotCheck("no-cross-entropy")


def read(seen: Seen, axis: int, near: float) -> Targets:
    """Return how a loss reads the output of another pass than `bench.seen`, whose classes are on the same axis.

    Raises:
        CannotCheck: it is no classification that is known here.
    """
    found = None
    if seen.output is not None and seen.gradient is not None and bool(seen.gradient.any()):
        z, g = (each.double().movedim(axis, -1) for each in (seen.output, seen.gradient))
        found = read_targets(z, g, axis, near)
    if found is None:
        raise CannotCheck("no-cross-entropy")
    return found


def shift_shares(bench: Bench, found: Targets) -> dict[int, float]:
    """Return for every shift k the share of positions t at which the target is the token at t + k.

    Raises:
        CannotCheck: the model is given no tokens in the shape of the outputs.
    """
    # Of several, as in a model with encoder and decoder, that whose next tokens the targets are, or else may be: the
    # source of a copy holds the targets as they are.
    return max(input_shares(bench, found).values(), key=lambda shares: (shares[1] >= FIT, max(shares.values())))


def input_shares(bench: Bench, found: Targets) -> dict[str, dict[int, float]]:
    """Return `shift_shares` of each input that holds tokens in the shape of the outputs, by where it stands.

    Raises:
        CannotCheck: none does.
    """
    tokens = tokens_given(bench, found.ids.shape) if found.ids.ndim == 2 and found.ids.shape[1] > 4 else {}
    if not tokens or found.axis != found.ids.ndim:
        raise CannotCheck("no-tokens")
    return {path: {k: _agreement(one.long(), found, k) for k in _SHIFTS} for path, one in tokens.items()}


def tokens_given(bench: Bench, shape: torch.Size) -> dict[str, Tensor]:
    """Return the inputs that hold tokens in a shape, by where they stand; a mask of zeros and ones holds none."""
    return {path: one for path, one in bench.inputs() if one.shape == shape and is_integer(one) and one.max() > 1}


def _agreement(tokens: Tensor, found: Targets, k: int) -> float:
    length = tokens.shape[1]
    first, last = max(0, -k), min(length, length - k)
    used = found.used[:, first:last]
    if not bool(used.any()):
        return 0.0
    return float((found.ids[:, first:last] == tokens[:, first + k : last + k])[used].double().mean())


def inputs_before(bench: Bench) -> list[str]:
    """Return the inputs, by where they stand, whose next tokens are the targets."""
    return [path for path, shares in input_shares(bench, targets(bench)).items() if shares[1] >= FIT]


def predicts_the_next_token(bench: Bench) -> bool:
    """Say whether the targets are the tokens that come next in the input."""
    return bool(inputs_before(bench))


def _class_axes(bench: Bench, output: Tensor) -> list[list[int]]:
    """Return the axes that may hold the classes, first those with whole numbers given in the shape of the others.

    By chance another tensor, as of one token more than there are targets, may have the shape of others.
    """
    seen = bench.seen
    given = {tuple(tensor.shape) for _, tensor in integers([bench.batch, list(seen.arguments), *seen.options.values()])}
    shape = tuple(output.shape)
    usual = [axis for axis in dict.fromkeys((len(shape) - 1, 1)) if shape[axis] >= FEWEST_CLASSES]
    matching = [axis for axis in usual if shape[:axis] + shape[axis + 1 :] in given]
    return [matching, [axis for axis in usual if axis not in matching]]
