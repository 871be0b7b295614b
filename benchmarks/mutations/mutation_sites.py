"""Where one small change can be put into a source file, and what it is changed to.

Left alone are strings and f-strings, annotations, decorators, assertions, what is raised, `if TYPE_CHECKING`, the
`strict` of a zip and the order in which `min` and `max` are given their numbers: what changes there changes words,
types or nothing.
"""

import ast
import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_OPERATORS: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,), ast.And: (ast.Or,), ast.Or: (ast.And,), ast.Add: (ast.Sub,), ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,), ast.Div: (ast.Mult,), ast.FloorDiv: (ast.Mult,), ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,), ast.BitAnd: (ast.BitOr,),
}  # fmt: skip
_SWAPS = (("min", "max"), ("any", "all"), ("isfinite", "isnan"), ("minimum", "maximum"), ("argmin", "argmax"))
_NAMES = {old: new for pair in _SWAPS for old, new in (pair, pair[::-1])}
_LARGE = 10  # from here on one more would be hardly a mistake: twice as much is
_LEFT_ALONE = (ast.JoinedStr, ast.Assert, ast.Import, ast.ImportFrom)
_UNSEEN_FIELDS = {"annotation", "returns", "decorator_list", "bases", "pattern"}
_IN_ANY_ORDER = {"min", "max", "minimum", "maximum"}
_OF_TYPES = {"isinstance", "issubclass", "TypeVar", "cast"}


@dataclass(frozen=True)
class Mutant:
    """One change to one file.

    Attributes:
        file: below the source folder.
        line: its number, from 1.
        code: that line as it stands, without its indentation.
        function: qualified name of the function it is in, "<module>" outside of all.
        change: what it says and what it said, "a < b -> a <= b".
        start, stop: the bytes of the file that are replaced.
        text: by what.
    """

    file: str
    line: int
    code: str
    function: str
    change: str
    start: int
    stop: int
    text: str

    def apply(self, source: Path) -> str:
        """Change the file below a source folder and return what it was."""
        path = source / self.file
        before = path.read_bytes()
        path.write_bytes(before[: self.start] + self.text.encode() + before[self.stop :])
        return before.decode()


def sites(source: Path, file: Path) -> list[Mutant]:
    """Return all changes of a file below the source folder that leave it valid Python."""
    content = file.read_text()
    lines = content.splitlines(keepends=True)
    begins = [0]
    for line in lines:
        begins.append(begins[-1] + len(line.encode()))
    found = []
    for node, function in _nodes(ast.parse(content), ()):
        for old, new in _changes(node):
            start = begins[old.lineno - 1] + old.col_offset
            stop = begins[(old.end_lineno or old.lineno) - 1] + (old.end_col_offset or 0)
            text = ast.unparse(new)
            change = f"{ast.unparse(old)} -> {text}"
            text = f"({text})" if isinstance(new, ast.expr) else text
            name, code = str(file.relative_to(source)), lines[old.lineno - 1].strip()
            found.append(Mutant(name, old.lineno, code, function, change, start, stop, text))
    return found


def draw(mutants: list[Mutant], count: int, chance: random.Random) -> list[Mutant]:
    """Draw so many changes, each of another line: first the line, every one as likely, then what is changed in it."""
    by_line: dict[tuple[str, int], list[Mutant]] = {}
    for mutant in mutants:
        by_line.setdefault((mutant.file, mutant.line), []).append(mutant)
    return [chance.choice(by_line[line]) for line in chance.sample(sorted(by_line), min(count, len(by_line)))]


def _nodes(node: ast.AST, within: tuple[str, ...]) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yield every node that may be changed, with the name of the function it is in."""
    if isinstance(node, _LEFT_ALONE) or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
        return
    if isinstance(node, ast.expr | ast.stmt):
        yield node, ".".join(within).removesuffix(".<locals>") if "<locals>" in within else "<module>"
    if isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and ast.unparse(node.func) in _OF_TYPES):
        return
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        within = (*within, node.name, "<locals>")
    elif isinstance(node, ast.ClassDef):
        within = (*within, node.name)
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if field not in _UNSEEN_FIELDS and isinstance(child, ast.AST):
                yield from _nodes(child, within)


def _changes(node: ast.expr | ast.stmt) -> Iterator[tuple[ast.expr | ast.stmt, ast.expr | ast.stmt]]:  # noqa: C901
    """Yield what is replaced, the node or a part of it, and by what."""
    match node:
        case ast.Compare(ops=[operator]):
            yield from ((node, _with(node, ops=[new()])) for new in _OPERATORS[type(operator)])
        case ast.BinOp(left=left, right=right) if any(_is_words(one) for one in (left, right)):
            pass  # of a path, mostly: no type would fit
        case ast.BinOp(op=operator) | ast.BoolOp(op=operator) | ast.AugAssign(op=operator):
            yield from ((node, _with(node, op=new())) for new in _OPERATORS.get(type(operator), ()))
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield node, operand
        case ast.Constant(value=bool() as value):
            yield node, ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield node, ast.Constant(value + 1 if isinstance(value, int) and value < _LARGE else 2 * value or 1.0)
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield test, ast.UnaryOp(ast.Not(), test)
        case ast.Break():
            yield node, ast.Continue()
        case ast.Continue():
            yield node, ast.Break()
        case ast.ListComp() | ast.GeneratorExp() | ast.SetComp() | ast.DictComp():
            yield from ((test, ast.Constant(True)) for part in node.generators for test in part.ifs)
        case ast.Call(func=ast.Name(id=name) as called) if name in _NAMES:
            yield called, ast.Name(_NAMES[name])
        case ast.Call(func=ast.Attribute(attr=name) as called) if name in _NAMES:
            yield called, _with(called, attr=_NAMES[name])
    if isinstance(node, ast.Call) and len(node.args) > 1 and ast.unparse(node.func) not in _OF_TYPES:
        first, second, *rest = node.args
        fixed = any(isinstance(one, ast.Starred | ast.Constant | ast.JoinedStr) for one in (first, second))
        in_any_order = ast.unparse(node.func).rpartition(".")[2] in _IN_ANY_ORDER
        if not fixed and not in_any_order and ast.dump(first) != ast.dump(second):
            yield node, _with(node, args=[second, first, *rest])


def _is_words(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _with(node: Any, **fields: Any) -> Any:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed
