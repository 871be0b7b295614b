"""The founding document's own figures, and what arithmetic alone says of them.

Source: the founding document; the curves that it prints, its lists of perplexities and of best epochs.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

BEST_VALIDATION = {
    "baseline": 5.6358,
    "experiment1": 5.6572,
    "experiment2": 5.7088,
    "experiment3": 5.7121,
    "transformer": 4.8379,
}
BEST_EPOCH = {"baseline": 18, "experiment1": 28, "experiment2": 19, "experiment3": 20, "transformer": 49}
CONTEXTS = {  # at epoch 50: mean, standard deviation, norm
    "baseline": ("-0.0539", "0.6230", "7.1440"),
    "experiment2": ("0.0308", "0.4833", "8.6724"),
}
EPOCHS_OF_EXPERIMENT_2 = {  # training loss and perplexity, validation loss and perplexity
    19: ("5.2175", "184.48", "5.7088", "301.52"),
    50: ("3.8546", "47.21", "7.7683", "2364.34"),
}
RISES = {("experiment1", 18): 32, ("experiment1", 19): 17, ("experiment2", 10): 27, ("experiment2", 11): 85,
         ("baseline", 19): 92}  # fmt: skip
TIMES_THE_USUAL = {("experiment1", 19): 200, ("experiment2", 11): 15_000}
PARAMETERS = {"baseline": 3_009_768, "experiment1": 3_272_168, "experiment2": 12_047_848, "transformer": 5_260_264}
EPOCHS_AFTER_THE_BEST = 130  # of experiment 3
CURVES: dict[str, list[tuple[int, float]]] = {
    "baseline": [
        *((17, 5.7692), (18, 5.7692), (19, 11.1040), (20, 14.7028), (21, 10.5887), (22, 6.5873), (23, 5.6552)),
    ],
    "experiment1": [(17, 5.7866), (18, 7.6308), (19, 8.9319), (20, 6.8859), (21, 5.6821)],
    "experiment2": [(9, 6.5119), (10, 8.2924), (11, 15.3114), (12, 7.9969), (13, 5.8286)],
}
PERPLEXITIES = (("experiment1", 19, 66_436), ("experiment2", 11, 4_463_340), ("baseline", 20, 2_428_475))
ACCURACY = 0.1714
TRAINING_TARGETS, VALIDATION_TARGETS, VALIDATION_SENTENCES, VOCABULARY = 132, 35, 6, 91


@dataclass(frozen=True)
class Perplexity:
    """A perplexity that the document lists, beside that of the loss which it prints for the same epoch.

    Attributes:
        run: which run.
        epoch: which epoch.
        listed: what it lists.
        computed: e to the printed loss.
        belongs_to: run and epoch whose printed loss gives the listed one, None if none does.
    """

    run: str
    epoch: int
    listed: int
    computed: float
    belongs_to: tuple[str, int] | None

    @property
    def agrees(self) -> bool:
        """Whether both are the same but for the loss's rounding to four digits."""
        return abs(math.log(self.listed) - math.log(self.computed)) < 1e-3


def perplexities() -> list[Perplexity]:
    """Check every listed perplexity against the printed losses."""
    printed = {(run, epoch): loss for run, curve in CURVES.items() for epoch, loss in curve}
    return [
        Perplexity(
            run,
            epoch,
            listed,
            math.exp(printed[run, epoch]),
            next((place for place, loss in printed.items() if abs(loss - math.log(listed)) < 1e-3), None),
        )
        for run, epoch, listed in PERPLEXITIES
    ]


def largest_ratio() -> tuple[str, int, float]:
    """Return run, epoch and ratio of the largest rise within one epoch that the document prints."""
    rises = [
        (run, epoch, now / before) for run, curve in CURVES.items() for (_, before), (epoch, now) in pairwise(curve)
    ]
    return max(rises, key=lambda rise: rise[2])


def onsets() -> dict[str, int]:
    """Return the epoch at which each printed curve first rises by more than 0.3 nats."""
    return {
        run: next(epoch for (_, before), (epoch, now) in pairwise(curve) if now - before > 0.3)
        for run, curve in CURVES.items()
    }


def better_after_best() -> tuple[str, int, float, int, float] | None:
    """Return (run, its best epoch, loss there, a later epoch, a lower loss there) where the document prints one."""
    for run, curve in CURVES.items():
        losses = dict(curve)
        best = BEST_EPOCH[run]
        later = [(epoch, loss) for epoch, loss in curve if epoch > best and best in losses and loss < losses[best]]
        if later:
            return run, best, losses[best], *later[0]
    return None
