"""What the delta rule is given: of each position a query, a key, a value, a lookup and a decay.

Shapes: B rows, T positions, H heads, K key width, V value width, G = 1 (one decay a head) or K (one a key channel).
"""

from typing import NamedTuple

from torch import Tensor


class Steps(NamedTuple):
    """What each position does with its head's matrix, all of one dtype.

    Attributes:
        query: what it reads by, `[B, T, H, K]`.
        key: what it writes its error under, `[B, T, H, K]`.
        value: what should be found under `lookup`, `[B, T, H, V]`.
        lookup: what it looks up before it writes, `[B, T, H, K]`.
        log_decay: logarithm of the decay, at most 0, `[B, T, H, G]`; -inf forgets all.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    lookup: Tensor
    log_decay: Tensor
