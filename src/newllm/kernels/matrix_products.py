"""Products of small matrices, and what goes with them, as machine code: the delta rule's gradient is made of these.

Addresses are those of float32, distances between rows bytes. Rows of a product are a multiple of 8, columns of 16. A
tile of a product stays in registers while its sum runs: 8 rows of 32 columns fill those of AVX-512, 4 of 16 those of
AVX2. Each number is one sum in order, so that the bits do not depend on the tile.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from newllm.kernels.machine_code import LANES, function
from newllm.kernels.memory import LINE
from newllm.kernels.processor import has_avx512
from newllm.kernels.routines import Address, Number, each, routine, row_at
from newllm.kernels.vectors import Lanes, float32, int32, int64, load, loop, offset, store

_VECTOR = 4 * LANES  # bytes
_ROWS, _COLUMNS = (8, 2) if has_avx512() else (4, 1)  # of a tile; columns in vectors


def _panel(builder: Any, rows: Any, width: Any, body: Callable[[Any, Any], None]) -> None:
    """Emit `body(row, bytes into the row)` for every vector of a panel."""
    in_bytes = builder.mul(width, int64(4))
    each(builder, rows, 1, lambda r: each(builder, in_bytes, _VECTOR, lambda at: body(r, at)))


def _tiles(builder: Any, rows: Any, width: Any, tile: Callable[[Any, Any, int], None]) -> None:
    """Emit `tile(first row, bytes into the row, vectors)` for all of a product: broad ones, then narrow ones."""
    row = builder.mul(width, int64(4))
    whole = builder.sub(row, builder.urem(row, int64(_COLUMNS * _VECTOR)))

    def over_rows(at: Any, vectors: int) -> None:
        each(builder, rows, _ROWS, lambda first: tile(first, at, vectors))

    each(builder, whole, _COLUMNS * _VECTOR, lambda at: over_rows(at, _COLUMNS))
    if _COLUMNS > 1:
        each(builder, builder.sub(row, whole), _VECTOR, lambda at: over_rows(builder.add(whole, at), 1))


def _product(
    builder: Any, into: Any, row: Any, left: Any, left_row: Any, left_sum: Any, right: Any, right_row: Any, rows: Any,
    length: Any, width: Any, factors: Any | None = None,
) -> None:  # fmt: skip
    def tile(first: Any, at: Any, vectors: int) -> None:
        numbers = [builder.add(first, int64(n)) for n in range(_ROWS)]
        columns = [builder.add(at, int64(n * _VECTOR)) for n in range(vectors)]
        lefts = [row_at(builder, left, left_row, n) for n in numbers]
        places = [[builder.add(row_at(builder, into, row, n), column) for column in columns] for n in numbers]

        def old(number: Any, place: Any) -> Any:
            if factors is None:
                return Lanes(builder, 0.0).value
            return (Lanes.at(builder, place) * _number(builder, factors, number)).value

        def add(m: Any, sums: Sequence[Any]) -> list[Any]:
            along, below = builder.mul(left_sum, m), row_at(builder, right, right_row, m)
            given = [Lanes.at(builder, builder.add(below, column)) for column in columns]
            added, before = [], iter(sums)
            for one in lefts:
                number = Lanes(builder, load(builder, builder.add(one, along), float32))
                added += [right.times_plus(number, Lanes(builder, next(before))).value for right in given]
            return added

        start = [old(n, place) for n, of_row in zip(numbers, places, strict=True) for place in of_row]
        sums = loop(builder, length, 1, start, add)
        for one, place in zip(sums, (place for of_row in places for place in of_row), strict=True):
            Lanes(builder, one).put(place)

    _tiles(builder, rows, width, tile)


def _number(builder: Any, array: Any, index: Any) -> Lanes:
    """Return a float of an array in all lanes."""
    return Lanes(builder, load(builder, offset(builder, array, 4, index), float32))


@routine
def multiply(
    builder: Any, into: Address, row: Number, left: Address, left_row: Number, left_sum: Number, right: Address,
    right_row: Number, rows: Number, length: Number, width: Number,
) -> None:  # fmt: skip
    """Write `into[r, :] = sum of left[r, m] * right[m, :]` over m below `length`; `left` may lie in any order."""
    _product(builder, into, row, left, left_row, left_sum, right, right_row, rows, length, width)


@routine
def multiply_onto(
    builder: Any, into: Address, row: Number, left: Address, left_row: Number, left_sum: Number, right: Address,
    right_row: Number, rows: Number, length: Number, width: Number, factors: Address,
) -> None:  # fmt: skip
    """Write the same, added to `into[r, :] * factors[r]`."""
    _product(builder, into, row, left, left_row, left_sum, right, right_row, rows, length, width, factors)


@routine
def transpose(
    builder: Any, into: Address, into_row: Number, given: Address, given_row: Number, rows: Number, width: Number
) -> None:
    """Write a matrix `[rows, width]`, both a multiple of 16, as `[width, rows]`."""

    def place(start: Any, stride: Any, row: Any, n: int, column: Any) -> Any:
        return offset(builder, row_at(builder, start, stride, builder.add(row, int64(n))), 4, column)

    def block(r: Any, c: Any) -> None:
        rows = [Lanes.at(builder, place(given, given_row, r, n, c)).value for n in range(LANES)]
        for n, row in enumerate(_transposed(builder, rows)):
            Lanes(builder, row).put(place(into, into_row, c, n, r))

    each(builder, rows, LANES, lambda r: each(builder, width, LANES, lambda c: block(r, c)))


def _transposed(builder: Any, block: list[Any]) -> list[Any]:
    """Return a block of 16 x 16 transposed, in four rounds that each are one instruction a row.

    A round exchanges, of each two rows whose numbers differ in one bit alone, what lies on the wrong side of it.
    """
    for bit in (1, 2, 4, 8):
        made = list(block)
        for n in range(LANES):
            if not n & bit:
                low = [lane if not lane & bit else LANES + lane - bit for lane in range(LANES)]
                high = [lane + bit if not lane & bit else LANES + lane for lane in range(LANES)]
                for m, order in ((n, low), (n + bit, high)):
                    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), order)
                    made[m] = builder.shuffle_vector(block[n], block[n + bit], lanes)
        block = made
    return block


@routine
def solve(builder: Any, panel: Address, row: Number, weights: Address, weights_row: Number, width: Number) -> None:
    """Let each row s of `panel [16, width]`, from the last, add `weights[t, s]` times each row t behind it."""

    def column(at: Any) -> None:
        places = [builder.add(row_at(builder, panel, row, int64(s)), at) for s in range(LANES)]
        rows = [Lanes.at(builder, place) for place in places]
        for t in range(LANES - 1, 0, -1):
            for s in range(t):
                weight = _number(builder, row_at(builder, weights, weights_row, int64(t)), int64(s))
                rows[s] = rows[t].times_plus(weight, rows[s])
        for one, place in zip(rows, places, strict=True):
            one.put(place)

    each(builder, builder.mul(width, int64(4)), _VECTOR, column)


@routine
def times(
    builder: Any, into: Address, row: Number, left: Address, left_row: Number, right: Address, right_row: Number,
    rows: Number, width: Number,
) -> None:  # fmt: skip
    """Write `into = left * right` number by number, row after row: what a row writes the next one may read."""

    def one(r: Any, at: Any) -> None:
        first = Lanes.at(builder, builder.add(row_at(builder, left, left_row, r), at))
        second = Lanes.at(builder, builder.add(row_at(builder, right, right_row, r), at))
        (first * second).put(builder.add(row_at(builder, into, row, r), at))

    _panel(builder, rows, width, one)


@routine
def copy(
    builder: Any, into: Address, row: Number, given: Address, given_row: Number, rows: Number, width: Number
) -> None:
    """Copy rows."""
    _copy(builder, into, row, given, given_row, rows, width, 1)


@routine
def negate(
    builder: Any, into: Address, row: Number, given: Address, given_row: Number, rows: Number, width: Number
) -> None:
    """Copy rows with the other sign."""
    _copy(builder, into, row, given, given_row, rows, width, -1)


def _copy(builder: Any, into: Any, row: Any, given: Any, given_row: Any, rows: Any, width: Any, sign: int) -> None:
    def one(r: Any, at: Any) -> None:
        found = Lanes.at(builder, builder.add(row_at(builder, given, given_row, r), at))
        (found if sign > 0 else -found).put(builder.add(row_at(builder, into, row, r), at))

    _panel(builder, rows, width, one)


@routine
def add_products(
    builder: Any, into: Address, left: Address, left_row: Number, right: Address, right_row: Number, rows: Number,
    width: Number,
) -> None:  # fmt: skip
    """Add `left * right`, summed over rows, a multiple of 4, to `into [width]`."""

    def column(at: Any) -> None:
        def some(first: Any, sums: Sequence[Any]) -> list[Any]:
            added = []
            for n, total in enumerate(sums):
                r = builder.add(first, int64(n))
                one = Lanes.at(builder, builder.add(row_at(builder, left, left_row, r), at))
                other = Lanes.at(builder, builder.add(row_at(builder, right, right_row, r), at))
                added.append(one.times_plus(other, Lanes(builder, total)).value)
            return added

        place = builder.add(into, at)
        zero = Lanes(builder, 0.0).value
        sums = loop(builder, rows, 4, [Lanes.at(builder, place).value, zero, zero, zero], some)
        first, second, third, fourth = (Lanes(builder, one) for one in sums)
        ((first + second) + (third + fourth)).put(place)

    each(builder, builder.mul(width, int64(4)), _VECTOR, column)


@routine
def read_less_written(
    builder: Any, into: Address, given: Address, d_given: Address, keys: Address, d_keys: Address, row: Number,
    rows: Number, width: Number,
) -> None:  # fmt: skip
    """Write `given * d_given`, of both their halves, less `keys * d_keys`: what a position reads less what it wrote."""
    half = builder.mul(row, rows)

    def one(r: Any, at: Any) -> None:
        here = builder.add(builder.mul(row, r), at)
        there = builder.add(here, half)
        x, y, k, d_x, d_y, d_k = (
            Lanes.at(builder, builder.add(start, place))
            for start, place in (
                (given, here), (given, there), (keys, here), (d_given, here), (d_given, there), (d_keys, here)
            )
        )  # fmt: skip
        (-k).times_plus(d_k, x.times_plus(d_x, y * d_y)).put(builder.add(into, here))

    _panel(builder, rows, width, one)


@routine
def dots(builder: Any, into: Address, x: Address, panel: Address, row: Number, rows: Number, width: Number) -> None:
    """Write the product of `x [width]` with each row."""

    def one(r: Any) -> None:
        def add(at: Any, sums: Sequence[Any]) -> list[Any]:
            given = Lanes.at(builder, builder.add(row_at(builder, panel, row, r), at))
            return [Lanes.at(builder, builder.add(x, at)).times_plus(given, Lanes(builder, sums[0])).value]

        (sums,) = loop(builder, builder.mul(width, int64(4)), _VECTOR, [Lanes(builder, 0.0).value], add)
        store(builder, Lanes(builder, sums).total(), offset(builder, into, 4, r))

    each(builder, rows, 1, one)


@routine
def add_rows(
    builder: Any, into: Address, weights: Address, panel: Address, row: Number, rows: Number, width: Number
) -> None:
    """Add each row times its weight to `into [width]`."""

    def column(at: Any) -> None:
        def add(r: Any, sums: Sequence[Any]) -> list[Any]:
            given = Lanes.at(builder, builder.add(row_at(builder, panel, row, r), at))
            return [given.times_plus(_number(builder, weights, r), Lanes(builder, sums[0])).value]

        place = builder.add(into, at)
        (sums,) = loop(builder, rows, 1, [Lanes.at(builder, place).value], add)
        Lanes(builder, sums).put(place)

    each(builder, builder.mul(width, int64(4)), _VECTOR, column)


@routine
def add_to_rows(
    builder: Any, panel: Address, row: Number, weights: Address, x: Address, rows: Number, width: Number
) -> None:
    """Add `x [width]` times its weight to each row."""

    def one(r: Any, at: Any) -> None:
        place = builder.add(row_at(builder, panel, row, r), at)
        given = Lanes.at(builder, builder.add(x, at))
        given.times_plus(_number(builder, weights, r), Lanes.at(builder, place)).put(place)

    _panel(builder, rows, width, one)


@routine
def add_up_from_last(
    builder: Any, panel: Address, row: Number, start: Address, totals: Address, rows: Number, width: Number
) -> None:
    """Add `start [width]` to the last row, each row to the one before it, and write the sum of every row's numbers."""
    in_bytes, last = builder.mul(width, int64(4)), builder.sub(rows, int64(1))

    def one(behind: Any) -> None:
        r = builder.sub(last, behind)

        def add(at: Any, sums: Sequence[Any]) -> list[Any]:
            place, carried = builder.add(row_at(builder, panel, row, r), at), builder.add(start, at)
            passing = Lanes.at(builder, place) + Lanes.at(builder, carried)
            passing.put(place)
            passing.put(carried)
            return [(Lanes(builder, sums[0]) + passing).value]

        (sums,) = loop(builder, in_bytes, _VECTOR, [Lanes(builder, 0.0).value], add)
        store(builder, Lanes(builder, sums).total(), offset(builder, totals, 4, r))

    each(builder, rows, 1, one)


@routine
def fetch_rows(builder: Any, start: Address, row: Number, rows: Number, size: Number) -> None:
    """Ask for memory that is soon read or written: heads lie apart, and no processor foresees the next chunk."""
    pointer = ir.IntType(8).as_pointer()
    prefetch = function(builder, "llvm.prefetch.p0", ir.VoidType(), pointer, int32, int32, int32)

    def line(r: Any, at: Any) -> None:
        place = builder.inttoptr(builder.add(row_at(builder, start, row, r), at), pointer)
        builder.call(prefetch, [place, int32(0), int32(2), int32(1)])

    each(builder, rows, 1, lambda r: each(builder, size, LINE, lambda at: line(r, at)))
