"""`newllm --version`: a screen of names and numbers, at once."""

import importlib.machinery
import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from newllm.cli.installed import installed
from newllm.version import VERSION


def row(name: str) -> str:
    return next(line for line in installed().splitlines() if line.startswith(name))


@pytest.fixture
def torch_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts another torch in the place of the installed one, by what it says of itself."""

    def put(text: str | None, version: str) -> None:
        spec = importlib.machinery.ModuleSpec("torch", None, origin=str(tmp_path / "__init__.py"))
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
        monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
        if text is not None:
            (tmp_path / "version.py").write_text(text)

    return put


def test_it_is_a_screen_that_begins_with_the_version_alone() -> None:
    lines = installed().splitlines()
    assert lines[0] == f"newllm {VERSION}"
    assert len(lines) < 12
    assert max(map(len, lines)) < 400
    assert importlib.metadata.version("numpy") in row("core")


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; from newllm.cli.main import main\n"
        "try: main(['--version'])\n"
        "finally: print(sorted({'torch', 'numpy', 'numba', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert done.stdout == installed() + "\n"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("cuda: Optional[str] = None\nhip: Optional[str] = None\n", "CPU"),
        ("cuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n", "CUDA 13.0"),
        ("cuda = None\nhip = '6.4.1'\n", "HIP 6.4.1"),
        (None, "CPU"),
    ],
)
def test_what_torch_was_built_for(torch_of, text: str | None, kind: str) -> None:
    torch_of(text, "2.99")
    assert row("torch").split(None, 1)[1] == f"2.99, {kind}"


def test_what_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert row("torch").endswith("absent: pip install 'newllm[train]'")
    assert row("compiled").endswith("numba absent, triton absent")
    assert row("extras").endswith("none")
