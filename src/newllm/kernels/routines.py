"""Functions of machine code that are emitted once a module and called: smaller than code emitted where it is used."""

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from llvmlite import ir
from numba import types

from newllm.kernels.machine_code import operation
from newllm.kernels.vectors import int64, loop

Address, Number = Annotated[Any, "of memory"], Annotated[Any, "64 bits"]


def routine(emit: Callable[..., None]) -> Any:
    """Give numba a function of machine code, emitted once a module and called from then on.

    Addresses go into it as memory: LLVM lost a store to an address that code around it made of an array.

    Args:
        emit: emits the body, given a builder and the arguments; these are annotated as `Address` or `Number`.
    """
    _, *parameters = inspect.signature(emit).parameters.values()
    pointer = ir.IntType(8).as_pointer()
    kinds = [pointer if one.annotation is Address else int64 for one in parameters]
    name = f"newllm_{emit.__name__}"

    def build(module: Any) -> Any:
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        builder = ir.IRBuilder(function.append_basic_block())
        emit(builder, *(one if one.type == int64 else builder.ptrtoint(one, int64) for one in function.args))
        builder.ret_void()
        return function

    def definition(_typing: Any, *_given: Any) -> Any:
        def call(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            function = builder.module.globals.get(name) or build(builder.module)
            pairs = zip(arguments, kinds, strict=True)
            builder.call(function, [one if kind == int64 else builder.inttoptr(one, kind) for one, kind in pairs])
            return context.get_dummy_value()

        return types.void(*[types.int64] * len(kinds)), call

    names = [inspect.Parameter(one.name, one.kind) for one in parameters]
    first = inspect.Parameter("_typing", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    definition.__signature__ = inspect.Signature([first, *names])  # type: ignore[attr-defined]
    definition.__name__, definition.__doc__ = emit.__name__, emit.__doc__
    return operation(definition)


def row_at(builder: Any, start: Any, stride: Any, index: Any) -> Any:
    """Return the address of a row."""
    return builder.add(start, builder.mul(stride, index))


def each(builder: Any, count: Any, step: int, body: Callable[[Any], None]) -> None:
    """Emit a loop that carries nothing."""

    def one(index: Any, _carried: Sequence[Any]) -> list[Any]:
        body(index)
        return []

    loop(builder, count, step, [], one)
