"""Prints the signals of a run: its losses in full, of every other one a digest of steps and values.

python signals.py RUN
"""

import hashlib
import sys

import newllm

WHOLE = ("loss", "validation_loss", "gradient_norm", "learning_rate")
BY_TIME = ("seconds", "per_second")

trace = newllm.doctor(sys.argv[1]).trace
for name, series in sorted(trace.signals.items()):
    steps, values = series.step.tolist(), series.value.tolist()
    if name in WHOLE:
        print(name, *(f"{step}:{value!r}" for step, value in zip(steps, values, strict=True)), sep="\n  ")
    elif not any(word in name for word in BY_TIME):
        digest = hashlib.sha256(repr((steps, values)).encode()).hexdigest()[:16]
        print(f"{name} {len(steps)} values {digest}")
