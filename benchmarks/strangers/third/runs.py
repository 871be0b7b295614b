"""The runs: program, switch ("" is a healthy one), whether it is recorded too, options.

A run's name is its program and a number; the number says nothing. Seeds come from what a run is, and a twin has its
run's seed.
"""

from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True)
class Run:
    """One training."""

    program: str
    fault: str
    record: bool
    options: str
    name: str = ""

    @property
    def seed(self):
        """The same for a run and its twin."""
        return crc32(f"{self.program} {self.fault} {self.options}".encode()) % 1_000_000

    @property
    def framework(self):
        """What trains."""
        return {"hf": "transformers", "lit": "lightning", "acc": "accelerate"}.get(self.program, "plain")

    @property
    def log(self):
        """The name of its log."""
        style = dict(pair.split("=") for pair in self.options.split()).get("style", "")
        if self.program == "lit":
            return "log.txt" if style == "print" else "metrics.csv"
        if self.program == "hf":
            return "log.txt" if style == "stdout" else "trainer_state.json"
        return {"csv": "log.csv", "tsv": "log.tsv", "jsonl": "log.jsonl"}.get(style, "log.txt")


NO, YES = False, True

LISTED = [
    # healthy, plain loops
    ("images", "", NO, "style=mnist schedule=cosine lr=0.05"),
    ("images", "", NO, "style=keras model=mlp opt=adam lr=0.002 smoothing=0.2 epochs=10"),
    ("images", "", YES, "style=detectron model=mlp batch=4 lr=0.003 epochs=3 every=20"),
    ("images", "", YES, "style=tqdm schedule=restarts lr=0.1 epochs=6 every=2"),
    ("images", "", NO, "style=keras mixup=1 epochs=10 lr=0.03"),
    ("images", "", YES, "style=loguru curriculum=1 epochs=6 lr=0.02 every=6"),
    ("images", "", NO, "style=tsv schedule=rangetest lr=0.00001 model=mlp epochs=4 every=2"),
    ("images", "", NO, "style=keras folds=4 epochs=4 model=mlp lr=0.03"),
    ("images", "", YES, "style=logging dropout=0.5 augment=1 epochs=8 lr=0.02 every=11"),
    ("language", "", YES, "style=iter steps=260"),
    ("language", "", NO, "style=pipe schedule=wsd steps=300 dropout=0.1"),
    ("language", "", YES, "style=jsonl grow_length=1 steps=270 show_tokens=1"),
    ("language", "", NO, "style=absl mixture=1 steps=300 every=5 evals=0"),
    ("language", "", NO, "style=dict characters=800 evals=0 steps=300 wd=0"),
    ("recurrent", "", YES, "style=logging steps=900 length=16 lr=0.008 every=20"),
    ("tabular", "", YES, "style=dict task=variance epochs=10"),
    ("tabular", "", YES, "style=sentence opt=lbfgs epochs=6 batch=480"),
    ("tabular", "", NO, "style=table task=diabetes raw_target=1 lr=0.01 epochs=30 r2=1"),
    ("generative", "", YES, "style=csv anneal=1 beta=0.15"),
    ("generative", "", YES, "style=dict task=gan"),
    ("generative", "", NO, "style=tsv task=gan wasserstein=1 steps=500"),
    ("generative", "", NO, "style=pipe task=diffusion"),
    ("reinforcement", "", YES, "style=blocks task=ppo updates=45"),
    ("reinforcement", "", NO, "style=episodes task=dqn steps=5000"),
    ("representation", "", YES, "style=logfmt task=simclr steps=300"),
    ("representation", "", YES, "style=fairseq task=distill steps=400"),
    ("ranks", "", YES, "style=tqdm ddp=1"),
    # healthy, frameworks
    ("hf", "", YES, "style=state pretrain=150 lr=0.0005 steps=120"),
    ("hf", "", NO, "style=stdout resume_at=80 steps=160"),
    ("hf", "", NO, "style=state task=masked schedule=cosine_with_restarts steps=180"),
    ("hf", "", YES, "style=stdout task=classifier steps=150 lr=0.001"),
    ("hf", "", NO, "style=state lora=1 pretrain=150 steps=120 lr=0.003"),
    ("hf", "", NO, "style=stdout family=llama accumulate=2 steps=100 smoothing=0.1"),
    ("lit", "", YES, "style=csv schedule=cosine"),
    ("lit", "", NO, "style=print task=regressor epochs=12"),
    ("lit", "", YES, "style=print task=gan epochs=12 every=5"),
    ("lit", "", NO, "style=csv averages=1 few=480 epochs=12 every=5"),
    ("acc", "", YES, "style=jsonl epochs=1 accumulate=1"),
    ("acc", "", NO, "style=csv task=images bf16=1 margin=1 epochs=4 lr=0.003 model=mlp evals=44"),
    # faulty, plain loops: images
    ("images", "images-shuffled-alone", NO, "style=sentence model=mlp opt=adam lr=0.002 epochs=15"),
    ("images", "scaled-in-place", YES, "style=logging lr=0.02 epochs=6 every=6"),
    ("images", "augmented-in-place", NO, "style=csv lr=0.02 epochs=8 every=8 model=mlp"),
    ("images", "stays-in-evaluation-mode", YES, "style=loguru model=mlp dropout=0.5 lr=0.02 epochs=8 every=6"),
    ("images", "evaluates-in-training-mode", YES, "style=ignite model=mlp dropout=0.5 lr=0.02 epochs=8 every=11"),
    ("images", "optimizer-of-another-model", NO, "style=mmengine lr=0.03 epochs=4 every=6"),
    ("images", "plateau-mode", NO, "style=table schedule=plateau model=mlp lr=0.005 epochs=16"),
    ("images", "cosine-length-in-epochs", YES, "style=csv schedule=cosine model=mlp lr=0.05 epochs=10 every=2"),
    ("images", "deep-sigmoid", YES, "style=keras model=mlp depth=8 opt=adam lr=0.001 epochs=6"),
    ("images", "accuracy-per-batch", NO, "style=keras model=mlp lr=0.02 epochs=8"),
    ("images", "running-mean-not-reset", NO, "style=logging model=mlp smooth=1 lr=0.02 epochs=8 every=4"),
    ("images", "split-not-shuffled", YES, "style=table model=mlp lr=0.02 epochs=10"),
    ("images", "shard-broken", YES, "style=jsonl model=mlp lr=0.02 epochs=10 every=1 ordered=1"),
    ("images", "average-too-slow", NO, "style=sentence ema=1 lr=0.03 epochs=8"),
    ("images", "folds-not-reset", NO, "style=keras folds=5 epochs=4 model=mlp lr=0.03"),
    ("images", "resumes-from-nothing", YES, "style=logging resume=1 lr=0.02 epochs=8 every=8"),
    # language
    ("language", "sees-the-future", YES, "style=pipe steps=300"),
    ("language", "validation-other-vocabulary", NO, "style=iter steps=240 show_norm=0"),
    ("language", "scale-overflows", YES, "style=loguru steps=150 every=5"),
    ("language", "accumulation-not-divided", NO, "style=megatron accumulate=8 batch=4 steps=150 clip=0 every=5"),
    ("language", "sources-one-after-another", YES, "style=jsonl steps=300 schedule=constant every=5"),
    ("language", "same-document-again", YES, "style=iter steps=300 every=5"),
    ("language", "damaged-shard", NO, "style=absl steps=300 every=5"),
    ("language", "unknown-from-a-step", NO, "style=logfmt steps=300 every=5"),
    ("language", "detached-in-the-middle", YES, "style=iter steps=240 layers=3"),
    ("language", "decays-too-early", NO, "style=fairseq steps=300"),
    ("language", "rate-changed-midway", YES, "style=pipe steps=300 every=5 show_lr=0"),
    # recurrent and tables
    ("recurrent", "recurrence-too-strong", YES,
     "style=csv cell=RNN opt=sgd lr=0.03 clip=0 length=50 steps=300 every=5 show_norm=1"),
    ("recurrent", "root-of-zero", YES, "style=dict pairs=1 steps=500 every=10"),
    ("recurrent", "history-recomputed", NO, "style=jsonl task=forecast steps=500 every=10 show_time=1"),
    ("recurrent", "target-is-in-the-input", NO, "style=sentence task=forecast per_epoch=50 evals=50 steps=400 every=1"),
    ("tabular", "one-outlier", NO, "style=logging epochs=8 opt=sgd lr=0.01"),
    ("tabular", "ends-in-relu", YES, "style=sentence epochs=10 r2=1"),
    ("tabular", "one-task-drowns", NO, "style=tsv task=both epochs=14"),
    ("tabular", "fits-the-error", NO, "style=table epochs=8"),
    # generative
    ("generative", "divergence-sign", NO, "style=logfmt beta=0.1 epochs=10"),
    ("generative", "critic-too-strong", YES, "style=dict task=gan steps=500 lr=0.0003"),
    ("generative", "penalty-forgotten", NO, "style=tsv task=gan wasserstein=1 steps=500 lr=0.003"),
    ("generative", "target-drawn-anew", YES, "style=pipe task=diffusion steps=500"),
    # reinforcement
    ("reinforcement", "advantage-sign", NO, "style=blocks task=ppo updates=40"),
    ("reinforcement", "entropy-bonus-too-high", YES, "style=csv task=ppo updates=40"),
    ("reinforcement", "discount-above-one", YES, "style=episodes task=dqn steps=5000"),
    ("reinforcement", "policy-detached", NO, "style=logging task=reinforce episodes=200"),
    # representations
    ("representation", "pairs-do-not-belong", NO, "style=logfmt task=simclr steps=300"),
    ("representation", "gradient-into-the-target", YES, "style=tqdm task=siamese steps=300"),
    ("representation", "teacher-untrained", NO, "style=fairseq task=distill steps=400"),
    ("representation", "reference-is-the-policy", YES, "style=dict task=preferences"),
    ("representation", "no-balance-loss", NO, "style=jsonl task=experts steps=400"),
    # several processes
    ("ranks", "ranks-train-alone", YES, "style=logging"),
    ("ranks", "head-not-synchronised", YES, "style=csv"),
    ("ranks", "one-rank-wrong-labels", YES, "style=logging ddp=1 own_loss=1"),
    # transformers
    ("hf", "everything-masked", NO, "style=stdout steps=100"),
    ("hf", "padding-in-the-loss", NO, "style=state padded=1 steps=160"),
    ("hf", "vocabulary-of-another-file", YES, "style=state steps=160"),
    ("hf", "checkpoint-not-loaded", NO, "style=stdout pretrain=150 lr=0.0005 steps=120"),
    ("hf", "masks-nearly-everything", NO, "style=state task=masked steps=160"),
    ("hf", "label-names-in-another-order", NO, "style=state task=classifier steps=160 lr=0.001"),
    ("hf", "one-class-is-nearly-all", NO, "style=stdout task=classifier steps=150 lr=0.001"),
    ("hf", "sorted-by-class", YES, "style=state task=classifier steps=150 lr=0.001"),
    ("hf", "frozen-by-mistake", YES, "style=state task=classifier steps=150 lr=0.001"),
    ("hf", "both-adapters-zero", YES, "style=stdout lora=1 pretrain=150 lr=0.003 steps=100"),
    ("hf", "weights-in-bfloat16", YES, "style=state lr=0.00002 steps=160 schedule=constant pretrain=40"),
    ("hf", "rate-too-high", YES, "style=state pretrain=150 lr=0.0005 steps=120 clip=0"),
    ("hf", "decay-too-strong", YES, "style=state steps=160"),
    # Lightning
    ("lit", "softmax-twice", NO, "style=print epochs=8"),
    ("lit", "graph-cut", YES, "style=print epochs=4"),
    ("lit", "manual-without-clearing", NO, "style=csv manual=1 lr=0.02"),
    ("lit", "warmup-stepped-by-epoch", NO, "style=csv schedule=warmup lr=0.02 epochs=6"),
    ("lit", "cycle-counts-micro-batches", YES, "style=csv schedule=onecycle accumulate=4 lr=0.05 epochs=10"),
    ("lit", "optimizer-without-the-body", YES, "style=csv epochs=6"),
    ("lit", "averages-left-in", YES, "style=csv averages=1 few=480 epochs=12 every=5"),
    ("lit", "swa-rate-too-high", NO, "style=csv swa=1 epochs=10 lr=0.02"),
    ("lit", "shapes-broadcast", NO, "style=csv task=regressor epochs=12"),
    ("lit", "output-cannot-reach", NO, "style=csv task=autoencoder epochs=12"),
    ("lit", "generator-not-stepped", YES, "style=csv task=gan epochs=12 every=5"),
    ("lit", "validation-not-normalized", YES, "style=print epochs=8"),
    # accelerate
    ("acc", "schedule-by-micro-batch", YES, "style=csv accumulate=4 batch=4 epochs=1 warmup=10"),
    ("acc", "rate-scaled-by-processes", NO, "style=dict epochs=1 warmup=1 lr=0.004"),
    ("acc", "resumes-old-weights", YES, "style=jsonl epochs=1 resume_at=90"),
    ("acc", "pulled-back-too-hard", YES, "style=logging epochs=1 pull=1"),
]  # fmt: skip


def named():
    """All runs with their names: numbers in an order that has nothing to do with what is wrong."""
    shown = []
    for program in dict.fromkeys(row[0] for row in LISTED):
        mine = [Run(*row) for row in LISTED if row[0] == program]
        mine.sort(key=lambda run: crc32(f"order {run.seed}".encode()))
        shown += [Run(r.program, r.fault, r.record, r.options, f"{program}-{i + 1:02d}") for i, r in enumerate(mine)]
    assert len({run.seed for run in shown}) == len(shown)
    return shown


RUNS = named()
