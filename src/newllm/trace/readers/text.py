"""A log as lines of text, whatever its encoding, packed or not, in bounded memory and time."""

import codecs
import contextlib
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import zstandard

from newllm.errors import UserError
from newllm.trace.readers.gathered import Gathered
from newllm.trace.remark import left_out

LONGEST_LINE = 1 << 20  # characters
PACKED_RUN = "Packed by newllm report --zip"
"""What stands in the first bytes of a zip file that `newllm report --zip` made."""

_HEAD = 200  # bytes that it stands in
MOST_BYTES = 1 << 29  # of text, unpacked
MOST_LINES = 10_000_000
_LARGEST_WINDOW = 1 << 27  # bytes that a zstd frame may ask for

_DAMAGED = (EOFError, zlib.error, zstandard.ZstdError, gzip.BadGzipFile)
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_REFUSED = {b"PK\x03\x04": "a zip", b"\xfd7zXZ\x00": "an xz", b"BZh": "a bzip2", b"7z\xbc\xaf": "a 7z",
            b"Rar!": "a rar", b"PAR1": "a parquet", b"\x89HDF": "an HDF5", b"\x93NUMPY": "a numpy"}  # fmt: skip
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
          (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip


def head_of(path: Path, size: int = 1 << 16) -> bytes:
    """Return the first bytes of a file, unpacked where it is gzip or zstd, as far as its packing is sound.

    Raises:
        UserError: it may not be read, or is packed in another way.
    """
    head = b""
    with reading(path), _unpacked(path) as file:
        try:
            while len(head) < size and (more := file.read1(size - len(head))):
                head += more
        except _DAMAGED:
            if not head:
                raise
    return head


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the system and the unpackers say of a log into one line for the user.

    Raises:
        UserError: it may not be read, or its packing is damaged.
    """
    try:
        yield
    except _DAMAGED as error:
        raise UserError(f"cannot unpack '{path}' ({error}): unpack it yourself and give the text") from error
    except OSError as error:
        raise UserError(f"cannot read '{path}' ({error.strerror}): give a log or a run directory") from error


def is_packed(path: Path) -> bool:
    """Whether a file is gzip or zstd."""
    with reading(path), path.open("rb") as file:
        return file.read(4).startswith((_GZIP, _ZSTD))


def text_of(path: Path, head: bytes) -> str:
    """Decode the first bytes of a log.

    Raises:
        UserError: they are no text.
    """
    return head.decode(_encoding(path, head), errors="replace").lstrip("\ufeff")


def lines_of(gathered: Gathered) -> Iterator[str]:
    """Yield the lines of a log without their ends; what is left out is noted.

    Lines that are too long are passed over. A file whose packing breaks off is read up to there.

    Args:
        gathered: names the source and takes the notes.

    Raises:
        UserError: it may not be read, or is no text.
    """
    with reading(gathered.source), _text(gathered) as text:
        for count, line in enumerate(_whole(text, gathered)):
            if count >= MOST_LINES:
                gathered.note(left_out("remark-many-lines", count=MOST_LINES))
                return
            yield line


def chunks_of(gathered: Gathered) -> Iterator[str]:
    """Yield the text of a log in pieces, for what is not made of lines.

    Raises:
        UserError: it may not be read, or is no text.
    """
    with reading(gathered.source), _text(gathered) as text:
        while chunk := text.read(1 << 16):
            yield chunk


@contextlib.contextmanager
def _text(gathered: Gathered) -> Iterator[io.TextIOBase]:
    if gathered.text is not None:
        yield io.StringIO(gathered.text, newline=None)
        return
    encoding = _encoding(gathered.source, head_of(gathered.source))
    with _unpacked(gathered.source) as file:
        counted = io.BufferedReader(_Bounded(file, gathered), 1 << 18)
        yield io.TextIOWrapper(counted, encoding, errors="replace")


def _whole(text: io.TextIOBase, gathered: Gathered) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE):
        if len(line) < LONGEST_LINE or line.endswith("\n"):
            gathered.torn = not line.endswith("\n")
            yield line.rstrip("\n")
            continue
        gathered.note(left_out("remark-long-line", count=LONGEST_LINE))
        while line and not line.endswith("\n"):
            line = text.readline(LONGEST_LINE)


class _Bounded(io.RawIOBase):
    """A stream that ends after so many bytes, or where its packing breaks off."""

    def __init__(self, file: io.BufferedReader, gathered: Gathered):
        self._file, self._gathered, self._rest = file, gathered, MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            # Not all that the buffer holds: what is whole before a damage would be lost with it.
            content = self._file.read1(min(len(buffer), max(self._rest, 0)))
        except _DAMAGED:
            self._gathered.note(left_out("remark-damaged-packing"))
            self._rest = 0
            return 0
        self._rest -= len(content)
        if self._rest <= 0 and content:
            self._gathered.note(left_out("remark-long-text", megabytes=MOST_BYTES >> 20))
        buffer[: len(content)] = content
        return len(content)


@contextlib.contextmanager
def _unpacked(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file, through gzip or zstd where it is packed so."""
    if path.exists() and not path.is_file():
        raise UserError(f"cannot read '{path}' (it is not a regular file): give a log or a run directory")
    with path.open("rb") as file:
        start = file.read(_HEAD)
        file.seek(0)
        if PACKED_RUN.encode() in start:
            raise UserError(f"'{path}' was packed by newllm report --zip: unpack it, and name the run directory in it")
        packing = next((name for sign, name in _REFUSED.items() if start.startswith(sign)), None)
        if packing:
            raise UserError(f"cannot read '{path}' ({packing} file): unpack it, or export it as CSV")
        if start.startswith(_GZIP):
            yield cast(io.BufferedReader, gzip.GzipFile(fileobj=file))
        elif start.startswith(_ZSTD):
            unpacker = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
            yield cast(io.BufferedReader, unpacker.stream_reader(file, read_across_frames=True))
        else:
            yield file


def _encoding(path: Path, head: bytes) -> str:
    """Return a file's encoding by its first bytes.

    Raises:
        UserError: they are no text.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    for name, zeros, others in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if len(head) > 3 and not any(zeros[:64]) and others[:64].count(0) == 0:
            return name
    odd = sum(byte < 32 and byte not in b"\b\t\n\r\x0b\x0c\x1b" for byte in head)
    if odd > len(head) / 50:
        raise UserError(f"'{path}' is no log that newllm knows (it is no text): give CSV, JSON lines, or an event file")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"
