"""How a program is started again."""

import sys
import venv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from newllm.bisection.started import command, interpreter, module_places
from newllm.bisection.tree import Tree
from newllm.trace.program import Program


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "src" / "pkg").mkdir(parents=True)
    (tmp_path / "root" / "src" / "pkg" / "cli.py").write_text("x = 1\n")
    return tmp_path / "root"


@pytest.fixture
def program(root: Path) -> Program:
    return Program("src/pkg/cli.py", directory=str(root), root=str(root), files={"src/pkg/cli.py": "x = 1\n"})


@pytest.fixture
def tree(program: Program) -> Iterator[Tree]:
    tree = Tree(program)
    tree.fresh(program.files)
    yield tree
    tree.remove()


def test_a_file_a_module_an_entry_point_and_torchrun(program: Program, tree: Tree, root: Path) -> None:
    python = sys.executable
    assert command(program, ("--lr", "1"), tree) == [python, "src/pkg/cli.py", "--lr", "1"]
    assert command(replace(program, module="pkg.cli"), (), tree) == [python, "-m", "pkg.cli"]
    script = command(replace(program, script=f"#!python\nimport sys\nsys.path += ['{root}/src']\n"), ("a",), tree)
    assert script[0] == python
    assert Path(script[1]).read_text().endswith(f"['{tree.counterpart(root)}/src']\n")
    assert script[2:] == ["a"]
    launched = command(replace(program, processes=2, module="pkg.cli"), ("a",), tree)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    assert launched == [python, *torchrun, "-m", "pkg.cli", "a"]
    assert command(replace(program, processes=2), (), tree) == [python, *torchrun, "src/pkg/cli.py"]


def test_the_python_of_the_program_runs_it_as_long_as_it_is_there(program: Program, tmp_path: Path) -> None:
    assert interpreter(replace(program, executable=str(tmp_path / "gone"))) == sys.executable
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\n")
    assert interpreter(replace(program, executable=str(other))) == sys.executable  # nobody may run it
    other.chmod(0o755)
    assert interpreter(replace(program, executable=str(other))) == str(other)


def test_installations_for_development_are_known_of_the_programs_python(root: Path, tmp_path: Path) -> None:
    """A directory in a .pth file, and a mapping as setuptools writes it where the package lies beside others."""
    venv.create(tmp_path / "venv", symlinks=True)
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (tmp_path / "flat" / "toynet").mkdir(parents=True)
    finder = f"MAPPING = {{'toynet': '{tmp_path}/flat/toynet', 'other': '/elsewhere/renamed'}}\n"
    (packages / "__editable___toynet_finder.py").write_text(finder)
    (packages / "a.pth").write_text(f"{root / 'src'}\nimport __editable___toynet_finder\n")
    (packages / "b.pth").write_text("import sys; print('a site that prints')\n")
    found = module_places(str(tmp_path / "venv" / "bin" / "python"))
    assert str(root / "src") in found
    assert str(tmp_path / "flat") in found
    assert "/elsewhere" not in found
    assert module_places("/bin/false") == ()
