"""What is measured of a cell beside what `newllm train` measures, into the same trace.

At every update the layers' gradients and updates, where `newllm train` takes samples. At every evaluation (before the
first update, and every `training.evaluate_every` updates: with the founding document's data every epoch) a second fixed
batch beside the validation, the *probe*: the first rows of the training part, in evaluation mode, with no term of the
arm's own. `docs/signals.md` lists the signals.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from newllm.api.run_recording import RunRecording
from newllm.data import IGNORED, Corpus, probe_batch
from newllm.model.evaluation_mode import evaluation_mode
from newllm.model.language_model import LanguageModel
from newllm.recorder import (
    ActivationScale,
    ContextRecorder,
    TokenClasses,
    growth_per_step,
    model_exponents,
    norm_by_position,
)
from newllm.training.config import RunConfig
from newllm.training.evaluation import as_inputs
from newllm.training.precision import autocast
from newllm.training.recording import Signals
from newllm.training.step import StepReport

OwnSignals = Callable[[LanguageModel, Corpus, RunConfig, int], Mapping[str, float]]
"""`(model, corpus, config, step) -> signals`: what a study measures more, at every evaluation, in evaluation mode."""

OWN = "study/"  # before the names of those signals in the trace
# An exponent costs as much as two updates: of a few sentences, at every evaluation only while runs are young.
_EXPONENT_ROWS, _EVERY_EXPONENT, _THEN_EVERY = 4, 60, 10


def no_signals(model: LanguageModel, corpus: Corpus, config: RunConfig, step: int) -> Mapping[str, float]:  # noqa: ARG001
    """Measure nothing more."""
    return {}


class CellRecording(RunRecording):
    """Measures a cell.

    Args:
        path: RUN/recording.json.
        config: the resolved run.
        corpus: its data.
        signals: of the study's own.
    """

    def __init__(self, path: Path, config: RunConfig, corpus: Corpus, signals: OwnSignals = no_signals) -> None:
        super().__init__(path, config, corpus.tokenizer)
        self._corpus, self._own = corpus, signals
        self._probe = probe_batch(corpus, config.data)
        self._real_BT = torch.from_numpy(self._probe.targets != IGNORED)

    def stepping(self, step: int) -> None:
        """Measure the layers' gradients and updates, and the forward pass where it is a sampled one."""
        super().stepping(step)
        if self._layers is not None and not self._measuring:
            self._layers.begin(outputs=False)

    def stepped(self, report: StepReport) -> Signals:
        """Return the signals of the update, and how many targets it had: an epoch's loss is the mean over them."""
        return {**super().stepped(report), "tokens": report.tokens}

    @torch.no_grad()
    def evaluated(self, step: int) -> Signals:
        """Return the signals of the evaluation, of the probe and of the study's own."""
        model = self._model
        assert isinstance(model, LanguageModel), "an evaluation before the start"
        signals = {**super().evaluated(step), **self._evaluation.correct_by_class()}
        with evaluation_mode(model):
            signals |= self._of_the_probe(model)
            if _is_due(step // self._config.training.evaluate_every):
                signals |= self._exponent(model)
            own = self._own(model, self._corpus, self._config, step)
        return signals | {f"{OWN}{name}": value for name, value in own.items()}

    def _of_the_probe(self, model: LanguageModel) -> dict[str, float]:
        classes = TokenClasses(None, None)
        device, precision = model.device, self._config.numerics.precision
        with ActivationScale(model) as scale, ContextRecorder(model) as contexts, autocast(device, precision):
            logits, _ = model(*as_inputs(self._probe, device))
        classes.add(logits, torch.from_numpy(self._probe.targets).to(device))
        activations = {f"probe_activation_rms/{name}": value for name, value in scale.rms().items()}
        seen = dict(_contexts(list(contexts.contexts.values()), self._real_BT.to(device)))
        return {"probe_loss": classes.all.nats / classes.all.tokens, **activations, **seen}

    def _exponent(self, model: LanguageModel) -> dict[str, float]:
        rows = slice(_EXPONENT_ROWS)
        tokens = torch.from_numpy(self._probe.inputs[rows]).to(model.device)
        exponent = model_exponents(model, tokens, self._real_BT[rows].to(model.device))
        return {} if exponent is None else {"lyapunov": exponent}


def _is_due(epoch: int) -> bool:
    return epoch <= _EVERY_EXPONENT or epoch % _THEN_EVERY == 0


def _contexts(seen: list[Tensor], real_BT: Tensor) -> Iterator[tuple[str, float]]:
    """Yield the context's norm after 1, 2, 4 ... positions and the last, and its growth a step, over all layers."""
    if not seen:
        return
    contexts_BTC = seen[0] if len(seen) == 1 else torch.cat(seen, dim=-1)
    norms = norm_by_position(contexts_BTC, real_BT)
    for power in range(len(norms).bit_length()):
        if (value := norms[2**power - 1]) is not None:
            yield f"probe_context_norm/position-{2**power}", value
    if norms[-1] is not None:
        yield "probe_context_norm", norms[-1]
    growth = growth_per_step(contexts_BTC, real_BT)
    if growth is not None:
        yield "probe_context_growth", growth
