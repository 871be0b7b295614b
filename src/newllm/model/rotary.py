"""Rotary position embedding (Su et al. 2021, arXiv:2104.09864).

Shapes: B rows, T positions, H heads, E width of a head.
"""

import torch
from torch import Tensor

BASE = 10_000.0


def rotate(x_BTHE: Tensor, position_BT: Tensor) -> Tensor:
    """Turn each pair of channels by its position's angle; angles are formed in float64 for long texts."""
    half = x_BTHE.shape[-1] // 2
    on_mps = x_BTHE.device.type == "mps"  # which has no float64
    wide = torch.float32 if on_mps else torch.float64
    frequency = BASE ** (-torch.arange(half, device=x_BTHE.device, dtype=wide) / half)
    angle_BT1E = (position_BT.to(wide)[..., None] * frequency)[:, :, None]
    cosine, sine = angle_BT1E.cos().to(x_BTHE.dtype), angle_BT1E.sin().to(x_BTHE.dtype)
    first, second = x_BTHE[..., :half], x_BTHE[..., half:]
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
