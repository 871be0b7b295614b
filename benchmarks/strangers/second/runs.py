"""The runs of the second set: which program, which switch, which style of log. Order is of no meaning."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        program: module of programs/.
        style: style of its lines (programs/common.py); the Trainer and Lightning have their own.
        kind: kind of fault (kinds.toml here); "healthy" without one.
        fault: the switch in the program, if it has another name than the kind.
        steps: the first and the last update on which the fault acts; None for "to the end".
        ending: of the log's name.
        values: further options of the program.
    """

    program: str
    style: str
    kind: str = "healthy"
    fault: str = ""
    steps: tuple[int, int | None] = (0, None)
    ending: str = "log"
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def switch(self) -> str:
        """The fault's name in the program."""
        return "" if self.kind == "healthy" else self.fault or self.kind


def _ok(program: str, style: str, ending: str = "log", **values: Any) -> Run:
    return Run(program, style, ending=ending, values=values)


def _bad(
    program: str, style: str, kind: str, fault: str = "", ending: str = "log", since: int = 0, **values: Any
) -> Run:
    if since:
        values["at"] = since
    return Run(program, style, kind, fault, (since, None), ending, values)


HEALTHY = [
    _ok("language", "pipe", restarts=140, steps=700, rename={"loss": "nll", "val_loss": "dev_nll"}),
    _ok("language", "jsonl", "jsonl", batch=2, every=1, steps=600, shows=("norm",), evaluates=False),
    _ok("language", "logging", curriculum=True, steps=700, shows=()),
    _ok("language", "tune", half=True, lr=1e-3, steps=500, every=5, shows=("lr",)),
    _ok("language", "dict", experts=4, shows=("lr", "balance"), steps=500),
    _ok("language", "megatron", amp=True, dynamic=True, shows=("lr", "norm", "scale"), steps=600, evaluates=False),
    _ok("language", "nano", steps=800, lr=2e-3, shows=(), every_eval=80),
    _ok("language", "fairseq", resume=300, steps=600, per_epoch=150, shows=("lr", "norm"), ppl=True),
    _ok("images", "keras", batch=8, count=800, epochs=14),
    _ok("images", "csv", "csv", mixup=True, dropout=0.3, epochs=16, shows=("lr",), rename={"loss": "train_loss"}),
    _ok("images", "tqdm", per_step=True, every=2, running=True, epochs=8, shows=("acc",)),
    _ok("images", "arrow", pretrained=True, lr=1e-5, epochs=12),
    _ok("images", "table", "txt", pretrained=True, frozen=True, unfreeze=6, epochs=14, lr=1e-3),
    _ok("images", "imagenet", schedule="restarts", sgd=True, lr=0.1, epochs=12, per_step=True, every=10),
    _ok(
        "images",
        "semicolon",
        "csv",
        weights=[8.0, 1, 1, 0.5, 1, 1],
        balanced=True,
        epochs=15,
        rename={"val_loss": "dev loss"},
    ),
    _ok("images", "mnist", average_from=6, per_step=True, every=10, epochs=10),
    _ok("masks", "mmengine", per_epoch=100, steps=600),
    _ok("masks", "detectron", task="boxes", steps=700, every=20),
    _ok("speech", "logging", noise=1.3, lr=1e-3, steps=600, shows=("norm",)),
    _ok("table", "boost", epochs=300, patience=15, noise=0.5, count=400, lr=1e-3, schedule="constant"),
    _ok("table", "tsv", "tsv", size=60.0, lr=2e-2, epochs=50, rename={"loss": "mse", "val_loss": "mse_dev"}),
    _ok("table", "pipe", task="density", noise=0.02, epochs=40, per_step=True, every=10),
    _ok("series", "dict", difference=True, steps=400, gain=0.9),
    _ok("latent", "logging", rise=400, steps=900, shows=("norm",)),
    _ok("latent", "csv", "csv", task="vq", steps=700),
    _ok("denoise", "jsonl", "jsonl", every=1, steps=900, evaluates=False, every_eval=150),
    _ok("adversary", "pipe", shows_d=True, steps=1500),
    _ok("adversary", "csv", "csv", wasserstein=True, steps=500, spread=True, every=5),
    _ok("policy", "box", steps=50, lr=5e-4),
    _ok("policy", "csv", "csv", task="dqn", steps=1400, rename={"reward": "episode_reward"}),
    _ok("pairs", "dict", steps=220, gap=0.08),
    _ok("towers", "pipe", task="triplets", steps=500),
    _ok("modular", "csv", "csv", steps=4500, prime=23, share=0.8, decay=2.0, lr=3e-3),
    _ok("hf", "own", "json", tuned=True, adapters=True, llama=True, lr=2e-4, steps=240, prompts=True),
    _ok("hf", "own", "txt", steps=300, accumulate=2, batch=4, schedule="cosine", every=1, evaluates=False),
    _ok("lit", "own", "csv", on_step=False, epochs=25, lr=1e-3, dropout=0.4),
]

FAULTY = [
    _bad("language", "fairseq", "padding counted", padded=True, per_epoch=100, steps=600, shows=("lr",)),
    _bad("language", "pipe", "perplexity of another base", ppl=True, steps=600, shows=()),
    _bad(
        "language", "csv", "eps of Adam too large", "eps too large", "csv", eps_bad=1.0, steps=600, shows=("lr", "norm")
    ),
    _bad("table", "arrow", "momentum too high", sgd=True, lr=0.02, epochs=40),
    _bad(
        "language",
        "jsonl",
        "batch without targets",
        ending="jsonl",
        since=100,
        guard=True,
        every=1,
        steps=450,
        shows=("lr",),
    ),
    _bad("language", "dict", "balance with the wrong sign", experts=4, shows=("lr", "balance"), steps=500),
    _bad("language", "tune", "same batch several times", times=10, every=1, steps=500, shows=("lr",), evaluates=True),
    _bad(
        "language",
        "megatron",
        "clipped before unscaling",
        amp=True,
        sgd=True,
        lr=0.3,
        shows=("lr", "norm", "scale"),
        steps=500,
    ),
    _bad(
        "language",
        "megatron",
        "gradient of a root of zero",
        "norm of zero",
        since=260,
        amp=True,
        dynamic=True,
        steps=500,
        shows=("lr", "scale"),
    ),
    _bad("language", "nano", "smoothing too strong", steps=700, smoothing=0.5, shows=(), every_eval=70),
    _bad("language", "jsonl", "replicas never talk", ending="jsonl", domains=True, steps=600, shows=("lr",)),
    _bad("language", "pipe", "eps rounds to zero", half=True, lr=1e-3, steps=300, every=5, shows=("lr",)),
    _bad(
        "language", "csv", "validation set replaced", ending="csv", since=400, steps=700, every_eval=50, shows=("lr",)
    ),
    _bad("language", "logging", "warm-up never ends", steps=500, shows=("lr",), rename={"lr": "learning_rate"}),
    _bad("images", "keras", "stays in evaluation mode", dropout=0.4, epochs=14, lr=4e-3),
    _bad(
        "images",
        "csv",
        "norm statistics of one batch",
        ending="csv",
        batch=8,
        count=800,
        epochs=20,
        schedule="constant",
        lr=3e-3,
    ),
    _bad(
        "images", "arrow", "weights of classes turned round", weights=[8.0, 1, 1, 0.5, 1, 1], balanced=True, epochs=15
    ),
    _bad("images", "logging", "mixed pictures with one label", mixup=True, epochs=15),
    _bad("images", "table", "labels wrong in part", ending="txt", epochs=20, part=0.4, width=24, lr=4e-3),
    _bad("images", "pipe", "pre-trained weights not loaded", pretrained=True, frozen=True, epochs=15, lr=1e-3),
    _bad("images", "keras", "accuracy divided wrongly", epochs=12),
    _bad(
        "images",
        "semicolon",
        "plateau scheduler asks for a maximum",
        "scheduler of the plateau asks for a maximum",
        "csv",
        schedule="plateau",
        epochs=24,
        shows=("lr",),
        lr=1e-3,
        noise=0.4,
    ),
    _bad(
        "images",
        "logging",
        "old weights loaded again and again",
        "worst weights loaded each epoch",
        epochs=15,
        schedule="constant",
        rename={"loss": "train loss"},
    ),
    _bad("images", "tqdm", "loader delivers zeros", since=250, per_step=True, every=3, epochs=10, shows=("acc",)),
    _bad("images", "csv", "augmentation destroys the picture", "erased nearly all", "csv", epochs=15, shows=("lr",)),
    _bad(
        "images",
        "table",
        "averaged model without norm statistics",
        "averaged model without its norm statistics",
        average_from=7,
        epochs=14,
        since=350,
    ),
    _bad(
        "images",
        "imagenet",
        "unfrozen with a high rate",
        pretrained=True,
        frozen=True,
        unfreeze=5,
        since=250,
        times=200,
        per_step=True,
        every=10,
        epochs=10,
        lr=1e-3,
        schedule="constant",
    ),
    _bad(
        "images",
        "mnist",
        "parameters missing in the optimizer",
        "optimizer of another model",
        per_step=True,
        every=10,
        epochs=6,
    ),
    _bad("images", "dict", "inputs scaled away", "integer division", epochs=10),
    _bad("images", "tqdm", "data sorted by class", per_step=True, every=2, epochs=6, shows=()),
    _bad(
        "images",
        "mmengine",
        "evaluation with another preprocessing",
        "validation colours turned round",
        per_step=True,
        every=10,
        epochs=10,
        shows=("lr",),
    ),
    _bad("masks", "logging", "targets outside their range", "masks from 0 to 255", parts="cross", steps=500),
    _bad("masks", "pipe", "smoothing swamps the overlap", parts="dice", steps=500),
    _bad("masks", "mmengine", "mask not turned with its picture", per_epoch=100, steps=600),
    _bad("masks", "csv", "background ignored", ending="csv", parts="cross", steps=500),
    _bad(
        "masks", "detectron", "one part of the loss outweighs", "box loss in pixels", task="boxes", steps=700, every=20
    ),
    _bad("masks", "detectron", "boxes in another format in evaluation", task="boxes", steps=600, every=20),
    _bad("speech", "logging", "outputs shorter than targets", guard=True, steps=300, shows=("norm",)),
    _bad("speech", "table", "decoder with another blank", ending="txt", steps=400),
    _bad("table", "boost", "validation from elsewhere", "validation of a later time", epochs=60),
    _bad("series", "dict", "validation from elsewhere", "validation beyond the range", steps=400),
    _bad("table", "keras", "columns of very different size", features=True, epochs=40, sgd=True, lr=0.01),
    _bad("table", "pipe", "missing values", part=0.0003, per_step=True, every=5, epochs=20, shows=("norm",)),
    _bad("table", "csv", "outliers among the targets", ending="csv", per_step=True, every=1, epochs=25, far=40.0),
    _bad(
        "table",
        "tsv",
        "evaluation with another preprocessing",
        "categories numbered anew for validation",
        "tsv",
        epochs=50,
    ),
    _bad(
        "table",
        "logging",
        "targets not scaled",
        level=3e4,
        size=4e3,
        standardise=True,
        epochs=40,
        shows=("lr",),
        r2=True,
    ),
    _bad("table", "keras", "validation loss in other units", level=20.0, size=5.0, standardise=True, epochs=40),
    _bad(
        "table",
        "dict",
        "variance without a floor",
        task="density",
        noise=0.0,
        count=120,
        epochs=260,
        batch=30,
        lr=4e-3,
        per_step=True,
        every=10,
        schedule="constant",
    ),
    _bad(
        "table",
        "table",
        "huber far too narrow",
        ending="txt",
        huber=True,
        sgd=True,
        lr=0.02,
        epochs=40,
        shows=("norm",),
    ),
    _bad(
        "table",
        "arrow",
        "validation leaks into training",
        "validation rows in training",
        epochs=40,
        noise=0.6,
        count=1000,
    ),
    _bad("table", "boost", "clip far too low", clip=1.0, sgd=True, lr=0.02, epochs=50),
    _bad("series", "csv", "recurrent state explodes", ending="csv", gain=0.95, steps=400, length=40),
    _bad("series", "pipe", "unit changes in the stream", since=250, steps=500, unit=8.0),
    _bad("series", "logging", "state of other series kept", steps=400, every=10),
    _bad("series", "jsonl", "teacher forcing mismatch", "evaluated on its own outputs", "jsonl", steps=500),
    _bad("latent", "dict", "divergence with the wrong sign", steps=500),
    _bad("latent", "pipe", "KL collapse", "divergence summed, likeness averaged", steps=600),
    _bad("latent", "logging", "variance of the code not bounded", steps=600, shows=("norm",)),
    _bad("latent", "csv", "codebook collapses", ending="csv", task="vq", steps=700),
    _bad("latent", "table", "encoder not tied to the codebook", ending="txt", task="vq", steps=900),
    _bad("denoise", "pipe", "average far too slow", steps=1200),
    _bad("denoise", "logging", "one time only", steps=1000),
    _bad("denoise", "csv", "weights by time without a bound", ending="csv", weighted=True, steps=1200, shows=("norm",)),
    _bad("adversary", "pipe", "one heap only", spread=True, steps=1500, shows_d=True),
    _bad("adversary", "jsonl", "critic without a bound", ending="jsonl", wasserstein=True, steps=500),
    _bad("adversary", "logging", "generator told the labels of the other", steps=1000, shows_d=True),
    _bad("policy", "box", "ratio always one", steps=45),
    _bad("policy", "csv", "entropy bonus with the wrong sign", ending="csv", steps=50),
    _bad("policy", "jsonl", "advantages of other episodes", ending="jsonl", steps=50),
    _bad("policy", "box", "one part of the loss outweighs", "rewards not scaled", steps=50),
    _bad("policy", "dict", "reward never reaches the learner", steps=45),
    _bad("policy", "pipe", "bootstrap past the end of episodes", task="dqn", steps=1400),
    _bad("policy", "logging", "exploration never ends", task="dqn", steps=1400),
    _bad("pairs", "dict", "reference of other pairs", steps=220),
    _bad("pairs", "jsonl", "policy runs away from its reference", ending="jsonl", steps=220),
    _bad(
        "pairs",
        "pipe",
        "reward read at the wrong place",
        "reward read at the first token",
        task="rm",
        steps=300,
        shows=("norm",),
    ),
    _bad("towers", "tune", "captions of other pictures", steps=500),
    _bad("towers", "pipe", "duplicates among the negatives", since=300, steps=600),
    _bad(
        "towers",
        "logging",
        "representation collapse",
        "all representations the same",
        task="triplets",
        steps=500,
        normal=True,
    ),
    _bad("towers", "csv", "teacher in training mode", ending="csv", task="student", steps=600),
    _bad("towers", "pipe", "divergence of probabilities, not logarithms", task="student", steps=500),
    _bad("towers", "dict", "teacher answers for other inputs", task="student", steps=500),
    _bad("hf", "own", "every label masked", ending="json", tuned=True, steps=160, filter=True, every=5),
    _bad(
        "hf",
        "own",
        "initialisation at zero",
        "both sides of the adapter at zero",
        "txt",
        tuned=True,
        adapters=True,
        steps=160,
        every=5,
    ),
    _bad(
        "hf",
        "own",
        "adapter merged again and again",
        ending="json",
        tuned=True,
        adapters=True,
        llama=True,
        steps=400,
        merge=60,
        since=60,
    ),
    _bad("hf", "own", "rate too high", ending="txt", tuned=True, steps=240, lr=1e-3, times=60, every=5),
    _bad("lit", "own", "gradient cut off", ending="csv", epochs=10, rates=True),
    _bad("lit", "own", "debugging switch left on", ending="csv", epochs=80, every=1),
    _bad("lit", "own", "schedule stepped too often", ending="csv", schedule="exponential", epochs=15, rates=True),
    _bad(
        "lit",
        "own",
        "validation labels misaligned",
        "labels of validation sorted otherwise",
        "csv",
        epochs=14,
        on_step=False,
    ),
]


def named() -> dict[str, Run]:
    """Return the runs by name: the program and a number."""
    count: dict[str, int] = {}
    result = {}
    for run in sorted(
        [*HEALTHY, *FAULTY], key=lambda run: (run.program, repr(sorted(run.values.items(), key=str)), run.kind)
    ):
        count[run.program] = count.get(run.program, 0) + 1
        result[f"{run.program}-{count[run.program]:02d}"] = run
    return result
