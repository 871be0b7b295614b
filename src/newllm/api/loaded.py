"""Load a trained run, or build a model without one."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from newllm.data import Tokenizer, load_tokenizer, read_documents
from newllm.errors import UserError
from newllm.generation import Engine, Generated, Sampling
from newllm.model.language_model import LanguageModel
from newllm.trace.rich import Rich, Shown
from newllm.training.config import RunConfig
from newllm.training.configure import configure
from newllm.training.environment import resolve_device
from newllm.training.evaluation import Evaluation
from newllm.training.read_through import read_through
from newllm.training.resolve import build_model
from newllm.training.run import RunDirectory
from newllm.training.snapshots import choose_snapshot, load_model, load_progress


@dataclasses.dataclass(frozen=True)
class LoadedRun(Rich):
    """A trained model with its tokenizer.

    Attributes:
        path: the run directory.
        config: the complete configuration.
        model: in evaluation mode.
        tokenizer: the run's.
        step: of the snapshot.
    """

    path: Path
    config: RunConfig
    model: LanguageModel
    tokenizer: Tokenizer
    step: int

    def show(self, lang: str = "en") -> Shown:
        """Return what a notebook shows of it, in a language: the run's page."""
        from newllm.api.shown import show

        return show(self.path, lang=lang)

    def generate(
        self,
        prompt: str = "",
        tokens: int = 200,
        *,
        sampling: Sampling | None = None,
        seed: int = 0,
        stop: Sequence[str] = (),
        weights: str = "fp32",
    ) -> Generated:
        """Write on from a prompt.

        Args:
            prompt: may be empty.
            tokens: at most so many.
            sampling: temperature and the rest.
            seed: of the sampling.
            stop: the text ends before any of these.
            weights: "fp32", "bf16" or "int8": the precision that the weights are read in.
        """
        engine = Engine(self.model, self.tokenizer, weights)
        memory = engine.read(engine.start(), prompt)
        stream = engine.stream(memory, tokens, sampling or Sampling(), seed, stop)
        return stream.result()

    def evaluate(
        self,
        *texts: str | os.PathLike[str],
        errors: str | None = None,
        field: str | None = None,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> Evaluation:
        """Read texts through, each document from a fresh context that is carried to its end, in fp32.

        Args:
            *texts: files, directories, globs or "-".
            errors: what invalid UTF-8 does, "strict" or "replace"; None as in training.
            field: the text's field in JSON lines; None as in training.
            progress: called now and then with how many bytes have been read, and of how many.

        Raises:
            UserError: a text cannot be read.
        """
        data = self.config.data
        errors = data.errors if errors is None else errors
        data = dataclasses.replace(data, errors=errors, field=data.field if field is None else field)
        data.check()
        documents = read_documents(texts, data.field, data.errors)
        sentences = data.format == "sentences"
        read = [document.text for document in documents]
        return read_through(self.model, self.tokenizer, read, sentences=sentences, progress=progress)


def load(path: str | Path, snapshot: str = "best", device: str = "auto") -> LoadedRun:
    """Load a trained run.

    Args:
        path: the run directory.
        snapshot: "best", "last" or a step.
        device: where to put the model.

    Raises:
        UserError: there is no run, no such snapshot, it is damaged, or the tokenizer is not the one of the training.
    """
    run = RunDirectory(Path(path))
    config = run.load_config(clock_decisions=False)
    place = choose_snapshot(run.snapshots, snapshot)
    numerics = dataclasses.replace(config.numerics, device=resolve_device(device), scan_backend="auto")
    model = build_model(dataclasses.replace(config, numerics=numerics)).eval()
    load_model(place, model)
    progress = load_progress(place)
    tokenizer = load_tokenizer(run.tokenizer, progress.tokenizer)
    return LoadedRun(run.path, config, model, tokenizer, progress.step)


def build(preset: str, *, seed: int = 0, settings: Sequence[str] = ()) -> LanguageModel:
    """Build an untrained model of a preset.

    Args:
        preset: its name; a size for real text gets the byte vocabulary of 257.
        seed: of the initialisation.
        settings: single values as `KEY=VALUE`, for example `model.rule=ema`.

    Raises:
        UserError: no preset has this name, or a setting does not exist.
    """
    config = configure(preset, None, None, settings, {"seed": seed})
    if config.model.vocabulary == 0:
        if config.data.tokenizer != "bytes":
            raise UserError(f"preset '{preset}' with another tokenizer than bytes: --set model.vocabulary=N too")
        config = dataclasses.replace(config, model=dataclasses.replace(config.model, vocabulary=257))
    with torch.random.fork_rng():
        return LanguageModel(config.model, seed)
