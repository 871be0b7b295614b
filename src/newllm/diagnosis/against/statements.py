"""The statements of Python code by function, written so that two versions can be held against each other.

What cannot change a result is left out: comments, blanks, line breaks, quotes, docstrings, type hints. A compound
statement stands for its first line; what is below it follows, one level deeper.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NAME = re.compile(r"\b[A-Za-z_]\w*")
_BODIES = ("body", "orelse", "finalbody", "handlers", "cases")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Statement:
    """One statement, or the first line of a compound one.

    Attributes:
        text: as `ast.unparse` writes it.
        depth: how many compound statements of its function it lies in.
        line: in the file, from 1.
        bound: names of variables, arguments, attributes, functions and classes that it gives a value.
    """

    text: str
    depth: int
    line: int
    bound: frozenset[str] = frozenset()


def statements_of(code: str) -> dict[str, list[Statement]] | None:
    """Return the statements of each function or class by its dotted name, those of the module itself by "".

    Args:
        code: of a file.

    Returns:
        None of what is no Python code.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found: dict[str, list[Statement]] = {}
    try:
        for place, statement in _flat(tree.body, "", 0):
            found.setdefault(place, []).append(statement)
    except RecursionError:
        return None
    return found


def _flat(body: Sequence[ast.AST], place: str, depth: int) -> Iterator[tuple[str, Statement]]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield place, Statement(ast.unparse(_with(node, names=[alias])), depth, node.lineno)
            continue
        if _says_nothing(node):
            continue
        yield place, _statement(node, depth)
        inner, below = (place, depth + 1)
        if isinstance(node, _SCOPES):
            inner, below = (f"{place}.{node.name}" if place else node.name), 0
        for name in _BODIES:
            under = getattr(node, name, None)
            if not isinstance(under, list) or not under:
                continue
            if name in ("orelse", "finalbody"):
                yield place, Statement("else:" if name == "orelse" else "finally:", depth, under[0].lineno)
            yield from _flat(under, inner, below)


def _says_nothing(node: ast.AST) -> bool:
    """Whether it is a docstring, a bare type hint, or `pass`."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return isinstance(node, ast.Pass) or (isinstance(node, ast.AnnAssign) and node.value is None)


def _statement(node: ast.AST, depth: int) -> Statement:
    line = getattr(node, "lineno", None) or getattr(getattr(node, "pattern", None), "lineno", 1)
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        head: ast.AST = ast.Assign([node.target], node.value, lineno=line)
    else:
        head = _without_hints(_head(node))
    text = ast.unparse(head)
    if head is not node and isinstance(getattr(head, "body", None), list):
        text = text.rpartition("\n")[0]  # without the `pass` that stands for what is below
    return Statement(text, depth, line, frozenset(_bound(head)))


def _head(node: ast.AST) -> ast.AST:
    """Return a compound statement with nothing below it, any other one as it is."""
    below = [name for name in _BODIES if isinstance(getattr(node, name, None), list)]
    if not below:
        return node
    empty: dict[str, list[ast.AST]] = {name: [] for name in below}
    if "body" in below:
        empty["body"] = [ast.Pass()]
    if isinstance(node, ast.Try):  # without a handler it is no statement
        return ast.Expr(ast.Name("try", ast.Load()))
    return _with(node, **empty)


def _without_hints(node: ast.AST) -> ast.AST:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node
    given = node.args
    bare = {
        name: [_with(one, annotation=None) for one in getattr(given, name)]
        for name in ("posonlyargs", "args", "kwonlyargs")
    }
    bare |= {
        name: _with(one, annotation=None) if (one := getattr(given, name)) is not None else None
        for name in ("vararg", "kwarg")
    }
    return _with(node, args=_with(given, **bare), returns=None, type_comment=None)


def _with(node: ast.AST, **changed: object) -> ast.AST:
    fields = {name: getattr(node, name, None) for name in (*node._fields, *node._attributes)}
    return type(node)(**{**fields, **changed})


def _bound(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Name | ast.Attribute) and isinstance(one.ctx, ast.Store):
            yield one.id if isinstance(one, ast.Name) else one.attr
        elif isinstance(one, ast.arg):
            yield one.arg
        elif isinstance(one, _SCOPES):
            yield one.name
