"""Decompress .gz, .xz and .zst by their suffix. Whole files in memory; size is the caller's to judge."""

import gzip
import lzma
import zlib
from pathlib import PurePath

from newllm.errors import UserError

COMPRESSED_SUFFIXES = (".gz", ".xz", ".zst")


def split_suffix(file_name: str) -> tuple[str, str]:
    """Return a file's text suffix and its compression suffix, both lower-case ("" where it has none).

    "notes.jsonl.gz" gives (".jsonl", ".gz"), "notes.txt" gives (".txt", "").
    """
    path = PurePath(file_name)
    suffix = path.suffix.lower()
    if suffix in COMPRESSED_SUFFIXES:
        return PurePath(path.stem).suffix.lower(), suffix
    return suffix, ""


def decompress(name: str, raw: bytes, compression: str) -> bytes:
    """Decompress a whole file.

    Args:
        name: the file, for the message.
        raw: its content.
        compression: ".gz", ".xz", ".zst", or "" for none.

    Raises:
        UserError: the content is damaged, cut short, or of another format.
    """
    try:
        if compression == ".gz":
            return gzip.decompress(raw)
        if compression == ".xz":
            return lzma.decompress(raw)
        if compression == ".zst":
            return _decompress_zstd(raw)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise UserError(f"{name!r} is not a whole {compression} file ({error}): compress or copy it again") from error
    return raw


def _decompress_zstd(raw: bytes) -> bytes:
    import zstandard  # lazy: most runs never meet a .zst file

    parts = []
    while raw:
        # A frame object, not the stream reader: the reader passes over a frame that is cut short.
        frame = zstandard.ZstdDecompressor().decompressobj()
        try:
            parts.append(frame.decompress(raw))
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
        if not frame.eof:
            raise ValueError("it ends in the middle")
        raw = frame.unused_data
    return b"".join(parts)
