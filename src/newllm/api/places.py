"""Where a run is made and where its texts stand, so that both can be found again."""

import contextlib
import dataclasses
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from newllm.errors import UserError
from newllm.files import write_bytes
from newllm.training.config import RunConfig
from newllm.training.run import RunDirectory


def free_place(texts: Sequence[str]) -> Path:
    """Return `runs/NAME`, or with the first number behind it that is free."""
    name = "standard-input" if texts[0] == "-" else texts[0].removeprefix("bundled:")
    stem = Path(name.rstrip("/")).name.split(".")[0].replace("*", "") or "text"
    place, number = Path("runs") / stem, 1
    while place.exists():
        number += 1
        place = Path("runs") / f"{stem}-{number}"
    return place


@contextlib.contextmanager
def standing_texts(config: RunConfig, run: RunDirectory) -> Iterator[RunConfig]:
    """Yield the configuration with texts that can be read again: absolute paths, standard input kept in the run."""
    made = not run.path.exists()
    kept = run.standard_input
    try:
        texts = tuple(_standing(text, run, kept) for text in config.data.texts)
        validation = tuple(_standing(text, run, kept) for text in config.data.validation)
        yield dataclasses.replace(config, data=dataclasses.replace(config.data, texts=texts, validation=validation))
    except BaseException:
        if not run.config.exists():  # nothing has begun: leave no trace of the attempt
            kept.unlink(missing_ok=True)
            if made:
                shutil.rmtree(run.path, ignore_errors=True)
        raise


def _standing(text: str, run: RunDirectory, kept: Path) -> str:
    if text.startswith("bundled:"):
        return text
    if text != "-":
        return str(Path(text).absolute())
    content = sys.stdin.buffer.read()
    if not content:
        raise UserError("standard input ('-') is empty: pipe a text into it")
    run.create()
    with run.lock():
        write_bytes(kept, content)
    return str(kept.absolute())
