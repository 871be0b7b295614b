"""The statements of Python code by function, written so that two versions can be held against each other.

What cannot change a result is left out: comments, blanks, line breaks, quotes, docstrings, type hints, the order of
named arguments. A compound statement stands for its first line; what is below it follows, one level deeper.
"""

import ast
import copy
import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

_BODIES = ("body", "orelse", "finalbody", "handlers", "cases")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_MARK = "_"
_WORD = re.compile(r"[A-Za-z_]\w*")
_MAGIC = re.compile(r"(?m)^([ \t]*)(?:[%!]|get_ipython\(\)\.).*")


@dataclass(frozen=True)
class Statement:
    """One statement, or the first line of a compound one.

    Attributes:
        text: as `ast.unparse` writes it.
        depth: how many compound statements of its function it lies in.
        line: in the file, from 1.
        tree: what was read; None of a line that is no code.
        own: the text with its own names, where they were replaced by those of another version.
    """

    text: str
    depth: int
    line: int
    tree: ast.AST | None = field(default=None, compare=False, repr=False)
    own: str | None = field(default=None, compare=False, repr=False)

    @functools.cached_property
    def words(self) -> frozenset[str]:
        """All that looks like a name in it."""
        return frozenset(_WORD.findall(self.text))

    @functools.cached_property
    def _names(self) -> "_Names":
        names = _Names({})
        if self.tree is not None:
            names.shape = ast.unparse(names.visit(copy.deepcopy(self.tree)))
        return names

    @property
    def names(self) -> list[str]:
        """The names that may be others without a change of meaning, in their order.

        They are those of variables, arguments, functions, classes, and attributes of `self`.
        """
        return self._names.found

    @property
    def bound(self) -> set[str]:
        """Those of them that it gives a value."""
        return self._names.bound

    @property
    def shape(self) -> str:
        """The text without them; of a line that is no code all of it."""
        return self._names.shape or self.text

    def called(self, names: Mapping[str, str]) -> "Statement":
        """Return the statement with other names."""
        if self.tree is None or not any(name in self.words for name in names):
            return self
        other = _made(_Names(names).visit(copy.deepcopy(self.tree)), self.depth, self.line)
        return replace(other, own=self.own or self.text)


def around(code: Sequence[Statement], statement: Statement) -> tuple[str | None, str | None]:
    """Return in which compound statement a statement of a function stands, and right behind which one in it; or None.

    Args:
        code: of the function.
        statement: one of them.
    """
    at = next(at for at, one in enumerate(code) if one is statement)
    before: str | None = None
    for one in reversed(code[:at]):
        if one.depth < statement.depth:
            return one.own or one.text, before
        if one.depth == statement.depth and before is None:
            before = one.own or one.text
    return None, before


def line_of_change(here: Statement, there: Statement) -> int:
    """Return the line in which a statement first differs from another: of a long call that of an argument."""
    if here.tree is None or there.tree is None:
        return here.line
    return _changed_line(here.tree, there.tree, here.line) or here.line


def _changed_line(one: ast.AST, two: ast.AST, line: int) -> int | None:
    """Return the line of the first part that differs; None where all is alike.

    Args:
        one: what is read.
        two: what it is held against.
        line: of the nearest part around it that has one.
    """
    line = getattr(one, "lineno", line)
    if type(one) is not type(two):
        return line
    for name in one._fields:
        mine, its = getattr(one, name, None), getattr(two, name, None)
        pairs = _paired(mine, its) if isinstance(mine, list) and isinstance(its, list) else [(mine, its)]
        for part, other in pairs:
            if isinstance(part, ast.AST) and isinstance(other, ast.AST):
                if found := _changed_line(part, other, line):
                    return found
            elif part != other:
                return getattr(part, "lineno", line)
    return None


def _paired(mine: list[Any], its: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the parts of two lists in pairs, None for what one alone has; named arguments by their names."""
    if all(isinstance(one, ast.keyword) for one in (*mine, *its)):
        known = {one.arg: one for one in its}
        yield from ((one, known.get(one.arg)) for one in sorted(mine, key=lambda one: one.lineno))
        yield from ((None, one) for one in its if one.arg not in {own.arg for own in mine})
    else:
        yield from itertools.zip_longest(mine, its)


def without_magics(text: str) -> str:
    """Return cells of a notebook as Python alone: in place of `%magic`, `!command` and what they become, `pass`."""
    return _MAGIC.sub(r"\1pass", text)


def statements_of(code: str) -> dict[str, list[Statement]] | None:
    """Return the statements of each function or class by its dotted name, those of the module itself by "".

    Args:
        code: of a file.

    Returns:
        None of what is no Python code, or too deep.
    """
    found: dict[str, list[Statement]] = {}
    try:
        for place, statement in _flat(_Ordered().visit(ast.parse(code.removeprefix("\ufeff"))).body, "", 0):
            found.setdefault(place, []).append(statement)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return found


def _flat(
    body: Sequence[ast.AST], place: str, depth: int, *, is_class: bool = False
) -> Iterator[tuple[str, Statement]]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield place, _made(_with(node, names=[alias]), depth, node.lineno)
            continue
        if _says_nothing(node, is_class=is_class):
            continue
        yield place, _statement(node, depth, is_class=is_class)
        inner, below = (place, depth + 1)
        if isinstance(node, _SCOPES):
            inner, below = (f"{place}.{node.name}" if place else node.name), 0
        for name in _BODIES:
            under = getattr(node, name, None)
            if not isinstance(under, list) or not under:
                continue
            if name in ("orelse", "finalbody"):
                yield place, Statement("else:" if name == "orelse" else "finally:", depth, under[0].lineno)
            yield from _flat(under, inner, below, is_class=isinstance(node, ast.ClassDef))


def _says_nothing(node: ast.AST, *, is_class: bool) -> bool:
    """Whether it is a docstring, `pass`, or a bare type hint; of a class that is a field."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return isinstance(node, ast.Pass) or (isinstance(node, ast.AnnAssign) and node.value is None and not is_class)


def _statement(node: ast.AST, depth: int, *, is_class: bool) -> Statement:
    line = getattr(node, "lineno", None) or getattr(getattr(node, "pattern", None), "lineno", 1)
    if isinstance(node, ast.AnnAssign):
        if is_class:
            head: ast.AST = _with(node, annotation=ast.Constant(...))  # a field of a dataclass, whatever its type
        else:
            head = ast.Assign([node.target], node.value or ast.Constant(...), lineno=line)
    else:
        head = _without_hints(_head(node))
    return _made(head, depth, line)


def _made(head: ast.AST, depth: int, line: int) -> Statement:
    text = ast.unparse(head)
    if isinstance(getattr(head, "body", None), list):
        text = text.rpartition("\n")[0]  # without the `pass` that stands for what is below
    return Statement(text, depth, line, head)


class _Ordered(ast.NodeTransformer):
    """Puts the named arguments of calls into one order."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if all(one.arg is not None for one in node.keywords):
            node.keywords.sort(key=lambda one: str(one.arg))
        return node


class _Names(ast.NodeTransformer):
    """Reads the names that may be others, and puts others in their place, or a mark where none are given."""

    def __init__(self, others: Mapping[str, str]) -> None:
        self._others, self.found, self.bound, self.shape = others, list[str](), set[str](), ""

    def _seen(self, name: str, *, is_bound: bool) -> str:
        self.found.append(name)
        if is_bound:
            self.bound.add(name)
        return self._others.get(name, name) if self._others else _MARK

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._seen(node.id, is_bound=isinstance(node.ctx, ast.Store))
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._seen(node.arg, is_bound=True)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            node.attr = self._seen(node.attr, is_bound=isinstance(node.ctx, ast.Store))
            return node
        self.generic_visit(node)
        return node

    def _definition(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        node.name = self._seen(node.name, is_bound=True)  # type: ignore[attr-defined]
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _definition  # noqa: N815 (as ast calls them)


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
