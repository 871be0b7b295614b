"""A validation loss far above training while both still improve: the evaluation runs otherwise than the training."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import finite, sliding_mean
from newllm.diagnosis.training_kind import asks_for_tokens, training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

FAR = 0.22  # of the loss that training began at, over the last third of the evaluations
HALFWAY = 0.45  # likewise: training still had so much to learn
FAR_HALFWAY = 0.08  # likewise, how far validation was behind by then
UNLEARNT = 0.2  # likewise, of training at its end: nothing was learnt by heart
IMPROVES = 0.02  # likewise, what validation gained in the second half of its evaluations
AT_BEST = 1.03  # times the best evaluation, at the end
SCATTER = 1.0  # times what single batches scatter by: a few rows that cost far more than others
FEWEST = 5  # evaluations
FEWEST_POINTS = 20


def detect_free_running(trace: Trace, facts: Facts) -> list[Finding]:
    """Return a validation loss that falls with training's, far above it.

    So it is where a model is trained on true tokens and evaluated on its own, or where the evaluation prepares its data
    otherwise. Over-fitting looks different: the gap opens late, when training is nearly done, and validation gains
    nothing more. False alarms: means are compared with means, since losses with a heavy tail have a low median, the gap
    has to exceed what batches scatter by, and validation has to be far behind already when training is `HALFWAY`. Of a
    recorded model that is not asked for the tokens of a text it is a note: nothing there runs on by itself, and of
    evaluations that are prepared otherwise the recorder sees more than this.
    """
    loss, validation = finite(trace.series("loss")), finite(trace.series("validation_loss"))
    few = len(loss.value) < FEWEST_POINTS or len(validation.value) < FEWEST
    if few or not training_kind(trace, facts).loss_is_progress or min(loss.value.min(), validation.value.min()) <= 0:
        return []
    start = max(median(loss.value[:3]), float(loss.value[0]))
    beside, value = _beside(loss, validation.step) / start, validation.value / start
    last = max(2, len(value) // 3)
    gap, halfway = value - beside, beside >= HALFWAY
    gained = float(value[len(value) // 2 - 1] - value[-2:].min())
    if median(gap[-last:]) < FAR or median(beside[-last:]) < UNLEARNT:
        return []
    if not halfway.any() or gap[halfway].max() < FAR_HALFWAY or gained < IMPROVES:
        return []
    if median(gap[-last:]) * start < SCATTER * float(np.std(loss.value[-len(loss.value) // 3 :])):
        return []
    if median(value[-2:]) > AT_BEST * float(value.min()):
        return []
    first = int(np.flatnonzero(gap >= FAR_HALFWAY)[0])
    by_itself = not facts.layers or asks_for_tokens(trace)
    return [_behind(trace, validation, first, (float(beside[-1]) * start, gained * start), by_itself=by_itself)]


def _beside(loss: Series, step: np.ndarray) -> np.ndarray:
    """Return the mean of a tenth of the training losses around each of some steps."""
    width = max(3, len(loss.value) // 10 | 1)
    padded = np.pad(loss.value, width // 2, mode="reflect")
    return np.interp(step, loss.step, sliding_mean(padded, width))


def _behind(trace: Trace, validation: Series, first: int, levels: tuple[float, float], *, by_itself: bool) -> Finding:
    training, gained = levels
    causes = ("evaluation-configuration", "evaluation-mode", "evaluation-preparation", "data-size")
    return Finding(
        kind="evaluation-behind",
        severity="warning" if by_itself else "note",
        sentence=message(
            "finding-evaluation-behind.sentence",
            validation=float(validation.value[-1]),
            training=training,
            gained=gained,
            axis=trace.axis,
            first=int(validation.step[first]),
        ),
        first_step=float(validation.step[0]),
        last_step=float(validation.step[-1]),
        confidence=0.75,
        signal="validation_loss",
        evidence={"validation": float(validation.value[-1]), "training": training, "gained": gained},
        alternatives=(message("finding-evaluation-behind.harder"),),
        test=message("finding-evaluation-behind.test"),
        candidate_causes=causes,
    )
