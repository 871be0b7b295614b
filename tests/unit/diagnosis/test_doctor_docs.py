"""docs/findings.md lists every kind of finding by the file that finds it. Run as a program, this file writes it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from newllm.diagnosis import audits, detectors
from newllm.diagnosis.against import compare
from newllm.diagnosis.audits import AUDITS
from newllm.diagnosis.detectors import DETECTORS
from newllm.messages import catalogue

PAGE = Path(__file__).parents[3] / "docs/findings.md"
TABLES = re.compile(r"(<!-- kinds: .*? -->\n)(.*?)(<!-- end -->)", re.DOTALL)
EN = catalogue("en")
KINDS = [name.removeprefix("finding-") for name in EN.names if name.startswith("finding-")]


def tables() -> str:
    """Return a table for each file, in the order of the registries; what a kind means stands in the catalogue."""
    seen: set[str] = set()
    parts = []
    for module in _files():
        found = _kinds(module)
        kinds = [kind for kind in found if kind not in seen]
        seen |= set(kinds)
        folder = module.__name__.split(".")[-2]
        title, _, about = str(module.__doc__).split("\n")[0].rstrip(".").partition(": ")
        rows = [f"| `{kind}` | {EN(f'finding-{kind}.explained')} |" for kind in kinds]
        file = f"(`diagnosis/{folder}/{module.__name__.rpartition('.')[2]}.py`):"
        head = f"## {title}\n{about[:1].upper()}{about[1:]} {file}" if about else f"## {title}\nIn {file[1:-2]}:"
        again = ", ".join(f"`{kind}`" for kind in found)
        table = ["", "| finding | what it means, and what to do first |", "|---|---|", *rows]
        parts.append("\n".join([head, *table]) if rows else f"{head} {again}, as above.")
    assert seen == set(KINDS)
    return "\n\n".join(parts) + "\n"


def _files() -> Iterator[ModuleType]:
    for package, registry in ((detectors, DETECTORS), (audits, AUDITS)):
        for name in dict.fromkeys(function.__module__.rpartition(".")[2] for function in registry):
            yield getattr(package, name)
    yield compare


def _kinds(module: ModuleType) -> list[str]:
    """Return the kinds that a file finds, in the order of the catalogue."""
    text = Path(str(module.__file__)).read_text("utf-8")
    names = {node.value for node in _without_causes(ast.parse(text)) if isinstance(node, ast.Constant)}
    return [kind for kind in KINDS if kind in names]


def _without_causes(tree: ast.AST) -> Iterator[ast.AST]:
    """Return all nodes but those of suggested causes, which may have the name of a kind."""
    for node in ast.iter_child_nodes(tree):
        is_causes = isinstance(node, ast.keyword) and node.arg == "candidate_causes"
        if not is_causes and not (isinstance(node, ast.FunctionDef) and node.name == "_causes"):
            yield node
            yield from _without_causes(node)


def test_the_page_lists_what_the_code_finds() -> None:
    found = TABLES.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[2] == tables(), "python tests/unit/diagnosis/test_doctor_docs.py writes it anew"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLES.sub(lambda found: found[1] + tables() + found[3], text), encoding="utf-8")
