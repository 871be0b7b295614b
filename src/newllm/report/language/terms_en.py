"""Short English terms beside the names of the code: kinds of findings, causes, outcomes, states, signals."""

from collections.abc import Mapping
from types import MappingProxyType

OWN = MappingProxyType(
    {
        # names that do not read as words by themselves
        "beta2": "Adam's beta2",
        "fp16-overflow": "overflow in fp16",
        "missing-zero-grad": "gradients never cleared",
        "no-warm-up": "no warm-up of the learning rate",
        "moments-lost": "the optimizer's moments lost",
        "schedule-restarted": "the schedule began anew",
        "unbounded-recurrence": "a recurrence without bound",
        "exploding-embedding": "updates of the embedding ran away",
        "not-finite": "a value that is not finite",
        "not-finite-batch": "a batch with values that are not finite",
        "data-size": "too little data",
        "plain-depth": "depth without residual connections",
        "loose-clipping": "gradients clipped too loosely",
        "nondeterminism": "kernels that differ from time to time",
        "leak": "validation that training has",
        # outcomes of a change
        "removes": "removes it",
        "reduces": "makes it smaller",
        "delays": "delays it",
        "undecided": "undecided",
        "no effect": "hardly changes it",
        "worsens": "makes it worse",
        "stops learning": "learning stops",
        # stages of a replay
        "screened": "screened only",
        "confirmed": "confirmed",
    }
)

SIGNALS = MappingProxyType({"train_loss": "training loss", "probe_loss": "probe loss"})
"""Of signals that the texts of a page do not name."""

EVIDENCE: Mapping[str, str] = MappingProxyType({})
"""Of pieces of evidence: their names in the code read as English."""
