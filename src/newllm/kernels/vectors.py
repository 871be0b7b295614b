"""Vectors of 16 floats in machine code: what kernels are written with whose loops LLVM makes no vectors of by itself.

A `Lanes` stands for a register of AVX-512, or for two of AVX2, while numba emits a function; its operators emit
instructions. Addresses are 64-bit integers. Nothing here is compiled by itself.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

from llvmlite import ir

from newllm.kernels.machine_code import LANES, function, spread

int64, int32, int8, float32 = ir.IntType(64), ir.IntType(32), ir.IntType(8), ir.FloatType()
floats, integers = ir.VectorType(float32, LANES), ir.VectorType(int32, LANES)
_byte_pointer = int8.as_pointer()

# exp(x) = 2^n * e^r with x = n ln 2 + r: S. L. Moshier's Cephes, expf (netlib.org/cephes), to about 1e-7.
_LOG2_E, _LN2_HIGH, _LN2_LOW = 1.44269504088896341, 0.693359375, -2.12194440e-4
_EXPONENT = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
_LARGEST = 87.0  # beyond it, and below -87, the exponential is taken for that of the bound: 1e38 and 1e-38
_TO_INTEGER = 12582912.0  # 1.5 * 2^23: added to a float below 2^22 it leaves the rounded integer in the low bits


def offset(builder: Any, address: Any, size: int, index: Any) -> Any:
    """Return the address of the element at this index of an array of elements of `size` bytes."""
    return builder.add(address, builder.mul(int64(size), index))


def load(builder: Any, address: Any, kind: Any, align: int = 4) -> Any:
    """Return what stands at an address."""
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)


def store(builder: Any, value: Any, address: Any, align: int = 4) -> None:
    """Put a value at an address."""
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=align)


def loop(
    builder: Any, count: Any, step: int, carried: Sequence[Any], body: Callable[[Any, Sequence[Any]], Sequence[Any]]
) -> list[Any]:
    """Emit a loop over 0, step, 2 step ... below `count`; return what is carried after the last turn.

    Args:
        builder: at the place of the loop; afterwards behind it.
        count: a multiple of `step`, 64 bits.
        step: how far a turn goes.
        carried: values before the first turn.
        body: emits a turn, given its index and what is carried into it; returns what is carried on.
    """
    before, head = builder.block, builder.append_basic_block("head")
    inside, done = builder.append_basic_block("body"), builder.append_basic_block("done")
    builder.branch(head)
    builder.position_at_end(head)
    phis = [builder.phi(value.type) for value in (int64(0), *carried)]
    for phi, start in zip(phis, (int64(0), *carried), strict=True):
        phi.add_incoming(start, before)
    index, *values = phis
    builder.cbranch(builder.icmp_signed("<", index, count), inside, done)
    builder.position_at_end(inside)
    after = [builder.add(index, int64(step)), *body(index, values)]
    for phi, value in zip(phis, after, strict=True):
        phi.add_incoming(value, builder.block)
    builder.branch(head)
    builder.position_at_end(done)
    return values


class Lanes:
    """16 floats in a register. NaN goes through every formula as it does in torch.

    Args:
        builder: of the code that is being emitted.
        value: an LLVM vector, an LLVM float to be spread, or a number.
    """

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        if isinstance(value, int | float):
            value = ir.Constant(floats, [float(value)] * LANES)
        self.value = value if value.type == floats else spread(builder, value)

    @classmethod
    def at(cls, builder: Any, address: Any) -> Self:
        """Load from an address."""
        return cls(builder, load(builder, address, floats))

    def put(self, address: Any) -> None:
        """Store at an address."""
        store(self.builder, self.value, address)

    def _other(self, other: "Lanes | float") -> Any:
        return other.value if isinstance(other, Lanes) else Lanes(self.builder, other).value

    def __add__(self, other: "Lanes | float") -> "Lanes":
        return Lanes(self.builder, self.builder.fadd(self.value, self._other(other)))

    def __sub__(self, other: "Lanes | float") -> "Lanes":
        return Lanes(self.builder, self.builder.fsub(self.value, self._other(other)))

    def __mul__(self, other: "Lanes | float") -> "Lanes":
        return Lanes(self.builder, self.builder.fmul(self.value, self._other(other)))

    def __truediv__(self, other: "Lanes | float") -> "Lanes":
        return Lanes(self.builder, self.builder.fdiv(self.value, self._other(other)))

    def __neg__(self) -> "Lanes":
        return self * -1.0

    def times_plus(self, factor: "Lanes | float", summand: "Lanes | float") -> "Lanes":
        """Return `self * factor + summand`, rounded once."""
        fma = function(self.builder, "llvm.fma.v16f32", floats, floats, floats, floats)
        return Lanes(self.builder, self.builder.call(fma, [self.value, self._other(factor), self._other(summand)]))

    def bounded(self, limit: float) -> "Lanes":
        """Return the values between `-limit` and `limit`; comparisons with NaN are false, so that NaN stays."""
        value = self.value
        for sign, bound in (("<", -limit), (">", limit)):
            edge = self._other(bound)
            value = self.builder.select(self.builder.fcmp_ordered(sign, value, edge), edge, value)
        return Lanes(self.builder, value)

    def rounded_bits(self) -> Any:
        """Return the nearest integers, 32 bits; right below 2^22 in size, anything for NaN."""
        shifted = (self + _TO_INTEGER).value
        magic = Lanes(self.builder, _TO_INTEGER).value
        return self.builder.sub(self.builder.bitcast(shifted, integers), self.builder.bitcast(magic, integers))

    def exp(self) -> "Lanes":
        """Return e to these powers."""
        x = self.bounded(_LARGEST)
        n = (x * _LOG2_E).rounded_bits()
        whole = Lanes(self.builder, self.builder.sitofp(n, floats))
        r = whole.times_plus(-_LN2_LOW, whole.times_plus(-_LN2_HIGH, x))
        series = Lanes(self.builder, _EXPONENT[0])
        for coefficient in _EXPONENT[1:]:
            series = series.times_plus(r, coefficient)
        series = series.times_plus(r * r, r) + 1.0
        ones = ir.Constant(integers, [127] * LANES)
        power = self.builder.shl(self.builder.add(n, ones), ir.Constant(integers, [23] * LANES))
        return series * Lanes(self.builder, self.builder.bitcast(power, floats))

    def sigmoid(self) -> "Lanes":
        """Return `1 / (1 + exp(-self))`."""
        return Lanes(self.builder, 1.0) / ((-self).exp() + 1.0)

    def sigmoids(self) -> "tuple[Lanes, Lanes]":
        """Return the sigmoids of `self` and of `-self`, neither as the other's difference from 1."""
        power = (-self).exp()
        sigmoid = Lanes(self.builder, 1.0) / (power + 1.0)
        return sigmoid, power * sigmoid

    def silu(self) -> "Lanes":
        """Return `self * sigmoid(self)`."""
        return self / ((-self).exp() + 1.0)

    def total(self) -> Any:
        """Return the sum of the 16 as one float: of halves, then of quarters, and so on."""
        value, half = self.value, LANES // 2
        while half:
            order = [*range(half, 2 * half), *[0] * (LANES - half)]
            value = self.builder.fadd(value, self.builder.shuffle_vector(value, value, ir.Constant(integers, order)))
            half //= 2
        return self.builder.extract_element(value, int32(0))
