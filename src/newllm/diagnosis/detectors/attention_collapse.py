"""Attention whose every row has gone to one position, or whose logits have run away.

False alarms: single heads do attend to one position (the one before); a whole layer's mean entropy below `ENTROPY` nats
in the last quarter of the run, having been `FELL` times higher, is not usual, nor are logits above `LOGIT`.
"""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import and_more, by_layer, enough, typical
from newllm.messages import message
from newllm.trace import Finding, Trace

ENTROPY = 0.1  # nats
FELL = 5.0
LOGIT = 80.0


def detect(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the layers whose attention has collapsed."""
    entropy = {name: one for name, one in by_layer(trace, "attention_entropy", facts).items() if enough(one)}
    logit = {name: one for name, one in by_layer(trace, "attention_logit", facts).items() if enough(one)}
    low = {name: typical(one, 0.75) for name, one in entropy.items()}
    low = {
        name: level
        for name, level in low.items()
        if level < ENTROPY and np.median(entropy[name].value[:2]) > FELL * level
    }
    high = {name: typical(one, 0.75) for name, one in logit.items() if typical(one, 0.75) > LOGIT}
    if not low and not high:
        return []
    names = list(dict.fromkeys([*low, *high]))
    worst = names[0]
    signal = f"attention_entropy/{worst}" if worst in low else f"attention_logit/{worst}"
    series = trace.series(signal)
    return [
        Finding(
            kind="attention-collapse",
            severity="warning",
            sentence=message(
                "finding-attention-collapse.sentence",
                layers=and_more(names),
                measure="entropy" if worst in low else "logit",
                value=low[worst] if worst in low else high[worst],
                worst=worst,
            ),
            first_step=float(series.step[0]),
            last_step=float(series.step[-1]),
            confidence=0.8,
            signal=signal,
            evidence={"layers": names, "entropy": low, "logit": high},
            alternatives=(message("finding-attention-collapse.short-rows"),),
            test=message("finding-attention-collapse.test"),
            candidate_causes=("learning-rate", "no-warm-up", "initialisation"),
        )
    ]
