"""The runs: program, fault (or none), options. Names say nothing, seeds come from what a run is."""

import zlib
from dataclasses import dataclass

FRAMEWORK = {"hub": "transformers", "lit": "lightning", "quick": "accelerate"}


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
        if self.program == "lit":
            return "metrics.csv"
        return "trainer_state.json" if "log=state" in self.options.split() else "log.txt"

    @property
    def seed(self):
        """From what it is."""
        return zlib.crc32(f"{self.program} {self.fault} {self.options}".encode()) % 10000


LINES = """
images  -  net=bn optimizer=sgd rate=0.1 schedule=onecycle style=epoch
images  -  mixup=1 style=bar
images  -  net=wn batch=8 noise=0.3 epochs=4 style=columns
images  -  resume=6 style=json
images  -  net=deep optimizer=sgd rate=0.02 smooth=0.1 style=logging
images  class-zero-ignored  style=epoch
images  decoder-gives-black-images  from=300 style=bar
images  evaluated-in-training-mode  dropout=0.5 style=json
images  split-drawn-anew-on-resume  resume=20 dropout=0.0 epochs=40 few=400 style=logging
images  cosine-rises-again  schedule=cosine optimizer=sgd rate=0.15 style=columns
images  nll-of-probabilities  style=epoch
chars  -  tied=1 optimizer=adafactor rate=0.02 steps=500
chars  -  optimizer=lion rate=0.0006 steps=500 style=logging
chars  -  schedule=wsd style=fairseq steps=500
chars  -  lengthen=1 steps=600
chars  -  batch=4 schedule=constant rate=0.003 style=columns norm=1
chars  seeded-at-each-evaluation  evaluate=25 schedule=constant
chars  positions-along-the-batch  style=json
chars  characters-renumbered-on-resume  resume=300 steps=500
chars  garbage-shard  from=300 to=400 style=fairseq
chars  softmax-over-queries  steps=500 style=logging
chars  bit-flip  from=380 norm=1
recurrent  -  what=language rate=20.0 tied=1
recurrent  -  what=sums length=20 steps=500
recurrent  -  cell=gru dropout=0.6 style=json
recurrent  recurrence-over-the-batch  style=epoch
recurrent  last-position-is-padding  style=logging epochs=4
recurrent  clipped-after-the-step  what=language rate=20.0 style=nano
columns  -  what=leave sharp=0.7 width=16
columns  -  what=price heavy=1 huber=1 style=logging
columns  -  what=count optimizer=rms rate=0.001 style=epoch
columns  -  what=leave shift=-4 style=json width=16 epochs=12
columns  -  what=price optimizer=rprop batch=2400 epochs=250 rate=0.001 style=nano
columns  constant-column-divided  what=price newer=1 style=epoch
columns  oversampled-before-split  oversample=1 shift=-5 epochs=25 style=columns
columns  log-of-zero  what=price dates=1 rows=16000 batch=32 epochs=1 style=nano
columns  decay-through-adam  what=price style=json
agents  -  what=dqn double=1 kind=reinforcement steps=1500
agents  -  what=actor
agents  terminal-not-masked  what=dqn steps=1500
agents  observation-not-copied  what=dqn steps=1500 kind=reinforcement
agents  entropy-sign  what=actor entropy=0.1 style=columns
draw  -  what=vae ramp=200 style=bar
draw  -  what=diffusion kind=diffusion style=logging
draw  alphas-not-cumulated  what=diffusion style=epoch
draw  ramp-not-capped  what=vae ramp=60 style=logging
duel  -  what=plain kind=adversarial
duel  -  what=squares rate=0.0005 style=nano
duel  one-optimizer-holds-both  what=plain kind=adversarial
embed  -  what=contrast temperature=0.1
embed  -  what=pairs optimizer=rms rate=0.001 style=json
embed  self-similarity-not-masked  what=contrast
embed  root-of-zero  what=pairs style=fairseq
teach  -  what=fine frozen=5
teach  -  what=average noise=0.2 style=json
teach  -  what=distil heat=8.0 style=logging
teach  kl-takes-probabilities  what=distil style=nano
teach  reloaded-into-a-copy  what=restore rate=0.02 style=json
teach  average-too-slow  what=average style=epoch
forecast  -  what=quantile style=json
forecast  -  what=likely net=gru noise=0.1 style=nano epochs=15
forecast  plateau-mode-max  plateau=1 patience=1 net=gru style=epoch
forecast  sum-not-reset  style=logging
half  -  bits=bf16 style=bar
half  -  bits=fp16 optimizer=sgd rate=0.03
half  clipped-before-unscaling  bits=fp16 optimizer=sgd rate=0.03 norm=1
half  weights-in-half  bits=fp16 style=json
half  rate-scaled-again-on-resume  resume=6 style=nano
hub  -  what=adapter rate=0.003 steps=200
hub  -  what=translate optimizer=adafactor rate=0.01 log=state
hub  -  what=names noise=0.08 batch=8 steps=300
hub  rate-of-a-full-fine-tuning  what=adapter steps=150
hub  padding-is-the-end  what=lines
hub  warmup-of-the-default-length  what=translate steps=250 log=state
lit  -  swa=1 smooth=0.1
lit  -  what=waves epochs=8
lit  -  optimizer=sgd rate=0.05 group=4 clip=1.0 epochs=16
lit  overfit-batches-left-on  what=waves epochs=100 steps=400 judge=5
lit  layers-in-a-list  plain=1 epochs=10
lit  schedule-of-epochs-by-steps  gamma=0.9 optimizer=sgd rate=0.02
quick  -  group=4 tasks=2 steps=400
quick  -  what=stream group=1 optimizer=radam rate=0.003 style=bar
quick  divided-but-not-accumulated  group=8 rate=0.01
quick  every-worker-reads-all  what=stream group=1 few=300 style=logging
quick  labels-renumbered  group=2 from=260 style=json steps=450
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
