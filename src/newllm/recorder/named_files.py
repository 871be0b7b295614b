"""The files of settings and data that a program names, in its code or on its command line."""

import ast
import contextlib
import fnmatch
import itertools
import os
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from newllm.checksum import data_checksum

LARGEST_READ = 1 << 16  # bytes of a file of code that is searched for names of files
MOST_NAMED, LARGEST_SETTINGS = 200, 1 << 16  # files that are named, bytes of one that holds settings
MOST_OF_FOLDER = 20  # data files of a folder that is named
MOST_LISTED = 2000  # files, among which one that is named without its folder is looked for
FEW_OF_A_NAME = 3  # files of settings that are called alike: of more it is not known which is meant
_SETTINGS = (".cfg", ".ini", ".json", ".toml", ".yaml", ".yml")
_DATA = (
    ".arrow", ".bin", ".bz2", ".csv", ".gz", ".h5", ".hdf5", ".jsonl", ".npy", ".npz", ".parquet", ".pickle", ".pkl",
    ".tar", ".tsv", ".txt", ".xz", ".zip", ".zst",
)  # fmt: skip
_TENSORS = (".pt", ".pth", ".safetensors")
_OF_DATA = re.compile(
    r"(^|[^a-z])(train(ing)?|tests?|val|valid(ation)?|dev|data(set)?s?|splits?|inputs?|targets?|labels?|images?|"
    r"features?|tokens|texts?|samples|examples|processed|prepared|[xy])($|[^a-z])",
    re.IGNORECASE,
)
_OF_A_MODEL = re.compile(r"model|net|ckpt|checkpoint|weights|state|optim|best|last|final|epoch|step", re.IGNORECASE)
"""Tensors are data, or what a program has learnt, which is another after each training: their names tell."""
SECRET = re.compile(
    r"secret|credential|passw|pwd|service.?account|api.?key|private.?key"
    r"|(^|[-_./])(?<!pad.)(?<!eos.)(?<!bos.)(?<!cls.)(?<!sep.)(?<!unk.)(?<!mask.)(token|auth|keys?)([-_./=]|$)",
    re.IGNORECASE,
)
_FOLDERS = ("conf", "config", "configs", "cfg", "cfgs", "settings", "data", "dataset", "datasets")
"""Folders in which a file lies that is named without its folder."""
_WRITTEN = frozenset({
    "checkpoint", "checkpoints", "ckpt", "lightning_logs", "log", "logs", "mlruns", "multirun", "out", "output",
    "outputs", "results", "runs", "save", "saved", "tensorboard", "wandb",
})  # fmt: skip
_PASSED_OVER = _WRITTEN | {"__pycache__", "node_modules", "site-packages", "venv"}
_RESULTS = re.compile(
    r"(^|[^a-z])(results?|metrics?|history|summary|predictions?|logs?|loss(es)?|stats?|scores?|progress|state)($|[^a-z])",
    re.IGNORECASE,
)
"""Folders and names of what a program writes."""
MOST_SCRIPTS = 40  # beside a program that are read
_WRITER = re.compile(
    r"save(z|txt|_file|_to_disk|z_compressed)?|dump.*|to(file|_csv|_json|_parquet|_pickle|_feather)|write.*|memmap"
)
"""Methods and functions that write data."""
_WORD = re.compile(r"[\w./\\-]+")
_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_LONGEST = 200  # characters of a name in a program that may be a file's


def name_in(path: Path, root: Path) -> str:
    """Return the name of a file within a directory; all of its path where it lies elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def text_of(path: Path, largest: int) -> str | None:
    """Return what a file holds, code as it says that it is encoded; None where it is too large or no text."""
    try:
        if path.stat().st_size > largest:
            return None
        if path.suffix == ".py":
            with tokenize.open(path) as file:
                return file.read()
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, SyntaxError):
        return None


def named_in(texts: Iterable[str], arguments: Iterable[str]) -> list[str]:
    """Return what may name a file of settings or data, or a folder of data: text in code, words of a command line."""
    given = [*arguments]
    words = {part for one in given for part in (one, one.partition("=")[2])} | set(_of_hydra(given))
    for text in texts:
        if len(text) <= LARGEST_READ:
            words |= _strings(text)
    return sorted(filter(_may_name, words))


def named_in_settings(texts: Iterable[str]) -> list[str]:
    """Return what may name a file or a folder of data in files of settings."""
    return sorted(filter(_may_name, {word for text in texts for word in _WORD.findall(text)}))


def _may_name(word: str) -> bool:
    is_file = word.lower().endswith((*_SETTINGS, *_DATA, *_TENSORS))
    return len(word) <= _LONGEST and (is_file or bool(_WORD.fullmatch(word) and _OF_DATA.search(word)))


def _of_hydra(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the files that a command line names for hydra: `--config-name big`, and `model=big` of a group."""
    for at, one in enumerate(arguments):
        option, equals, value = one.partition("=")
        if option in ("--config-name", "-cn"):
            yield f"{value if equals else ''.join(arguments[at + 1 : at + 2])}.yaml"
        elif equals and not option.startswith("-") and _NAME.fullmatch(value):
            yield from (f"{folder}/{option.lstrip('+')}/{value}.yaml" for folder in _FOLDERS[:3])


def _strings(code: str) -> set[str]:
    """Return the texts in code; of `config_name`, as hydra has it, the name of its file."""
    try:
        tree = ast.parse(code)
    except Exception:  # of a notebook with magics, say: there is no more to be read off it
        return set()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        elif isinstance(node, ast.keyword) and node.arg == "config_name" and isinstance(node.value, ast.Constant):
            found.add(f"{node.value.value}.yaml")
        elif isinstance(node, ast.JoinedStr):  # f"part{number}.npz"
            parts = [one.value if isinstance(one, ast.Constant) else "*" for one in node.values]
            found.add("".join(map(str, parts)))
    return found


def named_files(
    words: Iterable[str], directories: Iterable[Path], root: Path, room: int
) -> tuple[dict[str, str], dict[str, Any]]:
    """Return what the named files hold, if they are settings, and else their size and checksum."""
    settings: dict[str, str] = {}
    data: dict[str, Any] = {}
    for path in list(dict.fromkeys(_files(words, directories, root)))[:MOST_NAMED]:
        name = name_in(path, root)
        is_result = _RESULTS.search(path.stem) or _WRITTEN & {*Path(name).parts[:-1]}
        is_result = is_result or (path.suffix.lower() in _TENSORS and not _are_data(path.stem))
        if is_result or SECRET.search(name):
            continue
        text = text_of(path, LARGEST_SETTINGS) if path.name.lower().endswith(_SETTINGS) else None
        if text is not None and len(text) <= room:
            settings[name], room = text, room - len(text)
        elif (known := data_checksum(path)) is not None:
            data[name] = {"bytes": known[0], "sha256": known[1]}
    return settings, data


def _are_data(stem: str) -> bool:
    """Whether the name of a file of tensors says that they are data."""
    return bool(_OF_DATA.search(stem)) and not _OF_A_MODEL.search(stem)


def _files(words: Iterable[str], directories: Iterable[Path], root: Path) -> Iterator[Path]:
    """Yield the files that words name, in some directories or in a folder there that is called after such files.

    A bare name may lie deeper, as code puts the path together: in such a folder, or, of settings, below the root where
    few have it. "*" stands for what a name is made of.
    """
    places = [*directories]
    below = _files_below([place / folder for place in places for folder in _FOLDERS])
    all_below: list[Path] | None = None
    for word in words:
        found = [path for place in places for path in _matching(place, word)]
        if "/" not in word and "\\" not in word:
            found = found or [path for path in below if fnmatch.fnmatchcase(path.name, word)]
            if not found and word.lower().endswith(_SETTINGS) and "*" not in word:
                all_below = _files_below([root]) if all_below is None else all_below
                same = [path for path in all_below if path.name == word]
                found = same if len(same) <= FEW_OF_A_NAME else []
        yield from (path.resolve() for path in found[:MOST_NAMED])


def _matching(place: Path, word: str) -> Iterator[Path]:
    """Yield the files of a name, or of a pattern, that are there."""
    path = place / word
    with contextlib.suppress(OSError, ValueError):  # a name that can be none
        if "*" not in word:
            yield from [path] if path.is_file() else _data_below(path) if path.is_dir() else []
        elif "*" not in str(path.parent):
            with os.scandir(path.parent) as entries:
                listed = itertools.islice(entries, MOST_LISTED)
                found = [one.path for one in listed if fnmatch.fnmatchcase(one.name, path.name) and one.is_file()]
            yield from map(Path, sorted(found))


def _data_below(folder: Path) -> list[Path]:
    """Return the data files in a folder and below, of many the first; of one in which a program writes none."""
    if _PASSED_OVER & {*folder.parts}:
        return []
    return sorted(one for one in _files_below([folder]) if one.suffix.lower() in _DATA)[:MOST_OF_FOLDER]


def _files_below(folders: Iterable[Path]) -> list[Path]:
    """Return the first files in folders and below: of a million images in one folder no more are looked at."""
    return [Path(one.path) for one in itertools.islice(_walk(folders), MOST_LISTED)]


def _walk(folders: Iterable[Path]) -> Iterator[os.DirEntry[str]]:
    waiting = [*map(os.fspath, folders)]
    while waiting:
        inner = []
        with contextlib.suppress(OSError), os.scandir(waiting.pop(0)) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    inner += [] if entry.name.startswith(".") or entry.name in _PASSED_OVER else [entry.path]
                elif entry.is_file():
                    yield entry
        waiting += sorted(inner)


def preparing(data: Iterable[str], folders: Iterable[Path]) -> Iterator[Path]:
    """Yield the scripts in folders that name a data file and write something, as one does that has prepared it."""
    names = [Path(one).name for one in data]
    scripts = (path for folder in folders for path in _matching(folder, "*.py"))
    for path in itertools.islice(scripts, MOST_SCRIPTS if names else 0):
        text = text_of(path, LARGEST_READ) or ""
        written = [Path(one).name for one in named_in([text], ())]
        if any(fnmatch.fnmatchcase(name, one) for name in names for one in written) and _writes(text):
            yield path


def _writes(code: str) -> bool:
    calls = (one for one in ast.walk(ast.parse(code)) if isinstance(one, ast.Call))
    names = (one.func.attr if isinstance(one.func, ast.Attribute) else getattr(one.func, "id", "") for one in calls)
    return any(map(_WRITER.fullmatch, names))
