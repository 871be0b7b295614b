"""Names that a file uses and nothing in it defines."""

import inspect
from pathlib import Path

import pytest

import newllm
from newllm.bisection.names import undefined_names


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("x = 1\nprint(x)", set()),
        ("print(x)", {"x"}),
        ("def f(a, *b, c, **d):\n    return a, b, c, d, __file__", set()),
        ("import a.b as c, d.e\nfrom f import g as h\nc, d, h, f", {"f"}),
        ("from f import *\nx", set()),
        ("[i for i in range(3)]\nwith open('') as file:\n    file", set()),
        ("try:\n    pass\nexcept E as error:\n    error", {"E"}),
        (
            "match 1:\n    case {'a': a, **rest}:\n        a, rest\n    case [*b]:\n        b\n    case c:\n        c",
            set(),
        ),
        ("class A:\n    def f(self):\n        global y\n        return A, (z := 1), z, y", set()),
        ("f = lambda q: q\nasync def g(): ...\ng", set()),
    ],
)
def test_what_is_undefined(code: str, names: set[str]) -> None:
    assert undefined_names(code) == names


def test_code_that_runs_has_none() -> None:
    files = sorted(Path(inspect.getfile(newllm)).parent.rglob("*.py"))
    assert len(files) > 500
    assert {str(one): found for one in files if (found := undefined_names(one.read_text()))} == {}
