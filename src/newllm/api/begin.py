"""The message by which the leader of a training has the other processes begin it. It travels pickled, among them."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from newllm.data import Corpus
from newllm.trace import Recovery
from newllm.training.config import RunConfig
from newllm.training.run import RunDirectory
from newllm.training.snapshots import list_snapshots


@dataclasses.dataclass(frozen=True)
class Begin:
    """A training that begins.

    Attributes:
        run: the run directory.
        config: the resolved configuration.
        tokenizer: the content of tokenizer.json.
        data: what the leader read: names and checksums of texts, and counts.
        recoveries: what a guard decided so far.
        step: that the training goes on from.
        snapshot: of that step; None where there is none yet.
    """

    run: Path
    config: RunConfig
    tokenizer: str
    data: dict[str, Any]
    recoveries: tuple[Recovery, ...]
    step: int
    snapshot: Path | None


def begin_message(run: RunDirectory, config: RunConfig, corpus: Corpus, recoveries: Sequence[Recovery]) -> Begin:
    """Return the message for a training that begins."""
    step, path = run.last_step(), run.path.absolute()
    snapshot = None if step is None else list_snapshots(path / run.snapshots.name)[step]
    tokenizer, read = corpus.tokenizer.to_json(), what_was_read(corpus)
    return Begin(path, config, tokenizer, read, tuple(recoveries), step or 0, snapshot)


def what_was_read(corpus: Corpus) -> dict[str, Any]:
    """Return what two processes that read the same texts agree on: names and checksums, and counts of tokens."""
    texts = {source["name"]: source["sha256"] for source in corpus.report["sources"]}
    return {"texts": texts, "counts": corpus.report["counts"]}
