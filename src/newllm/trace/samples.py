"""What a model wrote while it was trained: RUN/samples.jsonl, a line an evaluation, the newest last.

    {"step": 200, "prompt": "", "text": "the whale and the", "seed": 0, "crc32": "#9f8a3c01"}

Lines are only ever added, and a line counts once its newline is there: what a killed process left half written is
none. The trace's signal `sample` says, by step, which line it is; the checksum is that of the trace's rows.
"""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from newllm.errors import UserError
from newllm.files import read_bytes, to_json, write_bytes, writing
from newllm.trace.remark import Remark, left_out
from newllm.trace.rows import length_of_whole_lines, opened_line, sealed_line

SAMPLES = "samples.jsonl"
_LARGEST = 2**31  # bytes
_NAMED = 5  # lines


@dataclass(frozen=True)
class Sample:
    """A text that a model wrote.

    Attributes:
        step: updates that the model had seen.
        prompt: what it wrote on from.
        text: what it wrote, without the prompt.
        seed: of the sampling: `newllm generate --seed` with it writes the same from the same weights; None of a text
            that another training wrote.
    """

    step: int
    prompt: str
    text: str
    seed: int | None = None


def add_sample(path: Path, sample: Sample) -> None:
    """Add a line, and wait until the disk has it: a snapshot that comes next shall not be younger than its sample.

    Raises:
        UserError: there is no room, or the file may not be written.
    """
    with writing(path), path.open("ab") as file:
        file.write(sealed_line(to_json(asdict(sample))))
        file.flush()
        os.fsync(file.fileno())


def samples_of(content: bytes) -> list[Sample]:
    """Return the samples in the bytes of a file; a line that is none is passed over (`lost_samples` tells of it)."""
    return [sample for line in _lines(content) if (sample := _understood(line)) is not None]


def lost_samples(content: bytes, *, ended: bool = False) -> tuple[Remark, ...]:
    """Say, in one remark, which lines are no samples; nothing where all are.

    Args:
        content: of the file.
        ended: whether the run has ended: a last line that breaks off is no line that is being written then.
    """
    lines = _lines(content)
    lost = [str(number) for number, line in enumerate(lines, 1) if _understood(line) is None]
    lost += [str(len(lines) + 1)] if ended and content and not content.endswith(b"\n") else []
    if not lost:
        return ()
    named = ", ".join(lost[:_NAMED]) + (" ..." if len(lost) > _NAMED else "")
    return (left_out("remark-lost-samples", lines=named),)


def truncate_samples_after(path: Path, step: int) -> int:
    """Cut off what was written after the last sample up to a step, whole or not at all; return how many lines stay.

    A run that goes on calls this before it writes, so that no sample stands there twice. A damaged line before that
    sample stays: the trace names the others by their lines.

    Raises:
        UserError: as `read_samples`, or the file may not be written.
    """
    content = read_samples(path)
    lines = _lines(content)
    found = [_understood(line) for line in lines]
    stay = max((number for number, one in enumerate(found, 1) if one is not None and one.step <= step), default=0)
    kept = b"".join(line + b"\n" for line in lines[:stay])
    if kept != content:
        write_bytes(path, kept)
    return stay


def read_samples(path: Path) -> bytes:
    """Return the bytes of the file, none where there is none.

    Raises:
        UserError: it may not be read, or something else stands there.
    """
    try:
        return read_bytes(path, _LARGEST)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UserError(f"cannot go on writing '{path}' ({error.strerror}): put it elsewhere") from error


def _lines(content: bytes) -> list[bytes]:
    return content[: length_of_whole_lines(content)].split(b"\n")[:-1]


def _understood(line: bytes) -> Sample | None:
    try:
        sample = Sample(**opened_line(line))  # the name of a checksum that was damaged is a key too much
    except (ValueError, TypeError, RecursionError):
        return None
    kinds = (int, str, str, type(None) if sample.seed is None else int)
    values = (sample.step, sample.prompt, sample.text, sample.seed)
    return sample if all(type(value) is kind for value, kind in zip(values, kinds, strict=True)) else None
