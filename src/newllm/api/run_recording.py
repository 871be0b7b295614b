"""What our own training writes into its run beside the loss: the recorder's signals, through `training.recording`.

Signals of every layer come with every tenth step, more often in runs of less than 500 steps, those of
predictions and contexts with every evaluation, from the evaluation's own forward passes. Exponents of the
recurrence cost as much as several updates and are left to studies.
"""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor, nn
from torch.optim import Optimizer

from newllm.api.recording_evaluation import EvaluationSignals
from newllm.api.recording_layers import LayerSignals
from newllm.api.recording_matrices import MatrixSignals
from newllm.api.recording_samples import Samples
from newllm.api.recording_training import TrainingAccuracy, TrainingClasses
from newllm.checksum import write_checked
from newllm.data import Tokenizer
from newllm.diagnosis.ranks.files import GRADIENT_NORM, LOSS, SECONDS
from newllm.model.language_model import LanguageModel
from newllm.recorder import Predictions
from newllm.recorder.layout import Layout
from newllm.recorder.optimizers import Optimizers
from newllm.recorder.ranks import RankWatch
from newllm.training.config import RunConfig
from newllm.training.recording import Recording, Signals
from newllm.training.step import StepReport

_SHORT = 50  # a run has about so many sampled steps at least
_RAREST = 10  # steps between sampled steps, at most


def sampled_every(config: RunConfig) -> int:
    """Return the steps from one sampled step to the next."""
    return max(1, min(_RAREST, _first_steps(config) // _SHORT))


def _first_steps(config: RunConfig) -> int:
    """Return the steps that a run was planned to have when it began: what is sampled stays so when it is extended."""
    plan = config.training.plan
    return plan[0][1] if plan else config.training.steps


def rank_numbers(report: StepReport, rank: int, *, is_measured: bool) -> dict[str, float]:
    """Return what of an update is a rank's own.

    Args:
        report: of the update.
        rank: which.
        is_measured: whether signals of layers were taken in it: that takes time, so its seconds do not count.
    """
    seconds = {} if is_measured else {SECONDS: report.seconds[rank]}
    own = {} if report.own is None else {LOSS: report.own.loss, GRADIENT_NORM: report.own.gradient_norm}
    return own | seconds


class RunRecording(Recording):
    """Measures a run of ours.

    Args:
        path: RUN/recording.json, which says what was measured; written when training begins.
        config: the resolved run.
        tokenizer: names the classes of targets.
        samples: lets the model write at every evaluation; None lets it write nothing.
        ranks: processes that train together: fingerprints of the weights say whether all hold the same.
    """

    def __init__(
        self, path: Path, config: RunConfig, tokenizer: Tokenizer, samples: Samples | None = None, ranks: int = 1
    ) -> None:
        self._path, self._config, self._ranks = path, config, ranks
        self._watch: RankWatch | None = None
        self._every = sampled_every(config)
        self._layers: LayerSignals | None = None
        self._matrices: MatrixSignals | None = None
        self._classes = TrainingClasses(tokenizer.unknown, tokenizer.end)
        self._accuracy = TrainingAccuracy()
        self._measuring = False
        self._evaluation = EvaluationSignals(tokenizer.unknown, tokenizer.end)
        self._model: nn.Module | None = None
        self._samples = samples

    def started(self, model: nn.Module, optimizer: Optimizer, step: int) -> None:
        """Write recording.json and follow the optimizer."""
        layout = Layout(model)
        self._model, self._layers, self._matrices = model, LayerSignals(layout, optimizer), MatrixSignals(layout)
        if self._samples is not None and isinstance(model, LanguageModel):
            self._samples.started(model, step)
        write_checked(self._path, layout.describe(Optimizers([optimizer]), self._every, self._config.model.vocabulary))
        if self._ranks > 1:
            begun = max(0, step)
            own_rows = self._config.parallel.sequence == 1
            at = self._path.parent, self._path.name, begun
            self._watch = RankWatch(layout, Optimizers([optimizer]), *at, own_rows=own_rows, records=True)
            self._watch.put(begun)

    def stepping(self, step: int) -> None:
        """Measure this update if it is a sampled one."""
        self._measuring = (step + 1) % self._every == 0
        if self._layers is not None and self._measuring:
            self._layers.begin()
        # Of rows that several processes share, the first one has not seen the end.
        if self._matrices is not None and self._measuring and self._config.numerics.sequence_at(step) == 1:
            self._matrices.begin()

    def training_batch(self, logits_BTV: Tensor, targets_BT: Tensor, nats: Tensor) -> None:
        """Split the loss of this batch by class and count what is right, if the update is measured."""
        if self._measuring:
            self._accuracy.add(logits_BTV, targets_BT)
            self._classes.add(logits_BTV, targets_BT, nats)
            if self._matrices is not None:
                self._matrices.batch(targets_BT)

    def first_part_done(self) -> None:
        """Look at no further outputs of this update."""
        if self._layers is not None:
            self._layers.end_outputs()
        if self._matrices is not None:
            self._matrices.close()

    def stepped(self, report: StepReport) -> Signals:
        """Return the gradient's norm as it was clipped, and what was measured of layers and predictions."""
        clip, norm = self._config.optimizer.clip, report.gradient_norm
        clipped = {"gradient_norm_clipped": min(norm, clip)} if clip and math.isfinite(norm) else {}
        layers = {} if self._layers is None else self._layers.take(norm)
        matrices = {} if self._matrices is None else self._matrices.take(with_sizes=report.context is None)
        if self._watch is not None:
            numbers = rank_numbers(report, 0, is_measured=self._measuring)
            self._watch.note(report.step, numbers, report.drawn)
            if self._measuring:
                self._watch.put(report.step)
        return {**clipped, **layers, **matrices, **self._classes.take(), **self._accuracy.take()}

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Follow the predictions and, of the first batch, the contexts."""
        assert self._model is not None, "an evaluation before the start"
        with self._evaluation.watching(self._model):
            yield

    def evaluation_batch(self, logits_BTV: Tensor, targets_BT: Tensor) -> Predictions:
        """Return what was predicted in one batch."""
        return self._evaluation.look(logits_BTV, targets_BT)

    def evaluation_seen(self, seen: Predictions) -> None:
        """Take it in."""
        self._evaluation.add(seen)

    def evaluated(self, step: int) -> Signals:
        """Return the signals of the evaluation, and let the model write."""
        line = None if self._samples is None else self._samples.write(step)
        return self._evaluation.signals() | ({} if line is None else {"sample": line})

    def ended(self) -> None:
        """Write what waits of the fingerprints."""
        if self._watch is not None:
            self._watch.close()
