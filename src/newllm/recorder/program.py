"""program.json: the program that trains, as its files stood when recording began.

What a loss, a mask or a split does wrong stands in no setting; it stands in the code, and yesterday's code is seldom
kept. With it, a run that went wrong can be held against one that was fine, line by line (`newllm doctor --against`).

Kept are the modules that are loaded from the directory of the program (its git repository, if it lies in one), the
cells of a notebook, and of the files that they or the command line name those that are settings; of data files the
size and a checksum. Never what is installed, what lies elsewhere, or a file whose name says that it holds a secret.
Limit: a module that is loaded after recording has begun is not kept.
"""

import ast
import contextlib
import hashlib
import os
import platform
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from newllm.checksum import read_checked, write_checked
from newllm.files import make_directory
from newllm.trace.program import PROGRAM, SET_ASIDE

MOST_FILES, MOST_BYTES, LARGEST = 500, 4 << 20, 1 << 19  # of text: files, bytes in all, of a file
MOST_DATA, MOST_READ = 32, 64 << 20  # data files, bytes that are read of them in all
CELLS = "notebook.py"
_SETTINGS = (".cfg", ".ini", ".json", ".toml", ".yaml", ".yml")
_DATA = (".bin", ".csv", ".jsonl", ".npy", ".npz", ".parquet", ".tsv", ".txt")
_SECRET = re.compile(r"secret|credential|token(?!izer)|passw|api.?key|private", re.IGNORECASE)
_LAZY = frozenset(
    {"accelerate", "datasets", "diffusers", "peft", "transformers", "trl"}
)  # say no version by themselves
_TESTS = frozenset({"test", "tests"})
_LONGEST = 200  # characters of a name in a program that may be a file's
_NEWLLM = str(Path(__file__).resolve().parents[1]) + os.sep
_INSTALLED = tuple(
    str(Path(path).resolve()) + os.sep
    for name, path in sysconfig.get_paths().items()
    if name not in ("data", "include")
)


def keep_program(out: Path, resumed_at: int | None = None) -> None:
    """Write the program that calls into a recording; nothing where it is not a file's or a notebook's.

    Args:
        out: directory of the recording.
        resumed_at: step at which it is resumed: a program that was another until then is set aside.

    Raises:
        UserError: there is no room.
    """
    content = the_program(sys._getframe())
    if content is None:
        return
    path = out / PROGRAM
    if resumed_at is not None and path.exists():
        try:
            earlier = read_checked(path)
        except (OSError, ValueError):  # damaged: it says nothing
            earlier = {}
        if earlier.get("files") != content["files"] or earlier.get("arguments") != content["arguments"]:
            make_directory(out / SET_ASIDE)
            path.replace(out / SET_ASIDE / f"program-before-step-{resumed_at + 1}.json")
    write_checked(path, content, durable=False)


def the_program(frame: FrameType | None) -> dict[str, Any] | None:
    """Return the program of a call: its files by name, its command line and its directory; None without any.

    Args:
        frame: of the call, or of one that it makes.
    """
    main = sys.modules.get("__main__")
    cells, begun = _cells(main), _entry(main, frame)
    if cells is None and begun is None:
        return None
    entry = begun or Path.cwd() / CELLS
    root = _root(entry, main)
    files = {CELLS: cells} if cells is not None else {}
    sources, left_out = _sources(entry, root, exists=begun is not None)
    texts, too_many = _texts(sources, root, MOST_BYTES - sum(map(len, files.values())))
    files |= texts
    arguments = [*_without_secrets(sys.argv[1:])] if cells is None else []
    named = sorted(_named([*files.values()], arguments))
    settings, data = _found(named, {entry.parent, Path.cwd()}, root)
    files |= settings
    return {
        "schema": 1,
        "main": _name(entry, root) if begun is not None else CELLS,
        "module": _module(main),
        "arguments": arguments,
        "directory": str(Path.cwd()),
        "root": str(root),
        "files": files,
        "data": data,
        "versions": dict(_versions()),
        "left_out": left_out + too_many,
    }


def _cells(main: ModuleType | None) -> str | None:
    """Return the cells of a notebook as far as they have run; None outside of one."""
    cells = getattr(main, "In", None)
    if "IPython" not in sys.modules or not isinstance(cells, list):
        return None
    return "\n\n".join(str(cell) for cell in cells if cell)


def _without_secrets(arguments: Iterable[str]) -> Iterator[str]:
    """Yield the words of a command line; in place of what an option of a secret is given, "..."."""
    hidden = False
    for one in map(str, arguments):
        name, equals, _ = one.partition("=")
        yield f"{name}=..." if equals and _SECRET.search(name) else "..." if hidden and not one.startswith("-") else one
        hidden = one.startswith("-") and not equals and bool(_SECRET.search(name))


def _versions() -> Iterator[tuple[str, str]]:
    """Yield the versions of Python and of the packages that are loaded, by name."""
    yield "python", platform.python_version()
    for name, module in sorted(sys.modules.items()):
        if "." in name or name.startswith("_") or name in sys.stdlib_module_names or not isinstance(module, ModuleType):
            continue
        version = vars(module).get("__version__")
        if version is None and name in _LAZY:
            with contextlib.suppress(PackageNotFoundError):
                version = package_version(name)
        if isinstance(version, str):
            yield name, str(version)[:_LONGEST]


def _entry(main: ModuleType | None, frame: FrameType | None) -> Path | None:
    """Return the file of the program: what Python was started with, else the nearest caller that is not installed."""
    files = [getattr(main, "__file__", None)]
    while frame is not None:
        files.append(frame.f_code.co_filename)
        frame = frame.f_back
    return next((path for file in files if (path := _own(file)) is not None), None)


def _own(file: object) -> Path | None:
    """Return a file of Python code as a path; None of what is installed, of newllm, and where there is none."""
    if not isinstance(file, str) or not file.endswith(".py") or _is_installed(file):
        return None
    path = Path(file).resolve()
    return path if path.is_file() and not _is_installed(str(path)) else None


def _is_installed(file: str) -> bool:
    return "site-packages" in file or "dist-packages" in file or file.startswith((_NEWLLM, *_INSTALLED))


def _root(entry: Path, main: ModuleType | None) -> Path:
    """Return the directory below which modules belong to the program."""
    for parent in entry.parents:
        if (parent / ".git").exists():
            return parent
    module = _module(main)
    return entry.parents[min(module.count("."), len(entry.parents) - 1)] if module else entry.parent


def _module(main: ModuleType | None) -> str | None:
    """Return the name by which `python -m` started the program; None where it was a file."""
    spec = getattr(main, "__spec__", None)
    return spec.name if spec is not None and _own(getattr(main, "__file__", None)) is not None else None


def _sources(entry: Path, root: Path, *, exists: bool) -> tuple[list[Path], int]:
    """Return the files of the program, its own first, and how many more there are."""
    found = set()
    for module in [*sys.modules.values()]:
        path = _own(getattr(module, "__file__", None))
        if path is not None and path.is_relative_to(root) and not _TESTS & {*path.relative_to(root).parts[:-1]}:
            found.add(path)
    ordered = [*([entry] if exists else []), *sorted(found - {entry})]
    return ordered[:MOST_FILES], max(0, len(ordered) - MOST_FILES)


def _texts(paths: Iterable[Path], root: Path, room: int) -> tuple[dict[str, str], int]:
    """Return what files hold by name, as far as there is room, and how many are left out."""
    found, left_out = {}, 0
    for path in paths:
        text = _text(path)
        if text is None or len(text) > room:
            left_out += 1
            continue
        room -= len(text)
        found[_name(path, root)] = text
    return found, left_out


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if path.stat().st_size <= LARGEST else None
    except (OSError, UnicodeDecodeError):
        return None


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _named(texts: Iterable[str], arguments: Iterable[str]) -> set[str]:
    """Return the last parts of names in a program that may be files': text in its code, words of its command line."""
    words = {part for one in arguments for part in (one, one.partition("=")[2])}
    for text in texts:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):  # of a notebook, say, with magics
            continue
        words |= {one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    names = {word.replace("\\", "/").rpartition("/")[2] for word in words if len(word) <= _LONGEST}
    return {name for name in names if name.lower().endswith((*_SETTINGS, *_DATA)) and not _SECRET.search(name)}


def _found(names: Iterable[str], directories: Iterable[Path], root: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """Return what the files of these names hold, if they are settings, and else their size and checksum."""
    wanted, settings, data, read = set(names), {}, {}, 0
    for path in _below(directories):
        name = _name(path, root)
        if path.name not in wanted or name in settings or name in data:
            continue
        text = _text(path) if path.name.lower().endswith(_SETTINGS) else None
        if text is not None:
            settings[name] = text
            continue
        size = path.stat().st_size
        if len(data) < MOST_DATA and read + size <= MOST_READ:
            read += size
            data[name] = {"bytes": size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return settings, data


def _below(directories: Iterable[Path], deepest: int = 2, most: int = 2000) -> Iterator[Path]:
    """Yield files in directories and in those below, down to a depth; hidden ones and recordings are passed over."""
    for directory in sorted(directories):
        for place, folders, files in os.walk(directory):
            depth = len(Path(place).relative_to(directory).parts)
            is_recording = "recording.json" in files or "trace.jsonl" in files
            folders[:] = sorted(one for one in folders if not one.startswith((".", "__")) and depth < deepest)
            for file in [] if is_recording else sorted(files):
                path = Path(place) / file
                if (most := most - 1) < 0:
                    return
                if path.is_file():
                    yield path.resolve()
