"""`newllm report --zip`: write the file, and say what is in it before anybody shares it."""

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from newllm.cli.doctor import intent_of
from newllm.cli.page_file import check_free
from newllm.cli.unread import print_problems
from newllm.demo import shown
from newllm.diagnosis.intent import Intent
from newllm.diagnosis.roles import chosen_columns
from newllm.errors import UserError
from newllm.files import write_bytes
from newllm.messages import Catalogue
from newllm.report.pack import MARK, Packed, pack
from newllm.report.source import Source, read_source
from newllm.report.source.study import is_study
from newllm.words.numbers import file_size
from newllm.words.plain import plain

SCHEMA = 1


def write_zip(arguments: argparse.Namespace, words: Catalogue) -> int:
    """Pack the runs that the arguments name, and say what was packed."""
    given = intent_of(arguments)
    chosen, roles = chosen_columns(arguments.loss, arguments.step, given["roles"])
    if chosen:
        raise UserError(f"{chosen.options}: --zip packs runs, whose signals need no names")
    for path in filter(is_study, arguments.runs):
        raise UserError(f"'{shown(Path(path))}' is a study, which --zip does not pack: name runs of it")
    if arguments.out is not None:
        _check_free(arguments.out)
    intent = Intent(given["kind"], roles, given["notes"])

    def read(place: Path) -> Source:
        return read_source(place, intent=intent)

    packed = pack([Path(path) for path in arguments.runs], read, words)
    path = arguments.out or Path(f"{packed.name}.newllm.zip")
    _check_free(path)
    write_bytes(path, packed.content)
    _print(path, packed, arguments, words)
    return 0


def _check_free(path: Path) -> None:
    check_free(path, MARK, "report --zip", "--out", what="file")


def _print(path: Path, packed: Packed, arguments: argparse.Namespace, words: Catalogue) -> None:
    if arguments.json:
        read = [
            {"run": os.fspath(run), "problems": [str(problem.sentence) for problem in problems]}
            for run, problems in zip(arguments.runs, packed.problems, strict=True)
        ]
        files = [{"file": name, "bytes": size} for name, size in packed.files.items()]
        told = {"zip": os.fspath(path), "bytes": len(packed.content), "files": files, "texts": list(packed.texts)}
        print(json.dumps({"schema": SCHEMA, **told, "runs": read}))
        return
    if arguments.quiet:
        return
    for run, problems in zip(arguments.runs, packed.problems, strict=True):
        print_problems(run, [problem.sentence for problem in problems], words)
    print(words("page-written", file=plain(path), size=file_size(len(packed.content))))
    for name, size in _listed(packed, words):
        print(f"  {file_size(size):>9}  {plain(name)}")
    print(words("zip-left_out"))
    if packed.texts:
        print(words("zip-texts", files=words("list").join(map(plain, packed.texts))))
    print(words("zip-paths"))


def _listed(packed: Packed, words: Catalogue) -> Iterator[tuple[str, int]]:
    """Yield each file with its size; of folders, which may hold thousands, what they come to."""
    sizes, counts = Counter[str](), Counter[str]()
    for name, size in packed.files.items():
        parts = name.split("/")
        at = next((at for at, part in enumerate(parts) if part in ("replays", "ranks")), None)
        shown = name if at is None else "/".join([*parts[: at + 1], ""])
        sizes[shown] += size
        counts[shown] += 1
    for name, size in sizes.items():
        yield words("zip-folder", folder=name, count=counts[name]) if name.endswith("/") else name, size
