"""Names that a file of Python uses and nothing in it defines: a part of a renaming need not be run to see it fail."""

import ast
import builtins
from collections.abc import Iterator

_OF_A_MODULE = frozenset(
    ("__file__", "__name__", "__doc__", "__package__", "__spec__", "__loader__", "__path__", "__builtins__")
)
_GIVEN = frozenset(dir(builtins)) | _OF_A_MODULE


def undefined_names(code: str) -> frozenset[str]:
    """Return the names that are used in a file and defined nowhere in it; of one with `import *` none is known.

    Args:
        code: of the file.

    Raises:
        SyntaxError, ValueError: it is no Python.
    """
    tree = ast.parse(code)
    used = {one.id for one in ast.walk(tree) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
    defined = set(_defined(tree))
    return frozenset() if "*" in defined else frozenset(used - defined - _GIVEN)


def _defined(tree: ast.AST) -> Iterator[str]:
    for one in ast.walk(tree):
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load):
            yield one.id
        elif isinstance(one, ast.arg):
            yield one.arg
        elif isinstance(one, ast.alias):
            yield one.asname or one.name.partition(".")[0]
        elif isinstance(one, ast.MatchMapping) and one.rest:
            yield one.rest
        elif isinstance(one, ast.Global | ast.Nonlocal):
            yield from one.names
        elif isinstance(name := getattr(one, "name", None), str):  # a function, a class, an error, a pattern
            yield name
