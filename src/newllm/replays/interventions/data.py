"""Interventions on the data: which batches are read, in which order, and what is counted."""

import dataclasses
from functools import cache
from typing import Any

import numpy as np

from newllm.chance import numpy_stream, stream_seed
from newllm.data import Segments
from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention, not_ours
from newllm.replays.replica.own_replica import OwnReplica
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.setup import EXCHANGED, Fetch, Setup, digest
from newllm.replays.replica.subject import Subject

# replace-batches: the batches of the window, replaced by batches that come much later. Where the data are read again
# and again in one order, what comes later may be the window's own: that is passed over.

_MUCH_LATER = 10_000  # batches: far past the window


def _replace(setup: Setup) -> None:
    window = setup.window

    def change(own: Fetch) -> Fetch:
        @cache
        def suspects() -> set[int]:
            return {digest(own(index)) for index in window}

        def fetch(index: int) -> Any:
            if index not in window:
                return own(index)
            later = index + _MUCH_LATER
            batch = own(later)
            while digest(batch) in suspects() and later < index + _MUCH_LATER + 2 * len(window):
                later += 1
                batch = own(later)
            return batch

        return fetch

    setup.batch_changes.append(change)


def read_suspects(setup: Setup) -> None:
    """Read the batches of the original's window in place of those of this window, both ending together.

    Where this window is longer they repeat, where it is shorter the first ones are left out: a spike's own batches are
    the last.
    """
    window, suspect = setup.window, setup.suspect
    if not suspect:
        raise ValueError("the setup names no suspect batches to inject")

    def change(own: Fetch) -> Fetch:
        return lambda index: own(suspect[(index - window.stop) % len(suspect)] if index in window else index)

    setup.batch_changes.append(change)


def spread_suspects(setup: Setup) -> None:
    """Read batches of the original's window in every second update of this one, from shortly before the onset on.

    Batches with something wrong in them bring about a spike so, too; an order that was wrong is no longer that order.
    """
    window, suspect, size = setup.window, setup.suspect, setup.per_update
    if not suspect:
        raise ValueError("the setup names no suspect batches to inject")
    slots = len(window) // size // 2
    first = max(suspect.start, setup.suspect_onset - max(1, slots // 4) * size)

    def change(own: Fetch) -> Fetch:
        def fetch(index: int) -> Any:
            update, within = divmod(index - window.start, size)
            if index not in window or update % 2 == 0:
                return own(index)
            return own(first + (update // 2 * size + within) % (suspect.stop - first))

        return fetch

    setup.batch_changes.append(change)


REPLACE_BATCHES = Intervention(
    name="replace-batches",
    kind="data",
    causes=("corrupted-batch", "label-noise", "repeated-text"),
    aims_at="batches",
    direction=0,
    apply=_replace,
    inject=spread_suspects,
    restores=True,
)


# skip-batches: the batches of the window, passed over: training goes on with those after it, as PaLM's did.
#
# Chowdhery et al. 2022, "PaLM", section 5.1: restarted before the spike, with some 200 to 500 batches skipped.


def _skip(setup: Setup) -> None:
    window = setup.window

    def change(own: Fetch) -> Fetch:
        return lambda index: own(index + len(window) if index >= window.start else index)

    setup.batch_changes.append(change)


SKIP_BATCHES = Intervention(
    name="skip-batches",
    kind="data",
    causes=("corrupted-batch", "label-noise", "repeated-text"),
    aims_at="batches",
    direction=0,
    apply=_skip,
    inject=spread_suspects,
    restores=True,
)


# reorder-batches: the batches of the window and those soon after it, in another order.
#
# Null replays already exchange a batch with near ones (`setup.EXCHANGED`): this must reach further to be a change.

_LEAST_REORDERED = 4 * EXCHANGED  # batches that change places


def _reorder(setup: Setup) -> None:
    window = setup.window
    count = max(len(window), _LEAST_REORDERED)
    order = numpy_stream(setup.seed, "reorder-batches").permutation(count)

    def change(own: Fetch) -> Fetch:
        def fetch(index: int) -> object:
            place = index - window.start
            return own(window.start + int(order[place]) if 0 <= place < count else index)

        return fetch

    setup.batch_changes.append(change)


def no_other_order(subject: Subject) -> Message | None:
    """Return why a subject's batches cannot come in another order, None where they can."""
    config = subject.run_config()
    return message("misfit-carried") if config is not None and config.data.carry else None


REORDER_BATCHES = Intervention(
    name="reorder-batches",
    kind="data",
    causes=("data-order",),
    aims_at="batches",
    direction=0,
    apply=_reorder,
    misfit=no_other_order,
    inject=read_suspects,
)


# other-order: all batches from the start of the replay on, in another order.

_HORIZON = 1024  # batches of anyone's training that change places


def _order_anew(setup: Setup) -> None:
    if setup.config is not None:
        setup.order = stream_seed(setup.seed, "other-order") % 2**31
    else:
        setup.batch_changes.append(lambda own: _permuted(own, setup))


def _permuted(own: Fetch, setup: Setup) -> Fetch:
    first = setup.start * setup.per_update

    def fetch(index: int) -> object:
        if index < first:
            return own(index)
        block, place = divmod(index - first, _HORIZON)
        order = numpy_stream(setup.seed, "other-order", block).permutation(_HORIZON)
        return own(first + block * _HORIZON + int(order[place]))

    return fetch


OTHER_ORDER = Intervention(
    name="other-order",
    kind="data",
    causes=("data-order",),
    aims_at="batches",
    direction=0,
    apply=_order_anew,
    misfit=no_other_order,
    inject=read_suspects,
)


# known-evaluation: the evaluation without unknown words: tokens that training never showed (founding study, claim 8).


def _leave_out(replica: Replica) -> None:
    assert isinstance(replica, OwnReplica), "the intervention fits runs of ours only"
    replica.left_out = replica.left_out | {"unknown"}


def _knows_unknown_words(subject: Subject) -> Message | None:
    config, corpus = subject.run_config(), subject.run_corpus()
    if config is None or corpus is None:
        return message("misfit-whose_evaluation")
    unknown = corpus.tokenizer.unknown
    if unknown is None:
        return message("misfit-no_unknown_token", tokenizer=config.data.tokenizer)
    if config.data.word_dropout or _has(corpus.train, unknown):
        return message("misfit-unknown_in_training")
    return None if _has(corpus.validation, unknown) else message("misfit-no_unknown_words")


def _has(segments: Segments, token: int) -> bool:
    return any(bool(np.any(segments.tokens[start:stop] == token)) for start, stop in segments.bounds)


KNOWN_EVALUATION = Intervention(
    name="known-evaluation",
    kind="data",
    causes=("tokenizer-mismatch", "evaluation-configuration"),
    aims_at="validation",
    direction=-1,
    apply=lambda setup: setup.at_start.append(_leave_out),
    misfit=_knows_unknown_words,
)


# word-dropout: word dropout: a tenth of the training words are unknown ones (Iyyer et al. 2015; founding study).

DROPPED_WORDS = 0.1


def _drop_words(setup: Setup) -> None:
    assert setup.config is not None, "a setup of ours has a configuration"
    data = dataclasses.replace(setup.config.data, word_dropout=DROPPED_WORDS)
    setup.config = dataclasses.replace(setup.config, data=data)


def _no_words_to_drop(subject: Subject) -> Message | None:
    config = subject.run_config()
    if config is None:
        return not_ours(subject)
    data = config.data
    if (data.format, data.tokenizer) != ("sentences", "word"):
        return message("misfit-no_sentences")
    if not data.word_dropout:
        return None
    return message("misfit-already", setting="data.word_dropout", value=data.word_dropout)


WORD_DROPOUT = Intervention(
    name="word-dropout",
    kind="data",
    causes=("tokenizer-mismatch", "data-size"),
    aims_at="batches",
    direction=0,
    apply=_drop_words,
    misfit=_no_words_to_drop,
    slowness=1.3,
)
