"""The data that a run began with, read again."""

import dataclasses

from newllm.checksum import read_checked
from newllm.data import Corpus, load_tokenizer, prepare
from newllm.errors import UserError
from newllm.training.config import RunConfig
from newllm.training.run import RunDirectory


def same_corpus(run: RunDirectory, config: RunConfig) -> Corpus:
    """Return the data that the run began with, read again, under the fingerprint that it had then.

    Raises:
        UserError: a text or the tokenizer is not what it was, or what the run says of its data is damaged or missing.
    """
    try:
        before = read_checked(run.data)
        known = {source["name"]: source["sha256"] for source in before["sources"]}
        fingerprint, counts = before["fingerprint"], before.get("counts")
        written = before["tokenizer"].get("sha256", "")  # runs from before it was written down have none
    except FileNotFoundError as error:
        raise UserError(f"'{run.data}' is missing: put it back to go on") from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(f"'{run.data}' is damaged: the run cannot prove that its texts are the same") from error
    tokenizer = load_tokenizer(run.tokenizer, written)
    corpus = prepare(config.data, None if config.data.tokenizer == "bytes" else tokenizer)
    _check_same_texts(known, {source["name"]: source["sha256"] for source in corpus.report["sources"]})
    if not written and counts not in (None, corpus.report["counts"]):
        raise UserError(f"'{run.tokenizer}' makes other tokens than this run began with: put back what it began with")
    return dataclasses.replace(corpus, report={**corpus.report, "fingerprint": fingerprint})


def _check_same_texts(known: dict[str, str], now: dict[str, str]) -> None:
    for name in known:
        if known[name] != now.get(name):
            raise UserError(f"'{name}' is not the text that this run began with: put that back to go on")
    for name in now:
        if name not in known:
            raise UserError(f"'{name}' is new: take it away to go on, the run began without it")
