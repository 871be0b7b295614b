"""The machine code of `head_inputs`: SiLU, vectors of length 1, and their gradients, a head at a time.

Arrays are `[places, width]`; of queries, keys, values and lookups a place is a head of a position, `n * heads + h`.

numba keeps machine code by the date of one file, and this code stands in several: only the functions that are called
from outside are kept, and a digest of all files is part of what they are found by.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numba
import numpy as np

from newllm.kernels import loops, machine_code
from newllm.kernels.loops import get, put, sigmoid
from newllm.kernels.machine_code import OPTIONS, borrowed, compiled, source_of

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_EPSILON = np.float32(1e-6)  # `head_inputs.EPSILON`
_inner = partial(numba.njit, fastmath={"contract", "reassoc"}, **OPTIONS)


@_inner
def _silu(x, into):
    """Write the SiLU; return the factor that makes a vector of length 1 of it."""
    for i in range(into.shape[0]):
        value = get(x, i)
        into[i] = value * sigmoid(value)
    total = _ZERO
    for i in range(into.shape[0]):
        total += into[i] * into[i]
    return _ONE / np.sqrt(total + _EPSILON)


@_inner
def _product(x, y):
    total = _ZERO
    for i in range(x.shape[0]):
        total += x[i] * y[i]
    return total


@_inner
def _silu_backward(x, gradient, d_x):
    for i in range(gradient.shape[0]):
        value = get(x, i)
        s = sigmoid(value)
        put(d_x, i, gradient[i] * (s + value * s * (_ONE - s)))


@_inner
def _unit_backward(gradient, vector, scale):
    """Turn the gradient of a vector of length 1, and of what it was made of by `scale`, into the latter's."""
    along = _ZERO
    for i in range(gradient.shape[0]):
        along += gradient[i] * vector[i]
    for i in range(gradient.shape[0]):
        gradient[i] = scale * (gradient[i] - vector[i] * along)


def _forward(source: int) -> Any:
    @compiled
    def head_inputs(projected, strength, query, key, value, lookup, first, last):
        """Write query, key, value and lookup of the positions from first to last."""
        projected, query, key = borrowed(projected), borrowed(query), borrowed(key)
        value, lookup = borrowed(value), borrowed(lookup)
        heads, keys, values = strength.shape[1], query.shape[1], value.shape[1]
        for n in range(first if source else last, last):
            for h in range(heads):
                b, start = strength[n, h], (heads + h) * keys
                q, k, p = query[n * heads + h], key[n * heads + h], lookup[n * heads + h]
                scale = _silu(projected[n, h * keys : (h + 1) * keys], q)
                for i in range(keys):
                    q[i] *= scale
                scale = _silu(projected[n, start : start + keys], p)
                for i in range(keys):
                    p[i] *= scale
                    k[i] = b * p[i]
                start = 2 * heads * keys + h * values
                _silu(projected[n, start : start + values], value[n * heads + h])

    return head_inputs


def _backward(source: int) -> Any:
    @compiled
    def head_inputs_backward(
        d_query, d_key, d_value, d_lookup, projected, strength, query, lookup, d_projected, d_strength, first, last
    ):
        """Write the gradients of the projection and of the strengths."""
        d_query, d_key, d_value, d_lookup = borrowed(d_query), borrowed(d_key), borrowed(d_value), borrowed(d_lookup)
        projected, query, lookup, d_projected = (
            borrowed(projected), borrowed(query), borrowed(lookup), borrowed(d_projected)
        )  # fmt: skip
        heads, keys, values = strength.shape[1], query.shape[1], d_value.shape[1]
        some = np.empty(keys, np.float32)
        for n in range(first if source else last, last):
            for h in range(heads):
                at, start = n * heads + h, h * keys
                x, d_x = projected[n, start : start + keys], d_projected[n, start : start + keys]
                scale, gradient = _silu(x, some), some
                for i in range(keys):
                    gradient[i] = d_query[at, i]
                _unit_backward(gradient, query[at], scale)
                _silu_backward(x, gradient, d_x)
                start = (heads + h) * keys
                x, d_x = projected[n, start : start + keys], d_projected[n, start : start + keys]
                scale, d_k, d_p, p, b = _silu(x, some), d_key[at], d_lookup[at], lookup[at], strength[n, h]
                d_strength[n, h] = _product(d_k, p)
                for i in range(keys):
                    gradient[i] = d_p[i] + b * d_k[i]
                _unit_backward(gradient, p, scale)
                _silu_backward(x, gradient, d_x)
                start = 2 * heads * keys + h * values
                _silu_backward(
                    projected[n, start : start + values], d_value[at], d_projected[n, start : start + values]
                )

    return head_inputs_backward


_SOURCE = source_of(loops, machine_code, file=__file__)
head_inputs: Callable[..., None] = _forward(_SOURCE)
head_inputs_backward: Callable[..., None] = _backward(_SOURCE)
