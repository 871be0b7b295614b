"""What the model writes at every evaluation, so that a person sees it learn: into RUN/samples.jsonl, and told."""

from collections.abc import Callable
from pathlib import Path

from newllm.data import Tokenizer
from newllm.errors import UserError
from newllm.generation import Engine
from newllm.generation.inference_mode import reading
from newllm.model.language_model import LanguageModel
from newllm.trace.samples import Sample, add_sample, truncate_samples_after

TOKENS = 100  # of a sample


class Samples:
    """Lets the model write, always from the same chance: what differs from one sample to the next is the model.

    The chance is the stream "sampling", a function of seed and position: no other stream is touched, and neither are
    the weights, so that a run has the bits that it would have without samples.

    Args:
        path: RUN/samples.jsonl.
        seed: of the run.
        tokenizer: of the run.
        tell: called with each sample.
    """

    def __init__(self, path: Path, seed: int, tokenizer: Tokenizer, tell: Callable[[Sample], None]) -> None:
        self._path, self._seed, self._tokenizer, self._tell = path, seed, tokenizer, tell
        self._model: LanguageModel | None = None
        self._engine: Engine | None = None
        self._lines = 0

    def started(self, model: LanguageModel, step: int) -> None:
        """Take in the model; what a run that goes on had written after its last snapshot will be written again."""
        self._model, self._engine = model, Engine(model, self._tokenizer, compiled=False)
        self._lines = truncate_samples_after(self._path, step)

    def write(self, step: int) -> int | None:
        """Let the model write, and return which line it is; None of a model that predicts nothing finite."""
        assert self._model is not None and self._engine is not None, "a sample before the start"  # noqa: PT018
        with reading(self._model):  # once, not for every token
            stream = self._engine.stream(self._engine.start(), TOKENS, seed=self._seed)
            try:
                text = stream.result().text
            except UserError:  # it has diverged: the loss says so
                return None
        sample = Sample(step, "", text, self._seed)
        add_sample(self._path, sample)
        self._lines += 1
        self._tell(sample)
        return self._lines
