"""Every figure that the founding document prints, as data: what it is of, and where it stands.

A figure that says nothing of a run's outcome has a reason instead of a measure: it cannot be compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from . import document

LAST = 50  # epochs of the document's runs but for experiment 3


@dataclass(frozen=True)
class Printed:
    """One figure.

    Attributes:
        group: which table it stands in.
        measure: what is measured; "" where there is nothing to compare.
        text: as printed.
        run: of which run; "" for all.
        epoch: at which epoch; None where the measure says it.
        section: of the document, "table" for the table of runs that accompanies it.
        reason: why it cannot be compared, else "".
    """

    group: str
    measure: str
    text: str
    run: str = ""
    epoch: int | None = None
    section: str = ""
    reason: str = ""

    @property
    def id(self) -> str:
        """Short, stable, unique."""
        parts = (self.run or "all", "" if self.epoch is None else f"epoch-{self.epoch}", self.measure or self.reason)
        return "/".join(part for part in (*parts, "" if self.measure else self.text) if part)

    @property
    def value(self) -> float:
        """The number."""
        return float(self.text.replace(",", "").rstrip("%"))

    @property
    def half_digit(self) -> float:
        """Half of a unit of the last digit that is printed: how far rounding may have moved it."""
        _, point, decimals = self.text.rstrip("%").partition(".")
        return 0.5 * 10.0 ** -len(decimals) if point else 0.5


def printed() -> tuple[Printed, ...]:
    """Return all of them, group after group."""
    return (*_losses(), *_perplexities(), *_contexts(), *_best(), *_accuracy(), *_sizes(), *_settings())


def _losses() -> Iterator[Printed]:
    for run, curve in document.CURVES.items():
        for epoch, loss in curve:
            yield Printed("losses", "validation_loss", f"{loss:.4f}", run, epoch, "1")
            if (run, epoch) in document.RISES:
                yield Printed("losses", "rise", f"{document.RISES[run, epoch]}%", run, epoch, "1")
    for epoch, (train, _, validation, _) in document.EPOCHS_OF_EXPERIMENT_2.items():
        yield Printed("losses", "train_loss", train, "experiment2", epoch, "3A")
        yield Printed("losses", "validation_loss", validation, "experiment2", epoch, "3A")


def _perplexities() -> Iterator[Printed]:
    for epoch, (_, train, _, validation) in document.EPOCHS_OF_EXPERIMENT_2.items():
        yield Printed("perplexities", "train_perplexity", train, "experiment2", epoch, "3A")
        yield Printed("perplexities", "validation_perplexity", validation, "experiment2", epoch, "3A")
    for run, epoch, listed in document.PERPLEXITIES:
        yield Printed("perplexities", "validation_perplexity", f"{listed:,}", run, epoch, "3B")
        if (run, epoch) in document.TIMES_THE_USUAL:
            times = document.TIMES_THE_USUAL[run, epoch]
            yield Printed("perplexities", "times_the_usual", f"{times:,}", run, epoch, "3B")


def _contexts() -> Iterator[Printed]:
    for run, numbers in document.CONTEXTS.items():
        for name, text in zip(("mean", "std", "norm"), numbers, strict=True):
            yield Printed("contexts", f"context_{name}", text, run, LAST, "2")


def _best() -> Iterator[Printed]:
    for run, loss in document.BEST_VALIDATION.items():
        yield Printed("best", "best_validation", f"{loss:.4f}", run, None, "4" if run == "transformer" else "table")
    for run, epoch in document.BEST_EPOCH.items():
        yield Printed("best", "best_epoch", str(epoch), run, None, "4" if run == "transformer" else "3C")
    yield Printed("best", "epochs_after_best", str(document.EPOCHS_AFTER_THE_BEST), "experiment3", None, "3C")


def _accuracy() -> Iterator[Printed]:
    for run in document.CURVES:
        yield Printed("accuracy", "accuracy", f"{document.ACCURACY}", run, None, "3D")
        yield Printed("accuracy", "epochs_at_that_accuracy", "100%", run, None, "3D")


def _sizes() -> Iterator[Printed]:
    for run, parameters in document.PARAMETERS.items():
        yield Printed("sizes", "parameters", f"{parameters:,}", run, None, "table")
    yield Printed("sizes", "parameters_by_the_baseline's", "4", "experiment2", None, "2")
    yield Printed("sizes", "vocabulary", str(document.VOCABULARY), "", None, "3D")
    yield Printed("sizes", "train_targets", str(document.TRAINING_TARGETS), "", None, "table")
    yield Printed("sizes", "validation_targets", str(document.VALIDATION_TARGETS), "", None, "table")


def _settings() -> Iterator[Printed]:
    for text, section, reason in (
        ("17-22", "1", "claim-1"), ("2-9", "1", "claim-2"), ("1, 10, 17, 18", "2", "no-number"),
        ("20", "3C", "claim-10"), ("5.6-5.7", "4", "rounded"), ("1/6 = 0.167", "3D", "arithmetic"),
        ("256, 512", "1", "setting"), ("1024, 1.0", "2", "setting"), ("0.0001", "6", "setting"),
        ("0.00005", "6", "remedy"), ("0.5", "6", "remedy"), ("0.9", "6", "remedy"), ("0.99, 0.01", "6", "remedy"),
    ):  # fmt: skip
        yield Printed("settings", "", text, "", None, section, reason)
