"""The runs: program, fault (or none), options. Names say nothing, seeds come from what a run is."""

import zlib
from dataclasses import dataclass

FRAMEWORK = {"trainer": "transformers", "bolts": "lightning", "fast": "accelerate"}
LOG = {"trainer": "log.txt", "bolts": "metrics.csv"}


@dataclass(frozen=True)
class Run:
    """One run of a program."""

    name: str
    program: str
    fault: str | None
    options: str
    record: bool = True

    @property
    def framework(self):
        """Which trainer it is."""
        return FRAMEWORK.get(self.program, "plain")

    @property
    def log(self):
        """The log's file."""
        return LOG.get(self.program, "log.txt")

    @property
    def seed(self):
        """From what it is."""
        return zlib.crc32(f"{self.program} {self.fault} {self.options}".encode()) % 10000


LINES = """
digits  -  net=cnn style=bars
digits  -  schedule=restarts optimizer=sgd rate=0.05
digits  -  rare=12 style=json epochs=16
digits  -  smooth=0.2 optimizer=sgd rate=0.05 style=logging
digits  -  resume=5 style=logging
digits  labels-not-permuted  style=plain
digits  head-not-in-optimizer  pretrained=2 rate=0.002 style=json
digits  validation-scaled-otherwise  net=cnn style=logging
digits  relu-on-logits  optimizer=sgd rate=0.05 style=bars
digits  resume-loads-nothing  resume=6 net=cnn style=bars
text  -  size=2 style=json
text  -  curriculum=1 style=plain
text  -  group=3 texts=640 style=logging steps=200
text  -  decay=1.0 style=bars schedule=constant
text  no-causal-mask  length=16 steps=700 rate=0.004 style=plain
text  betas-swapped  style=json
text  init-too-wide  style=bars
text  iterator-made-anew  style=logging
table  -  heavy=1 style=plain
table  -  likelihood=1 style=json epochs=20
table  -  tasks=2 swa=1 style=bars
table  targets-one-dimensional  style=json
table  targets-unscaled  unit=2 style=logging epochs=20
table  sentinel-from-a-file  ordered=1 rows=6000 epochs=5 style=plain
reverse  -  smooth=0.1 schedule=noam style=plain
reverse  decoder-not-shifted  style=logging
reverse  padding-mask-inverted  style=json
latent  -  ramp=250 style=bars
latent  -  what=diffusion kind=diffusion style=logging epochs=16
latent  -  what=gan kind=adversarial rate=0.001 epochs=24 style=plain
latent  divergence-summed  style=json
latent  noise-drawn-twice  what=diffusion style=plain
pairs  -  what=momentum style=json
pairs  -  what=triplet style=bars
pairs  temperature-multiplied  style=plain
tags  -  weighted=1 style=plain
tags  clip-too-small  optimizer=sgd rate=0.1 style=bars
tags  never-back-to-train  dropout=0.3 style=json
policy  -  style=bars
policy  log-prob-of-another-action  style=logging
trainer  -  what=causal pretrained=1 rate=0.001 group=2 size=8 kind=fine-tune
trainer  -  what=masked schedule=cosine steps=300 rate=0.004
trainer  -  what=classes size=8 rows=1000 steps=360 kind=classification
trainer  labels-shifted-twice  what=causal
trainer  answers-left-out  what=questions steps=300
trainer  schedule-ends-early  what=masked every=20 rate=0.004
bolts  -  what=digits dropout=0.6 cycle=1
bolts  -  what=denoise noise=0.5
bolts  -  what=digits unfreeze=3
bolts  unfrozen-not-in-optimizer  what=digits unfreeze=4
bolts  gradients-never-cleared  what=two rate=0.01
bolts  argmax-over-the-batch  what=digits
fast  -  group=4 epochs=24 style=plain
fast  -  teacher=1 style=logging
fast  cleared-before-the-step  style=plain
fast  labels-partly-random  style=bars epochs=12
"""


def runs():
    """Those of LINES, in its order; a program's are numbered so that the number says nothing."""
    rows = [line.split(maxsplit=2) for line in LINES.strip().splitlines()]
    found = []
    for program in dict.fromkeys(row[0] for row in rows):
        own = [row for row in rows if row[0] == program]
        order = sorted(own, key=lambda row: zlib.crc32(" ".join(row).encode()))
        for row in own:
            fault = None if row[1] == "-" else row[1]
            found.append(Run(f"{program}-{order.index(row) + 1:02d}", program, fault, row[2]))
    return found


RUNS = runs()
