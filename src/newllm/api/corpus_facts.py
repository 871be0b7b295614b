"""The facts about a run's own data, for data.json."""

from typing import Any

from newllm.data import Corpus, DataConfig, Segments
from newllm.data.facts import data_facts


def corpus_facts(corpus: Corpus, config: DataConfig) -> dict[str, Any]:
    """Measure a corpus as training and evaluation meet it: what is to be predicted, not what stands before it.

    Args:
        corpus: from `prepare`.
        config: carry and word_dropout are used.
    """
    tokenizer = corpus.tokenizer
    facts = data_facts(
        _targets(corpus.train),
        _targets(corpus.validation),
        unknown=tokenizer.unknown,
        padding=tokenizer.pad,
        shuffled=None if config.carry else True,
    )
    if facts["unknown"] and config.word_dropout:
        share = facts["unknown"]["share_in_training"]  # what is unknown already is not dropped once more
        facts["unknown"]["share_in_training"] = share + config.word_dropout * (1 - share)
    return facts


def _targets(segments: Segments) -> list[Any]:
    return [segments.tokens[start + 1 : stop] for start, stop in segments.bounds]
