"""Where texts come from: files, directories, globs, standard input and the bundled texts.

Everything is read into memory at once. A mistake is one `UserError` that quotes the name as it was given.
"""

import difflib
import glob
import itertools
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from newllm.data.compression import decompress, split_suffix
from newllm.data.documents import Document, clean_text, parse_json_lines
from newllm.data.huggingface import PREFIX, is_dataset, lasting_name, read_dataset
from newllm.data.tables import TABLES, column_documents, split_column, text_column
from newllm.errors import UserError, unknown_name

# Thirty sentences each, with the founding document's counts. A study uses all of them, or says which.
SENTENCE_SETS = ("sentences", *(f"sentences-{name}" for name in ("sea", "city", "forest", "school", "house")))
BUNDLED = {"moby-dick": "moby-dick.txt.xz", **{name: f"{name}.txt" for name in (*SENTENCE_SETS, "sentences-more")}}

_PREFIX = "bundled:"
_STANDARD_INPUT = "-"
_GLOB_CHARACTERS = frozenset("*?[")
# What a directory is searched for. A file that is named itself may have any suffix.
_TEXT_SUFFIXES = frozenset(
    f".{suffix}"
    for group in (
        ("txt", "text", "md", "markdown", "rst", "org", "tex", "log", "jsonl", "json", "csv", "tsv"),
        ("html", "xml", "yaml", "yml", "toml", "ini", "cfg", "css", "sql", "sh", "py", "c", "h", "cc"),
        ("cpp", "hpp", "java", "js", "ts", "go", "rs", "rb", "lua", "r", "jl", "hs", "ml", "kt", "swift"),
    )
    for suffix in group
)


def read_documents(
    texts: Iterable[str | os.PathLike[str]],
    field: str = "text",
    errors: str = "strict",
    seen: set[Path] | None = None,
) -> list[Document]:
    """Read every text that is named, in the order given; a file that is met twice is read once.

    Args:
        texts: files, directories (searched recursively for text suffixes, hidden names left out), globs,
            "-" for standard input, "bundled:NAME", "hf:NAME[:SPLIT[:COLUMN]]" (see `huggingface`). `.gz`, `.xz`
            and `.zst` are decompressed; a `.jsonl` gives one document a record, and `FILE.csv#COLUMN` one a row.
            The run directories that a search meets are left out, or a run would read what it writes.
        field: the text's field in a JSONL record.
        errors: what invalid UTF-8 does: "strict" or "replace".
        seen: resolved paths of files to leave out; those that are read are added.

    Returns:
        At least one document. Empty files inside a directory or a glob are left out.

    Raises:
        UserError: a name that leads to no readable, non-empty text.
    """
    documents: list[Document] = []
    seen = set() if seen is None else seen
    names = [os.fspath(text) for text in texts]
    if not names:
        raise UserError("no text given: name a file, a directory, '-' for standard input, or 'bundled:moby-dick'")
    for text in names:
        _check_name(text)
        if text == _STANDARD_INPUT:
            documents += _parse(text, sys.stdin.buffer.read(), "", field, errors) or _refuse_empty(text)
            continue
        if is_dataset(text):
            read = read_dataset(text) or _refuse_empty(text)
            key = Path(lasting_name(read[0].name))  # which has the split and the column, also where none was given
            documents += [] if key in seen else read
            seen.add(key)
            continue
        place, column = split_column(text)
        files = _unseen(_find_files(place), seen)
        if column is not None:
            read = [one for name, path in files for one in _read_column(name, path, column, errors)]
        else:
            read = [document for name, path in files for document in _read_file(name, path, field, errors)]
        documents += read if read or not files else _refuse_empty(text)
    if not documents:  # all of them were in `seen`
        raise UserError(
            f"{names[0]!r} and every other text is in data.validation too: give texts to train on, or drop it there"
        )
    return documents


def offer_columns(texts: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse tables that hold texts in a column, and say how to train on that: nobody means the commas.

    Asked of what a new run is given; a run that was begun on such a file goes on with it.

    Raises:
        UserError: a CSV has a column of texts and none was named; or a name leads nowhere.
    """
    for text in [os.fspath(text) for text in texts]:
        _check_name(text)
        if text == _STANDARD_INPUT or is_dataset(text) or split_column(text)[1] is not None:
            continue
        for name, path in _find_files(text):
            kind, compression = split_suffix(path.name)
            if kind not in TABLES:
                continue
            found = text_column(clean_text(name, decompress(name, _bytes_of(name, path), compression), "replace"))
            if found is not None:
                column, columns = found
                shown = ", ".join(map(repr, columns[:20]))
                raise UserError(
                    f"{name!r} is a CSV with a text column {column!r} (columns: {shown}): give {f'{name}#{column}'!r} "
                    f"to train on that, or pipe the file in to train on all of it: - < {name}"
                )


def _check_name(name: str) -> None:
    """Refuse a name that no file of ours could hold: config.toml and data.json are UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"file name {name!a} is not valid UTF-8: rename it") from error


def _unseen(files: list[tuple[str, Path]], seen: set[Path]) -> list[tuple[str, Path]]:
    """Return the files that are not yet in `seen`, and put them there: text read twice would leak."""
    new = []
    for name, path in files:
        _check_name(name)
        if path.resolve() not in seen:
            seen.add(path.resolve())
            new.append((name, path))
    return new


def _find_files(text: str) -> list[tuple[str, Path]]:
    """Return the files behind one name, each with the name to show for it."""
    if text.startswith(_PREFIX):
        name = text.removeprefix(_PREFIX)
        if name not in BUNDLED:
            raise unknown_name("bundled text", name, BUNDLED)
        return [(text, Path(__file__).parent / "bundled" / BUNDLED[name])]
    try:
        return _search_disk(text, Path(text))
    except OSError as error:  # a directory that may not be entered, a name that is too long
        raise _unreadable(text, error) from error


def _search_disk(text: str, path: Path) -> list[tuple[str, Path]]:
    if path.is_dir():
        return _search_directory(text, path)
    if path.is_file():
        return [(text, path)]
    if path.exists():
        raise UserError(f"{text!r} is not a regular file: pipe its text in and name '-' instead")
    if _GLOB_CHARACTERS.intersection(text):
        return _match_glob(text, path)
    raise _missing(text, path)


def _search_directory(text: str, directory: Path) -> list[tuple[str, Path]]:
    def refuse(error: OSError) -> None:
        raise error

    if _is_run(directory):
        raise UserError(f"directory {text!r} is a run of newllm: name the texts in it one by one")
    found = []
    for root, folders, files in os.walk(directory, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".") and not _is_run(Path(root) / name)]
        visible = [file for file in files if not file.startswith(".")]
        found += [Path(root) / file for file in visible if split_suffix(file)[0] in _TEXT_SUFFIXES]
    regular = [path for path in sorted(found) if path.is_file()]
    if not regular:
        raise UserError(f"directory {text!r} holds no text file (.txt, .md, .jsonl, .py ...): name its files instead")
    return [(str(path), path) for path in regular]


def _is_run(directory: Path) -> bool:
    """Say whether `newllm train` made a directory, or is making it: its files are no texts, and they change."""
    if (directory / "config.toml").is_file():
        return any((directory / name).exists() for name in (".lock", "snapshots", "trace.jsonl", "summary.json"))
    # What a start writes before config.toml: the run itself, which is about to read its texts, holds that.
    begun = ("summary.json", "standard-input.txt", "tokenizer.json", "data.json")
    return (directory / ".lock").exists() and any((directory / name).exists() for name in begun)


def _match_glob(text: str, pattern: Path) -> list[tuple[str, Path]]:
    matches = sorted(glob.glob(str(pattern), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    files = [Path(match) for match in matches if Path(match).is_file()]
    if not files:
        raise UserError(f"pattern {text!r} matches no file: check it with ls")
    searched = {folder for file in files for folder in file.parents if len(folder.parts) > _named_parts(pattern)}
    runs = {folder for folder in searched if _is_run(folder)}
    found = [(str(file), file) for file in files if runs.isdisjoint(file.parents)]
    if not found:
        raise UserError(f"pattern {text!r} matches only files in runs of newllm: name them one by one")
    return found


def _named_parts(pattern: Path) -> int:
    """Return how many parts at a pattern's beginning are names, without glob characters."""
    return len(list(itertools.takewhile(lambda part: not _GLOB_CHARACTERS.intersection(part), pattern.parts)))


def _read_file(name: str, path: Path, field: str, errors: str) -> list[Document]:
    return _parse(name, _bytes_of(name, path), path.name, field, errors)


def _read_column(name: str, path: Path, column: str, errors: str) -> list[Document]:
    text = clean_text(name, decompress(name, _bytes_of(name, path), split_suffix(path.name)[1]), errors)
    return column_documents(f"{name}#{column}", text, column)


def _bytes_of(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(name, error) from error


def _parse(name: str, raw: bytes, file_name: str, field: str, errors: str) -> list[Document]:
    if not raw:
        return []
    kind, compression = split_suffix(file_name)
    if kind in (".parquet", ".arrow"):
        raise UserError(f"{name!r} is a table of texts, and no text: give {f'{PREFIX}{name}'!r}")
    text = clean_text(name, decompress(name, raw, compression), errors)
    if kind == ".jsonl":
        return parse_json_lines(name, text, field, errors)
    return [Document(name, text)] if text else []


def _refuse_empty(text: str) -> list[Document]:
    shown = "standard input ('-')" if text == _STANDARD_INPUT else repr(text)
    raise UserError(f"{shown} is empty: give a source that holds text")


def _unreadable(text: str, error: OSError) -> UserError:
    shown = text if len(text) <= 100 else text[:100] + "..."
    return UserError(f"cannot read {shown!r} ({error.strerror}): name a file that you may read")


def _missing(text: str, path: Path) -> UserError:
    if not path.parent.is_dir():
        return UserError(f"no file {text!r}: the directory {str(path.parent)!r} does not exist")
    names = sorted(child.name for child in path.parent.iterdir())
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.4)
    hint = f"did you mean {str(path.parent / near[0])!r}?" if near else "check the name"
    return UserError(f"no file {text!r}: {hint}")
