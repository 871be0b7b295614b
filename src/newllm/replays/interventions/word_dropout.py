"""Word dropout: a tenth of the training words are unknown ones (Iyyer et al. 2015; founding study)."""

import dataclasses

from newllm.replays.interventions.intervention import Intervention, ours
from newllm.replays.own_run import OwnRun
from newllm.replays.setup import Setup
from newllm.replays.subject import Subject

PROBABILITY = 0.1


def _drop(setup: Setup) -> None:
    assert setup.config is not None, "a setup of ours has a configuration"
    data = dataclasses.replace(setup.config.data, word_dropout=PROBABILITY)
    setup.config = dataclasses.replace(setup.config, data=data)


def _fits(subject: Subject) -> str:
    if not isinstance(subject, OwnRun):
        return ours(subject)
    data = subject.config.data
    if (data.format, data.tokenizer) != ("sentences", "word"):
        return "it needs sentences and the tokenizer of words, which has an unknown word to put in"
    return f"data.word_dropout is {data.word_dropout} already" if data.word_dropout else ""


WORD_DROPOUT = Intervention(
    name="word-dropout",
    kind="data",
    change="a tenth of the training words unknown",
    hypothesis="The model never learnt what an unknown word is.",
    price="A tenth of the text is not learnt from at each reading.",
    causes=("tokenizer-mismatch", "data-size"),
    aims_at="batches",
    direction=0,
    apply=_drop,
    fits=_fits,
    slowness=1.3,
)
