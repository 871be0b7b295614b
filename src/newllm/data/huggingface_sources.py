"""What a name of `huggingface` leads to: a file, a folder, a data set of the hub, or one that `save_to_disk` wrote.

Each can be loaded whole, or streamed: read from its beginning, block by block, and nothing is prepared or kept.
"""

import contextlib
import glob
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from newllm.data.compression import split_suffix
from newllm.errors import UserError

_BUILDERS = {".parquet": "parquet", ".arrow": "arrow", ".json": "json", ".jsonl": "json", ".csv": "csv", ".tsv": "csv"}
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+){0,2}")
_SECONDS = 5.0  # until the hub must have answered
_ROWS = 1000  # that are looked at together
_STREAMED_ROWS = 100  # of a Parquet file that are decoded together
_BUFFER = 1 << 20  # bytes of a Parquet file that are read together


class Stream(NamedTuple):
    """A split that is read from its beginning.

    Attributes:
        features: its columns, name to kind; none where a format that says them row by row has no row.
        batches: gets a column's name and returns Arrow tables of its rows, from the first on.
    """

    features: Mapping[str, Any]
    batches: Callable[[str], Iterator[Any]]


class Source:
    """A data set that is loaded through the package's builders.

    Attributes:
        is_out_of_reach: whether it is one of the hub, which does not answer.
        revision: the commit of a data set of the hub that is streamed; None for others, and before `stream`.
    """

    def __init__(self, datasets: Any, *names: str, is_out_of_reach: bool = False, **options: Any) -> None:
        self._datasets, self._names, self._options = datasets, names, options
        self.is_out_of_reach = is_out_of_reach
        self.revision: str | None = None

    def splits(self) -> list[str]:
        """Return the names of its splits."""
        return list(self._datasets.get_dataset_split_names(*self._names, **self._options))

    def load(self, split: str) -> Any:
        """Download and prepare a split, or a part of one, and return it."""
        return self._datasets.load_dataset(*self._names, split=split, **self._options)

    def stream(self, split: str) -> Stream:
        """Return a split that is read when it is iterated over.

        Raises:
            ValueError: it has no such split.
        """
        builder = self._datasets.load_dataset_builder(*self._names, **self._options)
        self.revision = builder.hash if builder.repo_id else None
        if builder.name == "parquet":
            return self._parquet(builder, split)
        table = builder.as_streaming_dataset(split=split)
        features = table.features
        if features is None:  # the first block says what it holds
            first = next(_batches(table, 1), None)
            features = {} if first is None else self._datasets.Features.from_arrow_schema(first.schema)
        return Stream(features, lambda column: _batches(table.select_columns([column])))

    def _parquet(self, builder: Any, split: str) -> Stream:
        """Return a split of Parquet files, read by ourselves.

        The package's own stream reads ahead in threads, whole row groups and more than one, and where it is left
        before its end they abort the process when Python exits (apache/arrow, issue 45214).
        """
        from pyarrow.parquet import read_schema  # pyrefly: ignore[missing-import]

        files = {str(name): list(paths) for name, paths in builder.config.data_files.items()}
        if split not in files:
            raise ValueError(f'Unknown split "{split}". Should be one of {list(files)}')
        with _open(files[split][0]) as file:
            features = self._datasets.Features.from_arrow_schema(read_schema(file))
        return Stream(features, lambda column: _parquet_batches(files[split], column))


class Saved:
    """A data set that `save_to_disk` wrote: it is mapped into memory, so streaming it is loading it."""

    is_out_of_reach = False
    revision = None

    def __init__(self, datasets: Any, folder: str) -> None:
        loaded = datasets.load_from_disk(folder)
        self._parts = loaded if isinstance(loaded, dict) else {"train": loaded}

    def splits(self) -> list[str]:
        """Return the names of its splits."""
        return list(self._parts)

    def load(self, split: str) -> Any:
        """Return a split.

        Raises:
            ValueError: it has no such split.
        """
        if split not in self._parts:
            whole = "a saved data set is taken whole, or from its beginning as train[:200MB]"
            raise ValueError(f'Unknown split "{split}" ({whole}): there are {self.splits()}')
        return self._parts[split]

    def stream(self, split: str) -> Stream:
        """Return a split as `Source.stream` does."""
        table = self.load(split)
        return Stream(table.features, lambda column: _batches(table.select_columns([column])))


def _batches(table: Any, rows: int = _ROWS) -> Iterator[Any]:
    return table.with_format("arrow").iter(batch_size=rows)


def _parquet_batches(files: list[str], column: str) -> Iterator[Any]:
    from pyarrow.parquet import ParquetFile  # pyrefly: ignore[missing-import]

    for path in files:
        with _open(path) as file:
            table = ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)  # pages, not a whole row group
            yield from table.iter_batches(batch_size=_STREAMED_ROWS, columns=[column], use_threads=False)


def _open(path: str) -> Any:
    """Open a file of the disk or of the hub."""
    import fsspec

    return fsspec.open(path, "rb") if "://" in path else Path(path).open("rb")


def find_source(datasets: Any, text: str, name: str) -> Source | Saved:
    """Return what a name leads to.

    Args:
        datasets: the package.
        text: the whole of what was given, for the message.
        name: the name in it.

    Raises:
        UserError: it leads nowhere, as far as can be seen from the name, the disk and the hub's answer.
    """
    path = Path(name)
    if path.is_file():
        kind = split_suffix(path.name)[0]
        if kind not in _BUILDERS:
            raise UserError(
                f"{text!r}: a file {path.suffix or 'without suffix'} is no data set: {', '.join(_BUILDERS)}"
            )
        more: dict[str, Any] = {"sep": "\t"} if kind == ".tsv" else {}
        return Source(datasets, _BUILDERS[kind], data_files=glob.escape(str(path)), **more)
    if path.is_dir():
        saved = any((path / file).is_file() for file in ("state.json", "dataset_dict.json"))
        return Saved(datasets, name) if saved else Source(datasets, str(path))
    if name.startswith((".", "/", "~")) or path.suffix in _BUILDERS or not _HUB_NAME.fullmatch(name):
        raise UserError(f"{text!r}: no file and no folder {name!r}: check the name")
    user, _, configuration = name.rpartition("/") if name.count("/") == 2 else (name, "", "")
    names = (user, configuration) if configuration else (user,)
    return Source(datasets, *names, is_out_of_reach=not _answers(datasets, text, user))


def _answers(datasets: Any, text: str, name: str) -> bool:
    """Ask the hub for a data set, once and for seconds; return whether it answers, False where it is not to be asked.

    Raises:
        UserError: it says that there is no such data set for this user.
    """
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    if datasets.config.HF_HUB_OFFLINE:  # by HF_DATASETS_OFFLINE, which huggingface_hub does not know
        return False
    try:
        huggingface_hub.HfApi().dataset_info(name, timeout=_SECONDS)
    except (RepositoryNotFoundError, HFValidationError) as error:
        how = "check the name; a private one needs a login (hf auth login)"
        raise UserError(f"{text!r}: the hub has no data set {name!r}, or not for you: {how}") from error
    except Exception:  # no network: it comes as one of many kinds
        return False
    return True


@contextlib.contextmanager
def offline(datasets: Any) -> Iterator[None]:
    """Let the package take what is in its cache at once: it would try to reach the hub for half a minute."""
    import huggingface_hub

    settings = (datasets.config, huggingface_hub.constants)
    before = [one.HF_HUB_OFFLINE for one in settings]
    try:
        for one in settings:
            one.HF_HUB_OFFLINE = True
        yield
    finally:
        for one, value in zip(settings, before, strict=True):
            one.HF_HUB_OFFLINE = value
