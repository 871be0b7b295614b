"""What a model wrote while it was trained: RUN/samples.jsonl, a line an evaluation, the newest last.

    {"step": 200, "prompt": "", "text": "the whale and the", "seed": 0}

Lines are only ever added, and a line counts once its newline is there: what a killed process left half written is
none. The trace's signal `sample` says, by step, which line it is.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from newllm.errors import UserError
from newllm.files import read_bytes, to_json, write_bytes, writing
from newllm.trace.rows import whole_lines

_LARGEST = 2**31  # bytes


@dataclass(frozen=True)
class Sample:
    """A text that a model wrote.

    Attributes:
        step: updates that the model had seen.
        prompt: what it wrote on from.
        text: what it wrote, without the prompt.
        seed: of the sampling: `newllm generate --seed` with it writes the same from the same weights.
    """

    step: int
    prompt: str
    text: str
    seed: int


def add_sample(path: Path, sample: Sample) -> None:
    """Add a line, and wait until the disk has it: a snapshot that comes next shall not be younger than its sample.

    Raises:
        UserError: there is no room, or the file may not be written.
    """
    with writing(path), path.open("ab") as file:
        file.write((to_json(asdict(sample)) + "\n").encode())
        file.flush()
        os.fsync(file.fileno())


def samples_of(content: bytes) -> Iterator[Sample]:
    """Yield the samples in the bytes of a file; a line that is none is passed over."""
    for line in content[: whole_lines(content)].split(b"\n")[:-1]:
        sample = _understood(line)
        if sample is not None:
            yield sample


def truncate_samples_after(path: Path, step: int) -> int:
    """Drop what was written after a step, and a torn last line, whole or not at all; return how many lines stay.

    A run that goes on calls this before it writes, so that no sample stands there twice.

    Raises:
        UserError: the file may not be read or written, or something else stands there.
    """
    try:
        content = read_bytes(path, _LARGEST)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise UserError(f"cannot go on writing '{path}' ({error.strerror}): put it elsewhere") from error
    kept = [sample for sample in samples_of(content) if sample.step <= step]
    lines = "".join(to_json(asdict(sample)) + "\n" for sample in kept).encode()
    if lines != content:
        write_bytes(path, lines)
    return len(kept)


def _understood(line: bytes) -> Sample | None:
    try:
        found = json.loads(line.decode())
        sample = Sample(found["step"], found["prompt"], found["text"], found["seed"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    kinds = (int, str, str, int)
    values = (sample.step, sample.prompt, sample.text, sample.seed)
    return sample if all(type(value) is kind for value, kind in zip(values, kinds, strict=True)) else None
