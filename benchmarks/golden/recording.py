"""One recording: calls of a commit's command line in a folder of their own, and text files of what they showed."""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blanking import Blanks

HERE = Path(__file__).parent.resolve()
ROOT = HERE.parents[1]
"""The checkout that this file is in: logs and results that are recorded come from here, whatever the commit."""

open_recordings: "set[Recording]" = set()
"""Those that go on."""


class Recording:
    """Calls the sources at `source` and writes what they show into `out`.

    Args:
        source: a checkout.
        out: the folder of this part.
        work: an empty folder, where the calls run.
    """

    def __init__(self, source: Path, out: Path, work: Path) -> None:
        self.source, self.out, self.work = source, out, work
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(source / "src"), str(source / "benchmarks/doctor")]),
            "NEWLLM_CACHE": str(work / "cache"), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TZ": "UTC",
            "GOMP_SPINCOUNT": "1000", "PYTHONHASHSEED": "0", "COLUMNS": "100", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1",
        }  # fmt: skip
        project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        self.entry = project["scripts"]["newllm"]
        self.blanks = Blanks({str(work): "<work>", str(source): "<source>", str(ROOT): "<checkout>"})
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "caller.py"), self.entry], env=self.environment, cwd=work,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip

    def close(self) -> None:
        """End the process that makes the calls, and keep the styles and scripts of the pages."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        for name, content in self.blanks.assets.items():
            self.write(f"assets/{name}", content)

    def stop(self) -> None:
        """End the call that goes on, and with it the recording."""
        self._process.terminate()

    def ask(self, *arguments: object, **more: Any) -> dict[str, Any]:
        """Make a call and return its `code`, `out` and `err`, as they are."""
        asked = {"arguments": [str(item) for item in arguments], "cwd": str(self.work), **more}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def made(self, *arguments: object, **more: Any) -> str:
        """Make a call that is needed for others, and return what it printed.

        Raises:
            RuntimeError: it failed.
        """
        done = self.ask(*arguments, **more)
        if done["code"] not in (0, 1):
            raise RuntimeError(f"{shlex.join(map(str, arguments))}: exit {done['code']}: {done['err'][-3000:]}")
        return done["out"]

    def call(self, name: str, *arguments: object, more: str = "", **asked: Any) -> None:
        """Record a call: its exit code and what it printed; several of one name follow each other in the file."""
        done = self.ask(*arguments, **asked)
        parts = [f"$ newllm {shlex.join(map(str, arguments))}\nexit code {done['code']}\n"]
        parts += [f"-- {title}\n{self.blanks.output(done[key])}" for title, key in
                  (("standard output", "out"), ("standard error", "err")) if done[key]]  # fmt: skip
        self.write(name, self.blanks.text("\n".join(parts)) + more + "\n", append=True)

    def page(self, name: str, file: Path) -> None:
        """Record an HTML file."""
        content = file.read_text(encoding="utf-8") if file.is_file() else "(no such file)"
        self.write(f"{name}.html", self.blanks.html(content))

    def files(self, name: str, folder: Path, patterns: tuple[str, ...]) -> None:
        """Record text files of a folder."""
        for file in sorted({file for pattern in patterns for file in folder.glob(pattern)}):
            self.write(f"{name}/{file.relative_to(folder)}", self.blanks.output(file.read_text(encoding="utf-8")))

    def write(self, name: str, content: str, *, append: bool = False) -> None:
        """Write a text file of the recording."""
        file = self.out / f"{name}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a" if append else "w", encoding="utf-8", errors="backslashreplace") as opened:
            opened.write(content)


@contextlib.contextmanager
def recording(source: Path, out: Path, work: Path) -> Iterator[Recording]:
    """Begin a part's recording; what an earlier one left in `out` goes."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    work.mkdir()
    made = Recording(source, out, work)
    open_recordings.add(made)
    try:
        yield made
    finally:
        open_recordings.discard(made)
        made.close()


@contextlib.contextmanager
def sources(commit: str | None) -> Iterator[Path]:
    """Yield a checkout of a commit, which goes afterwards; None is this checkout as it stands."""
    if commit is None:
        yield ROOT
        return
    with tempfile.TemporaryDirectory(prefix="golden-") as folder:
        place = Path(folder).resolve() / "source"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", "--quiet", str(place), commit], check=True)
        try:
            yield place
        finally:
            subprocess.run([*git, "remove", "--force", str(place)], check=True)
