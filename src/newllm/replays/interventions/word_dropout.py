"""Word dropout: a tenth of the training words are unknown ones (Iyyer et al. 2015; founding study)."""

import dataclasses

from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention, not_ours
from newllm.replays.own_run import OwnRun
from newllm.replays.setup import Setup
from newllm.replays.subject import Subject

PROBABILITY = 0.1


def _drop(setup: Setup) -> None:
    assert setup.config is not None, "a setup of ours has a configuration"
    data = dataclasses.replace(setup.config.data, word_dropout=PROBABILITY)
    setup.config = dataclasses.replace(setup.config, data=data)


def _misfit(subject: Subject) -> Message | None:
    if not isinstance(subject, OwnRun):
        return not_ours(subject)
    data = subject.config.data
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
    apply=_drop,
    misfit=_misfit,
    slowness=1.3,
)
