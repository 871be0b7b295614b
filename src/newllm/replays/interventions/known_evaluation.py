"""The evaluation without unknown words: tokens that training never showed (founding study, claim 8)."""

import numpy as np

from newllm.data import Segments
from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.own_run import OwnReplica, OwnRun
from newllm.replays.replica import Replica
from newllm.replays.subject import Subject


def _leave_out(replica: Replica) -> None:
    assert isinstance(replica, OwnReplica), "the intervention fits runs of ours only"
    replica.left_out = replica.left_out | {"unknown"}


def _misfit(subject: Subject) -> Message | None:
    if not isinstance(subject, OwnRun):
        return message("misfit-whose_evaluation")
    unknown = subject.corpus.tokenizer.unknown
    if unknown is None:
        return message("misfit-no_unknown_token", tokenizer=subject.config.data.tokenizer)
    if subject.config.data.word_dropout or _has(subject.corpus.train, unknown):
        return message("misfit-unknown_in_training")
    return None if _has(subject.corpus.validation, unknown) else message("misfit-no_unknown_words")


def _has(segments: Segments, token: int) -> bool:
    return any(bool(np.any(segments.tokens[start:stop] == token)) for start, stop in segments.bounds)


KNOWN_EVALUATION = Intervention(
    name="known-evaluation",
    kind="data",
    causes=("tokenizer-mismatch", "evaluation-configuration"),
    aims_at="validation",
    direction=-1,
    apply=lambda setup: setup.attach.append(_leave_out),
    misfit=_misfit,
)
