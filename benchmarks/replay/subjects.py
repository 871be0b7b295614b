"""Every run of the benchmark: injected ones by kind, and healthy ones."""

from collections.abc import Iterator

from kinds import KINDS, Kind, Run, setup_of
from labelled import HEALTHY, Labelled, Split
from own_kinds import OWN_KINDS, OwnKind
from own_runs import OwnTraining
from training import Training

_SGD = {"optimizer": "sgd"}
_COSINE = {"schedule": "cosine", "warm_up": 20}
_LOOPS = (
    Run("mlp", ()),
    Run("cnn", (), changes=_SGD),
    Run("lstm", (), changes=_COSINE),
    Run("transformer", (), changes={"dropout": 0.1}),
    Run("mlp", (), times=4, changes={**_COSINE, "dropout": 0.2}),
    Run("cnn", ()),
    Run("lstm", (), changes={**_SGD, "clip": 1.0}),
    Run("transformer", (), times=2, changes={"schedule": "cosine", "clip": 1.0}),
    Run("mlp", (), changes=_SGD),
)
_OURS = (
    ("stack", {"model.rule": "gated"}),
    ("stack", {"model.rule": "additive"}),
    ("cell", {"model.rule": "gated"}),
    ("cell", {"model.rule": "additive", "model.norm": "read"}),
)
_TUNED = (0, 2, 9)  # numbers of healthy runs that are for tuning


def every_run(split: Split | None = None) -> list[Labelled]:
    """Return all runs, or those of one split: injected ones first."""
    runs = [*_injected(), *_healthy()]
    return [run for run in runs if split is None or run.split == split]


def kind_names(split: Split) -> list[str]:
    """Return the kinds of injected causes of one split, each once."""
    return list(dict.fromkeys(run.kind for run in every_run(split) if not run.healthy))


def what_is_injected(kind: str) -> str:
    """Return what is done to the healthy twin, in a sentence."""
    return KINDS[kind].what if kind in KINDS else OWN_KINDS[kind].what


def _injected() -> Iterator[Labelled]:
    for place, kind in enumerate(KINDS.values()):
        for number, run in enumerate(kind.runs):
            yield _of_loop(kind, run, number, 1000 * (place + 1) + number + run.skipped)
    for place, own in enumerate(OWN_KINDS.values()):
        before = len(KINDS[own.name].runs) if own.name in KINDS else 0
        for number, seed in enumerate(own.seeds):
            yield _of_ours(own, before + number, 100_000 + 1000 * place + seed)


def _of_loop(kind: Kind, run: Run, number: int, seed: int) -> Labelled:
    setup = setup_of(run, seed)
    faults = [fault(setup, size) for fault, size in zip(kind.faults, run.sizes, strict=True)]
    return Labelled(
        name=f"{kind.name}-{number}",
        kind=kind.name,
        split=kind.split,
        causes=kind.causes,
        training=Training(setup, faults),
        twin=Training(setup),
        alone=[Training(setup, [fault]) for fault in faults] if len(faults) > 1 else [],
    )


def _of_ours(kind: OwnKind, number: int, seed: int) -> Labelled:
    return Labelled(
        name=f"{kind.name}-{number}",
        kind=kind.name,
        split=kind.split,
        causes=kind.causes,
        training=kind.training(seed, injected=True),
        twin=kind.training(seed, injected=False),
    )


def _healthy() -> Iterator[Labelled]:
    loops = [Training(setup_of(run, 500_000 + number)) for number, run in enumerate(_LOOPS)]
    ours = [OwnTraining(body, 510_000 + number, (changes,)) for number, (body, changes) in enumerate(_OURS)]
    for number, training in enumerate([*loops, *ours]):
        split: Split = "tuning" if number in _TUNED else "report"
        yield Labelled(name=f"{HEALTHY}-{number}", kind=HEALTHY, split=split, causes=(), training=training)
