"""program.json: the program that trains, as its files stood when recording began.

What a loss, a mask or a split does wrong stands in no setting; it stands in the code, and yesterday's code is seldom
kept. With it, a run that went wrong can be held against one that was fine, line by line (`newllm doctor --against`).

Kept are the modules that are loaded from the directory of the program (its git repository, or the project that it
belongs to), the cells of a notebook, and of the files that they or the command line name those that are settings; of
data files the size and a checksum, and scripts beside that have written them. Never what is installed, or a file whose
name says that it holds a secret. Limits: a module that is loaded after the first step is not kept, nor a file whose
name is put together.
"""

import contextlib
import os
import platform
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from newllm.checksum import read_checked, write_checked
from newllm.files import make_directory
from newllm.recorder.named_files import SECRET, name_in, named_files, named_in, named_in_settings, preparing, text_of
from newllm.trace.program import PROGRAM, SET_ASIDE

_RECORDINGS: list[Path] = []  # of this process, in their order
MOST_FILES, MOST_BYTES, LARGEST = 500, 4 << 20, 1 << 19  # of text: files, bytes in all, of a file
CELLS = "notebook.py"
_USER = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_LAZY = frozenset({"accelerate", "datasets", "diffusers", "peft", "transformers", "trl"})  # say none by themselves
_TESTS = frozenset({"test", "tests"})
_REPOSITORY, _PROJECT = (".git", ".hg"), ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
_LONGEST = 200  # characters of a version
_LONGEST_SCRIPT = 4096  # bytes
_NEWLLM = str(Path(__file__).resolve().parents[1]) + os.sep
_OF_NO_CODE = ("data", "include")  # the first is the prefix itself, which may be /usr
_INSTALLED = tuple(
    str(Path(path).resolve()) + os.sep for name, path in sysconfig.get_paths().items() if name not in _OF_NO_CODE
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
    if out not in _RECORDINGS:
        _RECORDINGS.append(out)
    content |= {"out": str(out.absolute()), "nth": _RECORDINGS.index(out) + 1}
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


def keep_rest_of_program(out: Path) -> None:
    """Write what has been added to a program until its first step: modules, and cells of a notebook.

    Args:
        out: directory of the recording.

    Raises:
        UserError: there is no room.
        OSError, ValueError: what was kept is gone or damaged.
    """
    content = the_program(sys._getframe())
    if content is None or not (out / PROGRAM).exists():
        return
    kept = read_checked(out / PROGRAM)
    if not content["files"].keys() - kept["files"].keys() and content["files"].get(CELLS) == kept["files"].get(CELLS):
        return
    # A file that is kept stays as it was when it was loaded: an editor may have saved it since.
    files = content["files"] | {name: text for name, text in kept["files"].items() if name != CELLS}
    added = {"files": files, "data": content["data"] | kept["data"], "versions": content["versions"] | kept["versions"]}
    write_checked(out / PROGRAM, kept | added | {"left_out": content["left_out"]}, durable=False)


def the_program(frame: FrameType | None) -> dict[str, Any] | None:
    """Return the program of a call: its files by name, its command line and its directory; None without any.

    Args:
        frame: of the call, or of one that it makes.
    """
    main = sys.modules.get("__main__")
    cells, begun = _cells(main), _entry(main, frame)
    if cells is None and begun is None:
        return None
    place = _working_directory()
    entry = begun or place / CELLS
    root = _root(entry, main)
    files = {CELLS: cells} if cells is not None else {}
    sources, left_out = _sources(entry, root, exists=begun is not None)
    texts, too_many = _texts(sources, root, MOST_BYTES - sum(map(len, files.values())))
    files |= texts
    arguments = _arguments(main) if cells is None else []
    room = MOST_BYTES - sum(map(len, files.values()))
    places = (place, entry.parent, root)
    settings, data = named_files(named_in([*files.values()], arguments), places, root, room)
    data |= named_files(named_in_settings(settings.values()), places, root, 0)[1]
    files |= {name: text for name, text in settings.items() if not str(root / name).startswith(_NEWLLM)}
    beside = (entry.parent, *((root / name).parent for name in (*data, *files)))
    folders = [one for one in beside if one.is_relative_to(root)]
    scripts = [path for path in preparing(data, dict.fromkeys(folders)) if _is_kept(path, root, files)]
    files |= _texts(scripts, root, MOST_BYTES - sum(map(len, files.values())))[0]
    return {
        "schema": 1,
        "main": name_in(entry, root) if begun is not None else CELLS,
        "module": _module(main),
        "script": None if cells is not None else _script(main),
        "processes": _launched(),
        "executable": sys.executable,
        "arguments": [*_without_secrets(arguments)],
        "directory": str(place),
        "root": str(root),
        "files": files,
        "data": data,
        "versions": dict(_versions()),
        "left_out": left_out + too_many,
    }


def _is_kept(path: Path, root: Path, files: Mapping[str, str]) -> bool:
    """Whether a script belongs to the program, and is not kept already."""
    name = name_in(path, root)
    return name not in files and not SECRET.search(name) and not _is_installed(str(path))


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError:  # removed
        return Path(os.sep)


def _cells(main: ModuleType | None) -> str | None:
    """Return the cells of a notebook as far as they have run; None outside of one."""
    cells = vars(main).get("In") if main is not None else None
    if "IPython" not in sys.modules or not isinstance(cells, list):
        return None
    return "\n\n".join(str(cell) for cell in cells if cell)


def _arguments(main: ModuleType | None) -> list[str]:
    """Return the words of the command line, those too that the program has taken out of `sys.argv`."""
    file, module = vars(main).get("__file__") if main is not None else None, _module(main)
    given = sys.orig_argv[1:]
    for at, word in enumerate(given):
        if word == module and at and given[at - 1] == "-m":
            return given[at + 1 :]
        with contextlib.suppress(OSError):  # a working directory that was removed
            if isinstance(file, str) and not word.startswith("-") and Path(word).samefile(file):
                return given[at + 1 :]
    return [str(one) for one in sys.argv[1:]]


def _without_secrets(arguments: Iterable[str]) -> Iterator[str]:
    """Yield the words of a command line; in place of what an option of a secret is given, "..."."""
    hidden = False
    for one in arguments:
        name, equals, _ = one.partition("=")
        is_secret = bool(SECRET.search(name)) and (bool(equals) or one.startswith("-"))
        yield (
            f"{name}=..."
            if equals and is_secret
            else "..."
            if hidden and not one.startswith("--")
            else _USER.sub("...", one)
        )
        hidden = is_secret and not equals


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
    files = [vars(main).get("__file__") if main is not None else None]
    while frame is not None:
        files.append(frame.f_code.co_filename)
        frame = frame.f_back
    return next((path for file in files if (path := _own(file)) is not None), None)


def _script(main: ModuleType | None) -> str | None:
    """Return the script that an installation made to start a program (an entry point); None outside of one."""
    file = vars(main).get("__file__") if main is not None else None
    if not isinstance(file, str) or file.endswith(".py"):
        return None
    try:
        text = Path(file).read_bytes()[: _LONGEST_SCRIPT + 1].decode()
    except (OSError, UnicodeDecodeError):
        return None
    return text if text.startswith("#!") and "import" in text and len(text) <= _LONGEST_SCRIPT else None


def _launched() -> int:
    """Return how many processes torchrun, or accelerate by it, has started; 1 without it."""
    size = os.environ.get("WORLD_SIZE", "") if "TORCHELASTIC_RUN_ID" in os.environ else ""
    return max(1, int(size)) if size.isdecimal() else 1


def _own(file: object) -> Path | None:
    """Return a file of Python code as a path; None of what is installed, of newllm, and where there is none."""
    if not isinstance(file, str) or not file.endswith(".py") or _is_installed(file):
        return None
    try:
        path = Path(file).resolve()
        return path if path.is_file() and not _is_installed(str(path)) else None
    except OSError:
        return None


def _is_installed(file: str) -> bool:
    return "site-packages" in file or "dist-packages" in file or file.startswith((_NEWLLM, *_INSTALLED))


def _root(entry: Path, main: ModuleType | None) -> Path:
    """Return the directory below which modules belong to the program."""
    module = _module(main)
    begin = entry.parents[min(module.count("."), len(entry.parents) - 1)] if module else entry.parent
    above = [one for one in (begin, *begin.parents) if one not in (Path.home(), Path(os.sep))]
    for marks in (_REPOSITORY, _PROJECT):
        for parent in above:
            if any((parent / name).exists() for name in marks):
                return parent
    return begin


def _module(main: ModuleType | None) -> str | None:
    """Return the name by which `python -m` started the program; None where it was a file."""
    known = vars(main) if main is not None else {}
    spec = known.get("__spec__")
    return spec.name if spec is not None and _own(known.get("__file__")) is not None else None


def _sources(entry: Path, root: Path, *, exists: bool) -> tuple[list[Path], int]:
    """Return the files of the program, its own first, and how many more there are that are not installed."""
    found, elsewhere = set(), set()
    for module in [*sys.modules.values()]:
        path = _own(vars(module).get("__file__")) if isinstance(module, ModuleType) else None
        if path is None:
            continue
        if not path.is_relative_to(root):
            elsewhere.add(path)
        elif not _TESTS & {*path.relative_to(root).parts[:-1]} and not SECRET.search(name_in(path, root)):
            found.add(path)
    ordered = [*([entry] if exists else []), *sorted(found - {entry})]
    return ordered[:MOST_FILES], max(0, len(ordered) - MOST_FILES) + len(elsewhere - {entry})


def _texts(paths: Iterable[Path], root: Path, room: int) -> tuple[dict[str, str], int]:
    """Return what files hold by name, as far as there is room, and how many are left out."""
    found: dict[str, str] = {}
    left_out = 0
    for path in paths:
        text = text_of(path, LARGEST)
        if text is None or len(text) > room:
            left_out += 1
            continue
        room -= len(text)
        found[name_in(path, root)] = text
    return found, left_out
