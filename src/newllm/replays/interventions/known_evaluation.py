"""The evaluation without unknown words: tokens that training never showed (founding study, claim 8)."""

import numpy as np

from newllm.data import Segments
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.own_run import OwnReplica, OwnRun
from newllm.replays.replica import Replica
from newllm.replays.subject import Subject


def _leave_out(replica: Replica) -> None:
    assert isinstance(replica, OwnReplica), "the intervention fits runs of ours only"
    replica.left_out = replica.left_out | {"unknown"}


def _fits(subject: Subject) -> str:
    if not isinstance(subject, OwnRun):
        return "what the evaluation counts is known of runs of newllm train only"
    unknown = subject.corpus.tokenizer.unknown
    if unknown is None:
        return f"tokenizer '{subject.config.data.tokenizer}' has no unknown token"
    if subject.config.data.word_dropout or _has(subject.corpus.train, unknown):
        return "training shows unknown words too"
    return "" if _has(subject.corpus.validation, unknown) else "the validation part has no unknown words"


def _has(segments: Segments, token: int) -> bool:
    return any(bool(np.any(segments.tokens[start:stop] == token)) for start, stop in segments.bounds)


KNOWN_EVALUATION = Intervention(
    name="known-evaluation",
    kind="data",
    change="unknown words left out of the evaluation",
    hypothesis="What rises is the loss on words that training never showed, and no other.",
    price="Nothing in training; the evaluation no longer says how unknown words are predicted.",
    causes=("tokenizer-mismatch", "evaluation-configuration"),
    aims_at="validation",
    direction=-1,
    apply=lambda setup: setup.attach.append(_leave_out),
    fits=_fits,
)
