"""Kinds of finding in groups: what happens in a training, and what is so of its data."""

MANY = 3.0  # nats at the start: so many classes are tokens
NEAR = 0.05  # of the run: so near each other two findings are of one event
# Kinds of finding that tell of a training that goes wrong at some step or from the start.
EVENTS = frozenset(
    {
        "spike",
        "diverged",
        "slow-divergence",
        "worse-than-uniform",
        "worse-than-untrained",
        "not-finite",
        "gradient-explosion",
    }
)
# Kinds of finding about the data themselves. Nothing that happens in a training makes them what they are.
OF_DATA = frozenset(
    {
        "changed-evaluation",
        "data-order",
        "label-frequency",
        "leak",
        "near-duplicates",
        "never-trained-tokens",
        "padding-counted",
        "parameters-per-token",
        "perplexity-mismatch",
        "repeated-windows",
        "small-validation",
        "unknown-tokens",
        "validation-shift",
    }
)
# Kinds of finding about the learning rate's own column.
OF_RATE = frozenset({"learning-rate-jump", "learning-rate-zero", "schedule-turned", "warm-up-unfinished"})
FROM_START = EVENTS - {"not-finite", "gradient-explosion"}  # of a loss
UNSTABLE = EVENTS | {"plateau", "one-predicted-class"}  # or that never learns
STILL = frozenset({"plateau", "repeated-loss", "stale-evaluation"})  # that stands
