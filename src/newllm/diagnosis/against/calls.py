"""Two versions of one call: the arguments in which they differ."""

import ast
from collections.abc import Mapping


def calls_that_differ(here: str, there: str) -> tuple[str, str] | None:
    """Return two calls of one function with those arguments that differ; None of other statements.

    A call of many settings that was changed in several of them would be cut after the first.
    """
    pair = _pair(here, there)
    if pair is None:
        return None
    mine, its = map(_arguments, pair)
    differ = _differ(mine, its)
    if not differ or len(differ) == len({**mine, **its}):
        return None
    name = ast.unparse(pair[0].func)
    shown = (", ".join(given[one] for one in differ if one in given) for given in (mine, its))
    first, second = (f"{name}(..., {one})" if one else f"{name}(...)" for one in shown)
    return first, second


def names_that_differ(here: str, there: str) -> list[str]:
    """Return by name or place ("#0") the arguments in which two calls of one function differ; of others nothing."""
    pair = _pair(here, there)
    return [] if pair is None else _differ(*map(_arguments, pair))


def _pair(here: str, there: str) -> tuple[ast.Call, ast.Call] | None:
    """Return the calls of two statements that are the same but for the arguments of one function."""
    own, other = _call(here), _call(there)
    if own is None or other is None or ast.unparse(own.func) != ast.unparse(other.func):
        return None
    return (own, other) if _alike_but_for(here, there, own, other) else None


def _differ(mine: Mapping[str, str], its: Mapping[str, str]) -> list[str]:
    return [name for name in {**mine, **its} if mine.get(name) != its.get(name)]


def _call(statement: str) -> ast.Call | None:
    """Return the call that a statement is, or whose result it gives a name or returns."""
    try:
        (node,) = ast.parse(statement).body
    except (SyntaxError, ValueError):
        return None
    value = getattr(node, "value", None)
    return value if isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign) and isinstance(value, ast.Call) else None


def _arguments(call: ast.Call) -> dict[str, str]:
    """Return what a call is given as it is written, by name or place."""
    by_place = {f"#{at}": ast.unparse(one) for at, one in enumerate(call.args)}
    return by_place | {one.arg or f"**{ast.unparse(one.value)}": ast.unparse(one) for one in call.keywords}


def _alike_but_for(here: str, there: str, own: ast.Call, other: ast.Call) -> bool:
    """Whether two statements are the same around their calls."""
    return here.replace(ast.unparse(own), "", 1) == there.replace(ast.unparse(other), "", 1)
