"""What is known of a run beside its signals; everything may be missing, as it is with a bare log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from newllm.diagnosis.ranks.fingerprints import Ranks
from newllm.diagnosis.ranks.hangs import Hang
from newllm.diagnosis.ranks.stalls import Stall
from newllm.diagnosis.run_settings import Setting
from newllm.trace.check import KeptCheck
from newllm.trace.program import Program


@dataclass(frozen=True)
class Layer:
    """One layer of a model.

    Attributes:
        name: as in the signals of this layer ("blocks.0.mlp" in `gradient_norm/blocks.0.mlp`).
        kind: its class ("Linear").
        parameters: how many it holds.
        trained: whether the optimizer was given any of them that asked for a gradient then.
        weight_decay: that shrinks them beside the gradient's update (AdamW's), per unit of the learning rate.
        penalty: weight decay that is added to the gradient (Adam's and SGD's): so many times the weights.
        given: whether the optimizer was given any of them at all, at the start.
        norm_momentum: of a batch norm that keeps running statistics: the share that each batch has in them; None of
            any other layer, and where every batch has the same share.
    """

    name: str
    kind: str = ""
    parameters: int = 0
    trained: bool = True
    weight_decay: float = 0.0
    penalty: float = 0.0
    given: bool = True
    norm_momentum: float | None = None


@dataclass(frozen=True)
class Planned:
    """What a person planned for a step: a curriculum, a restart, other data.

    Attributes:
        step: in the units of the trace's axis.
        text: what it was.
    """

    step: float
    text: str


@dataclass(frozen=True)
class Selection:
    """How a framework chooses what is best: the checkpoint that it keeps, when it ends.

    Attributes:
        by: what chooses ("Trainer", "EarlyStopping").
        metric: by its name there.
        signal: by its name in the trace.
        higher: whether a higher value is taken for a better one.
    """

    by: str
    metric: str
    signal: str
    higher: bool


@dataclass(frozen=True)
class Singular:
    """A function that the first loss was made with, whose derivative is infinite, or NaN, somewhere.

    Attributes:
        function: by torch's name ("sqrt").
        layers: whose gradient goes through it.
        hidden: whether it is not finite there itself, as a logarithm at 0: something must hide it.
    """

    function: str
    layers: tuple[str, ...]
    hidden: bool


@dataclass(frozen=True)
class Facts:
    """What is known of a run beside its trace.

    Attributes:
        vocabulary: how many different tokens (or classes) there are to predict.
        parameters: trainable ones of the whole model.
        layers: in the model's order, from the input to the output.
        data: facts about the data as `newllm.data.facts` counts them.
        untrained_loss: the model's loss before its first step, in nats.
        training_mode_matters: whether the model has a layer that works otherwise in training mode; None if not known.
        asks_for_mode: whether the model's own code, outside torch's layers, reads the mode; None if not known.
        kind: of training, one of `newllm.diagnosis.training_kind.KINDS`; None where nobody says.
        roles: columns by the role that a person says they play, see `newllm.diagnosis.roles`.
        planned: what a person noted beforehand.
        origin: "record" where newllm.record wrote the run, "train" where newllm train did; None of a log.
        resumed: the last steps before the training was resumed, as the recorder saw it.
        reprogrammed: where a training was resumed by another program: the last step before, the program until there and
            the one from there on.
        optimizer: its class ("AdamW"); empty where nobody says.
        betas: of a single optimizer that has two, as it began; what they mean its name says.
        planned_rate: the learning rate that the schedule of a single optimizer should reach, where it keeps that in the
            optimizer (OneCycleLR, CyclicLR); None where nobody says.
        half: whether anything was seen to be computed in float16; None where nobody looked.
        ended: whether the recorder saw the end of the training.
        selections: how the framework that trains chooses what is best.
        untrained: share of the model's numbers that nobody has trained when a fine-tuning begins; None where nobody
            looked.
        new_statistics: whether batch norms began with running statistics of 0 and 1; None where nobody looked.
        loss_function: that the loss comes of ("CtcLoss"); empty where it is not known.
        singular: what else it was made with, where that may be to blame for a gradient that is not finite.
        settings: of the training by dotted name, as far as they were kept.
        dropout: the largest rate of its dropout layers, at the start; 0 where there are none, or nobody says.
        check: what `newllm.check` found before the training, where that was kept with the run.
        ranks: what the fingerprints of several ranks say; None where there is nothing to compare.
        hangs: ranks that did not come to where the others waited for them, the first first.
        stall: ranks that `newllm.record` saw waiting for each other, with no step after it.
    """

    vocabulary: int | None = None
    parameters: int | None = None
    layers: tuple[Layer, ...] = ()
    data: Mapping[str, Any] | None = None
    untrained_loss: float | None = None
    training_mode_matters: bool | None = None
    asks_for_mode: bool | None = None
    kind: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    planned: tuple[Planned, ...] = ()
    origin: Literal["record", "train"] | None = None
    check: KeptCheck | None = None
    ranks: Ranks | None = None
    hangs: tuple[Hang, ...] = ()
    stall: Stall | None = None
    resumed: tuple[int, ...] = ()
    reprogrammed: tuple[tuple[int, Program, Program], ...] = ()
    optimizer: str = ""
    betas: tuple[float, float] | None = None
    planned_rate: float | None = None
    dropout: float = 0.0
    half: bool | None = None
    ended: bool = False
    selections: tuple[Selection, ...] = ()
    untrained: float | None = None
    new_statistics: bool | None = None
    loss_function: str = ""
    singular: tuple[Singular, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)


def is_adam(optimizer: str) -> bool:
    """Whether an optimizer of this name is an Adam: the betas of others (Lion) mean other things."""
    return "adam" in optimizer.lower()
