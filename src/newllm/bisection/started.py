"""How a program is started again: by the Python that ran it; as a file, a module or an entry point; by torchrun."""

import contextlib
import functools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from newllm.bisection.options import redirected
from newllm.bisection.tree import Tree
from newllm.trace.program import Program

_SECONDS = 60.0  # that Python has to say where it looks for modules
_ASK = """
import json, sys
found = [path for path in sys.path if path]
for name, module in [*sys.modules.items()]:
    if name.startswith("__editable__"):
        for package, path in getattr(module, "MAPPING", {}).items():
            folder, _, last = str(path).replace("\\\\", "/").rpartition("/")
            found += [folder] if last == package.rpartition(".")[2] else []
print("\\n" + json.dumps(found))
"""
"""Prints where modules are found: the path, and what an installation for development maps to a directory."""


def interpreter(program: Program) -> str:
    """Return the Python that ran a program, where it is still there; else the one that runs this."""
    kept = program.executable
    return kept if kept and Path(kept).is_file() and os.access(kept, os.X_OK) else sys.executable


@functools.lru_cache(maxsize=8)
def module_places(python: str) -> tuple[str, ...]:
    """Return the directories in which a Python finds modules, those of `pip install -e` among them.

    Of one that does not say it within a minute it is nothing: then a program finds the modules beside it alone.
    """
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
        said = subprocess.run(
            [python, "-c", _ASK], capture_output=True, text=True, check=True, timeout=_SECONDS, stdin=subprocess.DEVNULL
        ).stdout
        return tuple(map(str, json.loads(said.strip().rpartition("\n")[2])))  # its last line: a site may print, too
    return ()


def command(program: Program, arguments: Sequence[str], tree: Tree) -> list[str]:
    """Return the command that runs a program in its copy.

    Args:
        program: how it is started.
        arguments: of its command line.
        tree: holds the copy.
    """
    own = (Path(program.root), Path(program.directory))
    given = [tree.placed(one) for one in redirected(arguments, tree.path / "places", own)]
    launcher = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={program.processes}")
    as_module = [] if program.module is None else ["-m"]
    launched = launcher if program.processes > 1 else ()
    return [interpreter(program), *launched, *as_module, _what(program, tree), *given]


def _what(program: Program, tree: Tree) -> str:
    """Return what Python is started with: a module's name, or a file."""
    if program.module is not None:
        return program.module
    if program.script is not None:
        script = tree.path / "start.py"
        script.write_text(tree.placed(program.script), encoding="utf-8")
        return str(script)
    main = tree.counterpart(Path(program.root) / program.main)
    directory = tree.counterpart(Path(program.directory))
    return str(main.relative_to(directory) if main.is_relative_to(directory) else main)
