"""What is compared, and the costs by which time is made equal.

All are held against the preset without tables of n-grams, which was the default when this study began; tables that
decay are the default since. An arm NAME has as many updates as that one, so as many tokens. NAME-time has
as many as take their time, and its learning rate falls over these. A change that costs no time has one arm for both.
"""

from collections.abc import Iterator

from newllm.machine import bf16_is_slow, cpuinfo
from newllm.study import Arm

DEFAULTS, LONG = "defaults", "long"
UPDATES = {DEFAULTS: 300, LONG: 1800}  # of the two arms that others are held against
TOKENS = 2048  # of an update: 8 rows of 256
TIME = "-time"

# The time of an update against that without the change; what is not here differs by less than 3 %. Measured by
# `python benchmarks/training_speed/recipe_speed.py` on one thread of an Intel Xeon (family 6, model 207, AMX), bf16,
# 25 rounds of one update each: 1.154, 1.052, 1.263, 1.344 (benchmarks/results/recipe-speed.json). The first two are as
# they were measured before, on a busy machine, so that runs made then stay valid. Pairs alone came later: 1.026 on one
# thread of an AMD EPYC (family 26, Zen 5), where tables of both are 1.033 (recipe-speed-zen5.json), and 1.05 on a busy
# one; the higher number, so that no machine favours them. Tables that decay more cost what tables cost: the optimizer
# multiplies every row by one number either way.
COSTS = {
    "matrices": 1.16,
    "ngrams": 1.07,
    "ngrams-decay": 1.07,
    "pairs": 1.05,
    "together": 1.26,
    "muon": 1.34,
    "muon-decay": 1.34,
}

_MATRICES = ("model.rule=gated,gated,delta,gated",)
_NGRAMS = ("model.ngram_rows=8192",)
_PAIRS = (*_NGRAMS, "model.ngram_longest=2")
_MUON = ("optimizer.name=muon",)
_DECAY = ("optimizer.weight_decay=1.0", "optimizer.final=0.0")
CHANGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "matrices": ("One block in four keeps matrices.", _MATRICES),
    "ngrams": ("Two tables of n-grams, 8,192 rows each.", _NGRAMS),
    "ngrams-decay": ("Two tables of n-grams, whose weight decay is 3.1.", (*_NGRAMS, "optimizer.ngram_decay=3")),
    "pairs": ("One table of 8,192 rows, of pairs of tokens alone.", _PAIRS),
    "together": ("Matrices in one block of four, and tables of n-grams.", (*_MATRICES, *_NGRAMS)),
    "muon": ("Muon.", _MUON),
    "decay": ("Weight decay 1, and a learning rate that ends at nothing.", _DECAY),
    "muon-decay": ("Muon, weight decay 1, and a learning rate that ends at nothing.", (*_MUON, *_DECAY)),
    "tied": ("The head is the embedding's matrix.", ("model.tied_embeddings=true",)),
    "embedding": ("An embedding drawn from N(0, 1/width).", ("model.initialisation=scaled-embedding",)),
}
"""Of each change what it is, and its settings."""

COMPARED = {
    DEFAULTS: ("matrices", "ngrams", "ngrams-decay", "pairs", "together", "muon", "decay", "tied", "embedding"),
    LONG: ("matrices", "ngrams", "ngrams-decay", "pairs", "muon", "decay", "muon-decay"),
}
"""Which changes are held against each of the two."""

# Without instructions for it bf16 takes ten times as long; where the system does not say whether it has any, it may.
_PRECISION = "bf16" if cpuinfo() and not bf16_is_slow() else "fp32"
_ALIKE = (
    f"numerics.precision={_PRECISION}",
    "numerics.scan_backend=auto",
    "training.evaluate_tokens=65536",
    "model.ngram_rows=0",
    "optimizer.ngram_decay=0",
)


def name_of(change: str, control: str) -> str:
    """Return the name of the arm that has a change at equal tokens."""
    return change if control == DEFAULTS else f"{control}-{change}"


def updates_of(change: str, control: str) -> int:
    """Return how many updates of a change take as long as those of an arm without it."""
    return round(UPDATES[control] / COSTS.get(change, 1.0))


def _arm(name: str, purpose: str, settings: tuple[str, ...], updates: int, control: str = "") -> Arm:
    """Return an arm that is measured before its first and after its last update."""
    return Arm(name, purpose, "small", (*_ALIKE, *settings, f"training.evaluate_every={updates}"), 1, control=control)


def _arms() -> Iterator[Arm]:
    for control, updates in UPDATES.items():
        yield _arm(control, f"The preset without tables of n-grams, {updates:,} updates.", (), updates)
        for change in COMPARED[control]:
            name, (purpose, settings) = name_of(change, control), CHANGES[change]
            if control == DEFAULTS or change not in COSTS:
                yield _arm(name, purpose, settings, updates, control)
            if change in COSTS:
                yield _arm(f"{name}{TIME}", purpose, settings, updates_of(change, control), control)


ARMS = tuple(_arms())
QUICK = (DEFAULTS, f"matrices{TIME}", f"ngrams{TIME}")
