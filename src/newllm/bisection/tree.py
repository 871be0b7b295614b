"""Where trials run: a copy of the directory of the program, so that nothing of the user's is ever written.

A copy stands at the same path as the original, below a temporary directory: `../data` means the same there. Left out
are hidden folders, virtual environments, caches of Python, recordings, and what one of the two runs wrote
(`inputs.py`): a checkpoint from which a program goes on, where it finds one, is no part of how it began. The place of
the original, where it stands in the program's files, in its command line or in PYTHONPATH, becomes that of the copy.
"""

import contextlib
import errno
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from newllm.bisection.inputs import OF_A_RUN, spans_of, written_by_runs
from newllm.child_process import lives
from newllm.errors import UserError
from newllm.trace.program import RECORD_TO, Program

LARGEST = 1 << 30  # bytes
_PREFIX, _LEFT_OVER = "newllm-bisect-", 86_400.0  # seconds


class Tree:
    """Copies of the directory of a program.

    Args:
        program: the sound one.
        inside: a directory that the user has prepared as a copy of the program's root; None makes copies.
        runs: recordings of it, the sound one first.

    Attributes:
        left_out: files that were written while one of these trained.
        left_out_after: files that one of them may have written in the minute after.

    Raises:
        UserError: the directory is gone or larger than a gigabyte, or `inside` is no directory of its own.
    """

    def __init__(self, program: Program, inside: Path | None = None, runs: Iterable[Path] = ()) -> None:
        self._root, self._directory = Path(program.root), Path(program.directory)
        self._inside = None if inside is None else _own_directory(inside, self._root, self._directory)
        originals = [] if self._inside else [self._root]
        if not self._directory.is_relative_to(self._root):
            originals.append(self._directory)
        every = [file for original in originals for file in files_below(original)]
        own = {self._root / name for name in program.files}
        self._elsewhere = [Path(name) for name in program.files if Path(name).is_absolute()]  # settings that it names
        others = [one for one in every if one.suffix != ".py" and one not in own]
        self.left_out, self.left_out_after = written_by_runs(others, self._root, self._directory, spans_of(runs))
        self._files = [one for one in every if one not in {*self.left_out, *self.left_out_after}]
        self._has_git = (self._root / ".git").exists()
        _remove_left_over()
        self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")).resolve()
        self._number = 0
        self._here = self.path
        try:
            with _with_room():
                self._copy(self.path / "original", [(file, file) for file in self._files])
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        """Remove all copies."""
        shutil.rmtree(self.path, ignore_errors=True)

    def fresh(self, files: Mapping[str, str | None]) -> Path:
        """Make a copy with a version of the program in it.

        Args:
            files: what each holds by its name in the program; None of one that is not there.

        Returns:
            A new directory beside it, for a recording and what the trial prints.

        Raises:
            UserError: there is no room.
        """
        with _with_room():
            return self._fresh(files)

    def _fresh(self, files: Mapping[str, str | None]) -> Path:
        if self._number:
            shutil.rmtree(self._here, ignore_errors=True)
        self._number += 1
        self._here = self.path / f"trial-{self._number}"
        kept = self.path / "original"
        self._copy(self._here / "tree", [(_below(kept, file), file) for file in self._files])
        for original in (self._root, self._directory):
            self.counterpart(original).mkdir(parents=True, exist_ok=True)
        if self._has_git and not self._inside:
            (self.counterpart(self._root) / ".git").mkdir(exist_ok=True)  # the recorder finds the root by it
        for name, text in files.items():
            place = self._place(name)
            if text is None:
                place.unlink(missing_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(self.placed(text), encoding="utf-8", newline="")
        made = self._here / "made"
        made.mkdir(parents=True)
        return made

    def counterpart(self, path: Path) -> Path:
        """Return where a path of the original is in the copy."""
        if self._inside is not None and path.is_relative_to(self._root):
            return self._inside / path.relative_to(self._root)
        return _below(self._here / "tree", path)

    def placed(self, text: str) -> str:
        """Return text with the places of the original as those of the copy."""
        for original in sorted({self._root, self._directory, *self._elsewhere}, key=lambda one: -len(one.parts)):
            if len(original.parts) > 1:
                text = re.sub(
                    rf"{re.escape(str(original))}(?![\w.-])", lambda _, at=original: str(self.counterpart(at)), text
                )
        return text

    def environment(self, recordings: Path, places: Iterable[str]) -> dict[str, str]:
        """Return the environment of a trial.

        Args:
            recordings: the directory that its recordings are made in.
            places: directories in which Python finds modules: of those of the program its copy comes first.
        """
        paths = [*self._own_paths(places), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        return {
            **os.environ,
            RECORD_TO: str(recordings),
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(map(self.placed, paths))),
            "PYTHONDONTWRITEBYTECODE": "1",  # what is written twice within a second would be read from its cache
            "WANDB_MODE": os.environ.get("WANDB_MODE", "offline"),
        }

    def _own_paths(self, places: Iterable[str]) -> Iterator[str]:
        for one in map(Path, places):
            if one.resolve().is_relative_to(self._root) and "site-packages" not in one.parts:
                yield str(one.resolve())

    def _place(self, name: str) -> Path:
        # Without "..": a name of a damaged or hostile file must not lead out of the copy.
        return self.counterpart(Path(os.path.normpath(self._root / name)))

    def _copy(self, target: Path, files: Iterable[tuple[Path, Path]]) -> None:
        for source, original in files:
            place = _below(target, original)
            place.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(PermissionError, FileNotFoundError):  # as of a training that goes on there
                shutil.copy(source, place)
                place.chmod(place.stat().st_mode | stat.S_IWUSR)  # a version of the program is written over it


@contextlib.contextmanager
def _with_room() -> Iterator[None]:
    """Turn a full disk into one line.

    Raises:
        UserError: there is no room for a copy.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"no room for a copy of the program in '{tempfile.gettempdir()}' ({error.strerror}): make room, or set "
            "TMPDIR to a directory that has it"
        ) from error


def _remove_left_over() -> None:
    """Remove what killed bisections have left: of processes that are gone, and older than a day, as /tmp is shared."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        number = path.name.removeprefix(_PREFIX).partition("-")[0]
        if os.name != "posix" or not number.isdecimal() or path.is_symlink() or not path.is_dir():
            continue
        with contextlib.suppress(OSError):  # it has gone meanwhile
            if time.time() - path.stat().st_mtime > _LEFT_OVER and not lives(int(number)):
                shutil.rmtree(path, ignore_errors=True)


def files_below(directory: Path, largest: int = LARGEST) -> list[Path]:
    """Return the files below a directory that a copy has; a link stands for what it leads to.

    Raises:
        UserError: it is no directory, or they are larger than a gigabyte.
    """
    if not directory.is_dir():
        raise UserError(
            f"the program's directory '{directory}' is gone: put it back, or name a copy of it with --in DIR"
        )
    found, size = [], 0
    waiting: list[tuple[Path, frozenset[Path]]] = [(directory, frozenset())]
    while waiting:
        folder, above = waiting.pop()
        if (real := folder.resolve()) in above:  # a link that leads back
            continue
        for entry in _entries(folder):
            if entry.is_dir():
                if _is_copied(Path(entry.path)):
                    waiting.append((Path(entry.path), above | {real}))
            elif entry.is_file():
                size += entry.stat().st_size
                found.append(Path(entry.path))
            if size > largest:
                raise UserError(
                    f"'{directory}' is larger than {largest >> 20} MiB, which every trial would copy: make a copy of "
                    "what the program needs, and name it with --in DIR"
                )
    return sorted(found)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return sorted(os.scandir(folder), key=lambda one: one.name)
    except PermissionError:  # the program's own user could not read it either
        return []


def _is_copied(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name == "__pycache__" or (folder / "pyvenv.cfg").is_file():
        return False
    return not any((folder / name).is_file() for name in OF_A_RUN)


def _below(directory: Path, path: Path) -> Path:
    return directory.joinpath(*path.parts[1:])


def _own_directory(inside: Path, root: Path, directory: Path) -> Path:
    """Return a directory that trials may write in.

    Raises:
        UserError: it is none, or the program's own.
    """
    inside = inside.resolve()
    if not inside.is_dir():
        raise UserError(f"--in '{inside}' is no directory: name a copy of '{root}'")
    for own in (root.resolve(), directory.resolve()):
        if inside.is_relative_to(own) or own.is_relative_to(inside):
            raise UserError(
                f"--in '{inside}' is or holds the program's own directory, or lies in it: name a copy of '{root}'"
            )
    return inside
