"""What is injected, in what, how strongly, and which names of the cause count as right.

Fixed before any verdict was seen. Sizes were chosen by the losses alone: strong enough that the doctor finds the spike
in every run of the kind, and none in its healthy twin; of two causes together, in none of the two alone. A kind is for
tuning or for the report, never for both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from faults_data import CorruptedBatch, DataOrder, GradientScale, LabelNoise, RareGradients, RepeatedText, ScaledInputs
from faults_model import DropoutSwitched
from faults_steps import Configured, HighRate, MomentsLost, RisingRate
from labelled import Split
from training import Fault, Setup

Size = Mapping[str, float]
RATES = {"mlp": 2e-3, "cnn": 2e-3, "lstm": 8e-3, "transformer": 4e-3}
SGD_RATES = {"mlp": 0.05, "cnn": 0.02, "lstm": 0.5}
_BATCH = {"mlp": 64, "cnn": 32, "lstm": 16, "transformer": 16}


@dataclass(frozen=True)
class Run:
    """One run of a kind.

    Attributes:
        model: what is trained.
        sizes: of each fault of the kind, in their order.
        times: the usual rate, times this.
        changes: of the set-up, for the twin too.
        skipped: seeds that were passed over, because by the losses the label did not hold.
    """

    model: str
    sizes: tuple[Size, ...]
    times: float = 1.0
    changes: Mapping[str, Any] | None = None
    skipped: int = 0


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of injected cause.

    Attributes:
        name: with dashes.
        split: which table its runs are in.
        what: one sentence: what is done to the healthy twin.
        faults: what is injected; two where it needs two causes at once.
        causes: names of the cause that count as right.
        runs: with their sizes; empty where all are runs of ours (own_kinds.py).
    """

    name: str
    split: Split
    what: str
    faults: tuple[type[Fault], ...]
    causes: tuple[str, ...]
    runs: Sequence[Run]


def setup_of(run: Run, seed: int) -> Setup:
    """Return the healthy twin's set-up."""
    changes = dict(run.changes or {})
    rates = SGD_RATES if changes.get("optimizer") == "sgd" else RATES
    warm: dict[str, Any] = {"warm_up": 20} if run.model == "transformer" else {}
    usual: dict[str, Any] = {"rate": run.times * rates[run.model], "batch": _BATCH[run.model], **warm}
    return Setup(model=run.model, seed=seed, **{**usual, **changes})


_SGD: dict[str, Any] = {"optimizer": "sgd"}
_WARM: dict[str, Any] = {"warm_up": 60}
_RATE = ("learning-rate", "schedule-restarted")

_TUNING = (
    Kind(
        name="label-noise",
        split="tuning",
        what="for 20 steps at half of the run the targets of each batch are shuffled",
        faults=(LabelNoise,),
        causes=("label-noise", "corrupted-batch"),
        runs=[Run(model, ({"at": 0.5, "steps": 20},)) for model in ("mlp", "lstm")],
    ),
    Kind(
        name="repeated-text",
        split="tuning",
        what="for 15 steps at half of the run every row of every batch is one and the same window",
        faults=(RepeatedText,),
        causes=("repeated-text", "corrupted-batch"),
        runs=[Run(model, ({"at": 0.5, "steps": 15},)) for model in ("lstm", "transformer")],
    ),
    Kind(
        name="rate-step",
        split="tuning",
        what="from 60 % of the run on the learning rate is 24 to 40 times the healthy one",
        faults=(HighRate,),
        causes=_RATE,
        runs=[Run("mlp", ({"at": 0.6, "factor": 40},)), Run("cnn", ({"at": 0.6, "factor": 24},))],
    ),
    Kind(
        name="rising-rate",
        split="tuning",
        what="a schedule with the wrong sign: from half of the run the rate grows by 10 % every step",
        faults=(RisingRate,),
        causes=_RATE,
        runs=[Run("mlp", ({"at": 0.5, "growth": 1.1},)), Run("lstm", ({"at": 0.5, "growth": 1.1},))],
    ),
    Kind(
        name="scaled-inputs",
        split="tuning",
        what="two batches at 60 % of the run have inputs 8 times as large; their targets are right",
        faults=(ScaledInputs,),
        causes=("corrupted-batch",),
        runs=[
            Run("mlp", ({"at": 0.6, "steps": 2, "scale": 8},)),
            Run("mlp", ({"at": 0.6, "steps": 2, "scale": 8},), changes=_SGD),
        ],
    ),
)

_ONE_CAUSE = (
    Kind(
        name="corrupted-batch",
        split="report",
        what="one batch of random tokens (or of random labels) at 60 % of the run",
        faults=(CorruptedBatch,),
        causes=("corrupted-batch", "label-noise"),
        runs=[Run(model, ({"at": 0.6, "steps": 1, "scale": 1},)) for model in ("mlp", "cnn", "lstm", "transformer")],
    ),
    Kind(
        name="data-order",
        split="report",
        what="the examples come sorted: a quarter of the classes after the other",
        faults=(DataOrder,),
        causes=("data-order",),
        runs=[Run("mlp", ({"parts": 4},)), Run("cnn", ({"parts": 3},)), Run("mlp", ({"parts": 2},), changes=_SGD)],
    ),
    Kind(
        name="rate-window",
        split="report",
        what="for 10 steps at 60 % of the run the learning rate is 10 to 40 times the healthy one",
        faults=(HighRate,),
        causes=_RATE,
        runs=[
            Run("mlp", ({"at": 0.6, "steps": 10, "factor": 40},)),
            Run("cnn", ({"at": 0.6, "steps": 10, "factor": 24},)),
            Run("cnn", ({"at": 0.6, "steps": 10, "factor": 10},), changes=_SGD),
            Run("transformer", ({"at": 0.6, "steps": 10, "factor": 40},)),
        ],
    ),
    Kind(
        name="high-rate",
        split="report",
        what="the learning rate is 28 times the healthy one (8 times, of a run of ours) from the first step",
        faults=(HighRate,),
        causes=("learning-rate", "no-warm-up"),
        runs=[Run("mlp", ({"factor": 28},), changes=_SGD)] * 2,
    ),
    Kind(
        name="no-warm-up",
        split="report",
        what="a rate 60 times the usual without the 80 steps of warm-up that the twin has",
        faults=(Configured,),
        causes=("no-warm-up", "learning-rate"),
        runs=[
            Run("transformer", ({"warm_up": 0},), times=60, changes={"warm_up": 80}),
            Run("transformer", ({"warm_up": 0},), times=60, changes={"warm_up": 80}, skipped=1),
        ],
    ),
    Kind(
        name="beta2-too-low",
        split="report",
        what="Adam's beta2 is 0.5 (twin: 0.99), below the square of beta1",
        faults=(Configured,),
        causes=("beta2",),
        runs=[
            Run("transformer", ({"beta2": 0.5},)),
            Run("lstm", ({"beta2": 0.5},), times=4),
            Run("cnn", ({"beta2": 0.5},), times=2),
        ],
    ),
    Kind(
        name="moments-lost",
        split="report",
        what="at 60 % of the run the optimizer's state is empty again, as after a resume without it",
        faults=(MomentsLost,),
        causes=("moments-lost",),
        runs=[
            Run("cnn", ({"at": 0.6},), times=8, changes={**_WARM, "beta2": 0.999}),
            Run("cnn", ({"at": 0.6},), times=6, changes={**_WARM, "beta2": 0.999}),
        ],
    ),
    Kind(
        name="dropout-switched",
        split="report",
        what="dropout of 0.7 is switched on at half of the run",
        faults=(DropoutSwitched,),
        causes=("dropout",),
        runs=[Run("mlp", ({"at": 0.5, "probability": 0.7},))] * 2,
    ),
)

_TWO_CAUSES = (
    Kind(
        name="high-rate-and-heavy-batch",
        split="report",
        what="from 30 % of the run the rate is 4 or 6 times the healthy one, and at 60 % the gradient of one batch is "
        "9 or 12 times as large",
        faults=(HighRate, GradientScale),
        causes=(*_RATE, "corrupted-batch"),
        runs=[
            Run("mlp", ({"at": 0.3, "factor": 6}, {"at": 0.6, "steps": 1, "factor": 12}), changes=_SGD),
            Run("cnn", ({"at": 0.3, "factor": 4}, {"at": 0.6, "steps": 1, "factor": 9}), changes=_SGD),
            Run("mlp", ({"at": 0.3, "factor": 6}, {"at": 0.6, "steps": 1, "factor": 12}), changes=_SGD, skipped=1),
        ],
    ),
    Kind(
        name="high-beta2-and-larger-gradients",
        split="report",
        what="beta2 is 0.9999 (twin: 0.95), and from half of the run on every gradient is 100 times as large",
        faults=(Configured, GradientScale),
        causes=("beta2", "accumulation-scale"),
        runs=[Run("cnn", ({"beta2": 0.9999}, {"at": 0.5, "factor": 100}), times=8, changes={**_WARM, "beta2": 0.95})]
        * 2,
    ),
    Kind(
        name="no-clipping-and-rare-gradients",
        split="report",
        what="nothing is clipped (twin: at 1), and in every 90th batch the gradient is 100 times as large",
        faults=(Configured, RareGradients),
        causes=("loose-clipping", "corrupted-batch"),
        runs=[
            Run(model, ({"clip": 0.0}, {"every": 90, "factor": 100}), changes={**_SGD, "clip": 1.0})
            for model in ("mlp", "cnn", "lstm")
        ],
    ),
)

KINDS = {kind.name: kind for kind in (*_TUNING, *_ONE_CAUSE, *_TWO_CAUSES)}
