"""The element-wise work of a training step, fused for the CPU: each operation reads and writes its memory once.

Between the matrix products a step moves memory. Written in torch, a norm, a gate or a convolution is five to ten
passes over arrays that do not fit the cache; here each is one, forwards and backwards, and takes and gives
bfloat16 where autocast would convert. Every operation has its naive twin in torch beside it: it runs where numba
is missing, on other devices, in float64, inside torch's function transforms and on a few positions without
gradients, and the tests compare the two.
"""

from newllm.kernels.cross_entropy import cross_entropy_sum, cross_entropy_sum_naive
from newllm.kernels.fusing import can_fuse, should_fuse
from newllm.kernels.gated_scan import gated_scan
from newllm.kernels.head_inputs import head_inputs, head_inputs_naive
from newllm.kernels.rms_norm import residual_rms_norm, residual_rms_norm_naive, rms_norm, rms_norm_naive
from newllm.kernels.short_convolution import TAPS, short_convolution, short_convolution_naive
from newllm.kernels.silu_product import silu_product, silu_product_naive, swiglu, swiglu_naive

__all__ = [
    "TAPS",
    "can_fuse",
    "cross_entropy_sum",
    "cross_entropy_sum_naive",
    "gated_scan",
    "head_inputs",
    "head_inputs_naive",
    "residual_rms_norm",
    "residual_rms_norm_naive",
    "rms_norm",
    "rms_norm_naive",
    "short_convolution",
    "short_convolution_naive",
    "should_fuse",
    "silu_product",
    "silu_product_naive",
    "swiglu",
    "swiglu_naive",
]
