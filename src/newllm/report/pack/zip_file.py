"""Runs with their report as one zip file, the same bytes for the same runs.

    RUN/README.txt  report.html  config.toml  trace.jsonl ...      one run: unpacked, RUN is a run directory again
    runs/README.txt  report.html  RUN/...  RUN/...                 several: the report compares them

The report is made from the packed files: it shows what whoever gets them can see, and no path of this machine.
"""

import io
import re
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from newllm.diagnosis.run_facts import check_single_run
from newllm.messages import Catalogue
from newllm.report.pack.contents import SAMPLES, check_run, copy_run
from newllm.report.page import report_page
from newllm.report.source import Source
from newllm.trace import Remark
from newllm.trace.readers.text import PACKED_RUN as MARK
from newllm.version import VERSION

_ODD = re.compile(r"[^\w.+=-]+")
_LONGEST = 60  # characters of a name
_README, _PAGE = "README.txt", "report.html"
_BEGINS = 1980  # the first year that a zip file can hold


@dataclass(frozen=True, eq=False)
class Packed:
    """A zip file.

    Attributes:
        name: of the directory in it.
        content: its bytes.
        files: the size of each file in it, unpacked, by its name.
        texts: names of those with text that a model wrote or was given.
        problems: of each run, what could not be read or was left out.
    """

    name: str
    content: bytes
    files: dict[str, int]
    texts: tuple[str, ...]
    problems: tuple[tuple[Remark, ...], ...]


def pack(runs: Sequence[Path], read: Callable[[Path], Source], words: Catalogue) -> Packed:
    """Pack runs.

    Args:
        runs: their directories; nothing in them is changed.
        read: reads what is packed of one, for the report.
        words: the language of the report.

    Raises:
        UserError: one of them is no run of newllm, or cannot be read.
    """
    for run in runs:
        check_single_run(run)
        check_run(run)
    names = _names(runs)
    top = names[0] if len(runs) == 1 else "runs"
    with tempfile.TemporaryDirectory(prefix="newllm-") as directory:
        places = [Path(directory, name) for name in names]
        copied, sources = [], []
        for run, place, name in zip(runs, places, names, strict=True):
            place.mkdir()
            copied.append(copy_run(run, place))
            # By the name that whoever unpacks it has for it.
            sources.append(replace(read(place), path=Path(name), name=name))
        page = report_page(sources, words, programs=False).encode()
        below = [""] if len(runs) == 1 else [f"{name}/" for name in names]
        texts = [f"{at}{SAMPLES}" for at, source in zip(below, sources, strict=True) if source.samples]
        texts += [_PAGE] if texts else []
        entries = [(_README, _readme(names, texts).encode()), (_PAGE, page)]
        entries += [
            (f"{at}{file}", place / file)
            for at, place, one in zip(below, places, copied, strict=True)
            for file in one.names
        ]
        content, files = _zipped([(f"{top}/{name}", what) for name, what in entries])
    problems = tuple((*one.problems, *source.problems) for one, source in zip(copied, sources, strict=True))
    return Packed(top, content, files, tuple(f"{top}/{name}" for name in texts), problems)


def _names(runs: Sequence[Path]) -> list[str]:
    """Return a name for each run that any system can have as a directory's, each another one."""
    names: list[str] = []
    for run in runs:
        stem = _ODD.sub("_", run.resolve().name)[:_LONGEST].strip("._-") or "run"
        taken = [stem, *(f"{stem}-{number}" for number in range(2, len(runs) + 1))]
        names.append(next(name for name in taken if name not in names))
    return names


def _zipped(entries: Sequence[tuple[str, bytes | Path]]) -> tuple[bytes, dict[str, int]]:
    """Return the zip file and the sizes in it. Its times only say what was changed after what."""
    packed, files = io.BytesIO(), dict[str, int]()
    with zipfile.ZipFile(packed, "w") as archive:
        for at, (name, what) in enumerate(entries):
            content = what if isinstance(what, bytes) else what.read_bytes()
            seconds = at * 2  # the smallest step that a zip file has
            time = (_BEGINS, 1, 1, seconds // 3600 % 24, seconds // 60 % 60, seconds % 60)
            entry = zipfile.ZipInfo(name, time)
            entry.external_attr = 0o100644 << 16
            # The first is stored as it is: whoever looks at the first bytes sees what made the file.
            entry.compress_type = zipfile.ZIP_DEFLATED if at else zipfile.ZIP_STORED
            archive.writestr(entry, content, compresslevel=9 if at else None)
            files[name] = len(content)
    return packed.getvalue(), files


def _readme(names: Sequence[str], texts: Sequence[str]) -> str:
    """Return what whoever unpacks it is told; in English, as whoever reads issues is."""
    one = len(names) == 1
    run, whole = (names[0], names[0]) if one else (f"runs/{names[0]}", "runs")
    page = f"{whole}/{_PAGE}"
    about = "what the model wrote, which may repeat text that it was trained on: " + ", ".join(texts)
    lines = [
        f"{MARK} (newllm {VERSION}).",
        "",
        f"Open {page} in a browser. With newllm installed, beside the unpacked directory:",
        f"    newllm doctor {run}",
        f"    newllm report {run if one else ' '.join(f'runs/{name}' for name in names)}",
        f"    newllm ui {whole}",
        "",
        "Not in it: weights, tokenizer, texts; so it cannot be trained, replayed or played with.",
        "Of paths only the last part is left.",
        *([f"It holds {about}"] if texts else []),
    ]
    return "\n".join(lines) + "\n"
