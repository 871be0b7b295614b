"""The runs: program, options, fault. Names say nothing of what is wrong; seeds come from what a run is."""

import random
import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A run: everything that makes it."""

    name: str
    program: str
    options: str
    fault: str | None
    log: str
    framework: str
    seed: int
    record: bool = True


HEALTHY = {
    "digits": [
        "recipe=restarts rate=0.08 batch=64",
        "recipe=lion model=mlp rate=0.0006 batch=8 style=colon",
        "recipe=muon rate=0.02 style=jsonl",
        "recipe=mixup model=residual batch=64 steps=300",
        "recipe=adam model=quantized rate=0.003 style=csv",
        "recipe=pruned model=mlp rate=0.002",
        "recipe=sam model=bn rate=0.002 style=colon",
        "recipe=lookahead model=sigmoid rate=0.01 steps=280",
        "recipe=swapped model=bn rate=0.004 batch=16",
    ],
    "language": [
        "recipe=cosine tie=1 half=1 clip=0.1 rate=0.01 vocab=1 steps=280",
        "recipe=experts rate=0.005 style=jsonl",
        "recipe=growing rate=0.004 style=colon evals=60",
        "recipe=sgd model=gru rate=2.0 clip=0.5 batch=8 style=csv vocab=1 steps=300",
        "recipe=adafactor rate=0.03 batch=4 clip=0",
    ],
    "adversarial": [
        "recipe=wasserstein critic=3 watch=critic style=jsonl steps=200",
        "recipe=hinge watch=generator kind=adversarial style=colon steps=260",
    ],
    "latent": [
        "recipe=vae warm=120",
        "recipe=diffusion style=csv steps=300",
        "recipe=flow clip=5 style=colon kind=vae rate=0.001",
    ],
    "policy": [
        "recipe=reinforce style=colon",
        "recipe=clipped kind=reinforcement many=16",
    ],
    "regress": [
        "recipe=huber style=csv",
        "recipe=quantile batch=16",
        "recipe=survival batch=24 style=colon rate=0.001",
        "recipe=equation steps=260 rate=0.008",
        "recipe=variance style=jsonl kind=regression clip=1",
        "recipe=counts batch=8 rate=0.002 style=colon",
    ],
    "pairs": [
        "recipe=simclr kind=contrastive",
        "recipe=towers style=jsonl",
        "recipe=byol style=colon rate=0.003",
        "recipe=dpo kind=preference style=csv batch=32",
    ],
    "sequence": [
        "recipe=ctc rate=0.005 style=colon",
        "recipe=sort rate=0.005 style=jsonl",
        "recipe=parity rate=0.004 batch=64 clip=0 steps=300",
    ],
    "vectors": [
        "recipe=words style=csv rate=0.02",
        "recipe=graph steps=200 evals=10 style=colon",
        "recipe=ratings batch=16 decay=0.0002 rate=0.01 steps=300 evals=150",
    ],
    "meta": [
        "recipe=maml style=jsonl steps=200",
        "recipe=distill rate=0.004 kind=distillation",
        "recipe=equilibrium style=colon rate=0.003",
    ],
    "hf": [
        "recipe=lora rate=0.006",
        "recipe=unfreezing rate=0.004 state=0",
        "task=lm rate=0.004 accumulate=2 bf16=1 resumed=100 schedule=constant",
        "task=translate rate=0.01 smooth=0.1 optim=adafactor schedule=constant_with_warmup warm=20 steps=240",
        "task=vit rate=0.004 schedule=cosine_with_restarts clip=0.5 state=0",
        "task=regress batch=4 recipe=layerwise rate=0.003 evals=100",
    ],
    "lit": [
        "task=segment rate=0.005",
        "task=detect rate=0.004 batch=16 epochs=4 csv=0",
        "task=forecast recipe=plateau rate=0.01 epochs=8",
        "task=gan rate=0.001 batch=64 epochs=9 csv=0",
        "task=rare recipe=one-cycle rate=0.02 batch=64 epochs=5",
        "task=digits recipe=averaged rate=0.005 epochs=8 csv=0",
    ],
    "accel": [
        "task=letters accumulate=4 batch=4 rate=0.006 style=jsonl",
        "task=two clip=0.3",
        "task=ratings batch=256 decay=0.3 rate=0.02 schedule=linear style=csv evals=20",
        "task=tags batch=2 rate=0.004 style=colon smooth=0.1",
    ],
}

FAULTY = {
    "digits": {
        "decay-at-every-update": "recipe=decay rate=0.002",
        "softmax-twice": "recipe=sgd rate=0.05 style=colon",
        "head-made-anew": "rate=0.001 style=jsonl",
        "labels-reordered-later": "model=mlp style=csv",
        "biases-far-below-zero": "model=mlp recipe=sgd rate=0.02",
        "momentum-of-statistics-zero": "model=bn rate=0.002",
        "old-weights-loaded": "model=residual rate=0.002 style=colon",
        "gradients-never-cleared": "recipe=sgd rate=0.02",
        "average-hardly-moves": "model=mlp rate=0.003 batch=64",
        "moments-forgotten": "rate=0.003 batch=16",
    },
    "language": {
        "gradients-overflow": "rate=0.004 style=colon",
        "decay-on-everything": "rate=0.01 style=csv",
        "one-bad-update": "style=jsonl",
        "no-places": "rate=0.005",
        "targets-one-too-far": "rate=0.006 style=colon",
        "scores-not-divided": "recipe=cosine rate=0.005",
    },
    "adversarial": {
        "noise-is-constant": "recipe=hinge style=colon kind=adversarial",
        "discriminator-never-steps": "recipe=hinge style=jsonl",
        "no-penalty": "recipe=wasserstein watch=critic critic=2 rate=0.002",
    },
    "latent": {
        "divergence-weighs-too-much": "recipe=vae warm=0 style=colon",
        "noise-drawn-again": "recipe=diffusion",
        "volume-left-out": "recipe=flow style=jsonl rate=0.001",
    },
    "policy": {
        "advantage-with-wrong-sign": "recipe=clipped kind=reinforcement",
        "entropy-punished": "recipe=reinforce style=colon",
    },
    "regress": {
        "shapes-broadcast": "recipe=huber",
        "target-not-scaled": "recipe=mean style=csv",
        "a-bad-row": "recipe=mean style=colon rate=0.002",
        "answer-among-the-features": "recipe=mean style=jsonl rate=0.004",
        "variance-without-floor": "recipe=variance rate=0.005",
    },
    "pairs": {
        "temperature-far-too-high": "recipe=simclr",
        "one-side-shuffled": "recipe=towers style=colon",
        "gradient-into-both-sides": "recipe=byol",
        "reference-is-the-policy": "recipe=dpo kind=preference style=jsonl",
    },
    "sequence": {
        "blank-is-a-symbol": "recipe=ctc",
        "lengths-of-the-wrong-thing": "recipe=ctc style=colon rate=0.004",
        "decoder-sees-its-answer": "recipe=sort rate=0.004 style=jsonl",
    },
    "vectors": {
        "no-negatives": "recipe=words style=colon",
        "far-too-many-hops": "recipe=graph steps=200 decay=0.0005",
        "items-not-in-the-optimizer": "recipe=ratings decay=0.0002 rate=0.01",
    },
    "meta": {
        "teacher-not-loaded": "recipe=distill rate=0.003 style=colon kind=distillation",
        "gradient-stops-at-the-equilibrium": "recipe=equilibrium style=jsonl rate=0.002",
    },
    "hf": {
        "new-head-frozen": "recipe=lora rate=0.003",
        "mask-the-wrong-way": "task=lm rate=0.003 state=0",
        "warm-up-longer-than-the-training": "rate=0.001",
        "label-among-the-tokens": "rate=0.002 state=0",
        "sorted-by-class": "rate=0.002",
        "classes-of-validation-numbered-otherwise": "rate=0.0015",
        "rate-far-too-small": "task=classify rate=0.001 schedule=cosine",
    },
    "lit": {
        "only-the-head-in-the-optimizer": "task=digits rate=0.003",
        "validation-in-training-mode": "task=rare rate=0.003 batch=64 csv=0",
        "clipped-to-almost-nothing": "task=segment recipe=sgd rate=0.02",
        "past-of-another-row": "task=forecast rate=0.005 csv=0",
        "gradients-of-both-mixed": "task=gan rate=0.002 batch=64 epochs=8",
        "background-weighs-too-much": "task=segment rate=0.003",
        "plateau-looks-for-a-maximum": "task=forecast recipe=plateau rate=0.006 epochs=8",
        "validation-drawn-from-the-training-data": "task=digits rate=0.002 csv=0",
    },
    "accel": {
        "iterator-made-anew": "task=letters rate=0.004",
        "schedule-at-every-micro-batch": "task=ratings accumulate=4 batch=32 rate=0.01 schedule=linear decay=0.1",
        "embeddings-far-too-large": "task=letters style=colon",
        "seldom-batches-of-another-scale": "task=two rate=0.002 clip=1000 style=csv",
        "tags-moved-by-one": "task=tags rate=0.003",
    },
}

FRAMEWORKS = {"hf": "transformers", "lit": "lightning", "accel": "accelerate"}


def log_of(program, options):
    """Where a run's log is."""
    if program == "hf":
        return "log.txt" if "state=0" in options else "trainer_state.json"
    if program == "lit":
        return "log.txt" if "csv=0" in options else "metrics.csv"
    return "log.csv" if "style=csv" in options else "log.jsonl" if "style=jsonl" in options else "log.txt"


def runs():
    """All of them, in an order that says nothing."""
    made = []
    for program, healthy in HEALTHY.items():
        rows = [(options, None) for options in healthy] + [
            (options, fault) for fault, options in FAULTY[program].items()
        ]
        random.Random(program).shuffle(rows)
        for i, (options, fault) in enumerate(rows):
            seed = zlib.crc32(f"fourth {program} {fault} {options}".encode()) % 10**6
            made.append(
                Case(
                    f"{program}-{i + 1:02}",
                    program,
                    options,
                    fault,
                    log_of(program, options),
                    FRAMEWORKS.get(program, "plain"),
                    seed,
                )
            )
    return made


RUNS = runs()
