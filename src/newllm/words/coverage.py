"""What of a run was looked at and found sound, what could not be looked at, and what the ledger of its state shows."""

import functools
from collections.abc import Sequence

import numpy as np

from newllm.diagnosis.coverage import FEWEST, doubtful, sound
from newllm.diagnosis.detectors.changed_state import PARTS
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite, is_validation, loss_names
from newllm.diagnosis.roles import role_of
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import Catalogue, Message, catalogue, message
from newllm.trace import Finding, Trace
from newllm.trace.readers.clip_limit import is_clip_limit
from newllm.trace.readers.naming import meaning
from newllm.trace.readers.naming import words as words_of
from newllm.words.labels import axis_label
from newllm.words.plain import plain

_OF_LAYERS = {"gradient_norm", "weight_norm", "update_norm", "update_ratio", "activation_rms"}
OFTEN_UNNAMED = ("learning_rate", "gradient_norm")
"""Signals of which a log often has a column under a name that does not say so."""
_NAMED = 3  # columns that mean nothing here
_LARGEST_RATE = 10.0  # of a learning rate
_TURNS = 0.2  # of its changes that go the other way than the one before: a schedule rarely turns, an accuracy often
_SAID = {"acc", "accuracy", "auc", "auroc", "beta", "bleu", "cer", "cindex", "dice", "epsilon", "f1", "iou", "jaccard",
         "loss", "map", "miou", "momentum", "precision", "psnr", "recall", "rouge", "ssim", "temperature",
         "wer"}  # fmt: skip
"""Last words of names that say what a column is, though nothing here is read in it."""
_NO_WORDS = {"mean", "avg", "average"}
_SHARE = "ledger_share"  # what the recorder writes wherever it watches


def sound_subjects(words: Catalogue, trace: Trace, facts: Facts, findings: Sequence[Finding]) -> list[str]:
    """Return what was looked at and raised no alarm."""
    said = {"state": {"percent": _percent_watched(trace)}}
    return [words(f"checked-{name}", **said.get(name, {})) for name in sound(trace, facts, findings)]


def doubtful_subjects(words: Catalogue, trace: Trace, facts: Facts, findings: Sequence[Finding]) -> list[str]:
    """Return what raised no alarm and is not called sound either."""
    return [words(f"checked-{name}") for name in doubtful(trace, facts, findings)]


def checked(words: Catalogue, trace: Trace, facts: Facts, findings: Sequence[Finding]) -> str:
    """Return in one line what was looked at and raised no alarm; empty where nothing was."""
    found = {"checked": sound_subjects, "doubtful": doubtful_subjects}
    named = {line: subjects(words, trace, facts, findings) for line, subjects in found.items()}
    lines = [words(line, subjects=words("list").join(names)) for line, names in named.items() if names]
    return words("sentence-gap").join(lines)


def unseen(trace: Trace, facts: Facts) -> Message | None:
    """Return what could not be looked at because the log has nothing of it, in one line; None where it has all."""
    parts = unseen_parts(trace, facts)
    return message("unseen", parts=functools.reduce(_also, parts)) if parts else None


def unseen_parts(trace: Trace, facts: Facts) -> list[Message]:
    """Return the same thing by thing."""
    has = {name.split("/")[0] for name in trace.signals}
    layers = {name.split("/")[0] for name in trace.signals if "/" in name} & _OF_LAYERS
    recorded = facts.origin == "record"
    missing = [
        *(["validation"] if not any(name.startswith("validation") for name in has) else []),
        *(["gradients"] if not has & {"gradient_norm", "gradient_norm_clipped"} else []),
        *(["layers"] if not layers else []),
        *(["data"] if facts.data is None else []),
    ]
    trained = any(not is_validation(name) for name in loss_names(trace))
    parts = [] if trained else [message("unseen-training-loss")]
    if missing and recorded:
        parts += [message(f"unseen-{name}-uncalled") for name in missing if name in {"validation", "data"}]
    elif missing:
        named = functools.reduce(_and, [message(f"unseen-{name}") for name in missing])
        parts.append(message("unseen-unrecorded", what=named))
    evaluations = len(trace.series("validation_loss").value)
    parts += [message("unseen-few", count=evaluations)] if 0 < evaluations < FEWEST else []
    parts += _unnamed(trace, facts, has)
    parts += [message("unseen-vocabulary")] if facts.vocabulary is None and _has_classes(trace, facts) else []
    masked = "later_tokens_seen" in trace.signals  # so a mask that leaks was looked for
    # What the check answered or could not is its own to say.
    is_unasked = facts.origin != "train" and facts.check is None
    return [*parts, *([message("unseen-check", masked=masked)] if is_unasked else [])]


def ledger(words: Catalogue, trace: Trace) -> str:
    """Return what the recorder's ledger shows of the state between updates; empty where it did not watch."""
    watched = trace.series(_SHARE)
    if not len(watched.step):
        return ""
    parts = [trace.series(name) for name in trace.signals if name.partition("/")[0] in PARTS]
    changed = sorted({int(step) for part in parts for step in part.step[part.value > 0].tolist()})
    percent = _percent_watched(trace)
    return words(
        "ledger", axis=axis_label(words, trace.axis), first=f"{watched.step[0]:,}", last=f"{watched.step[-1]:,}",
        percent=percent, all="yes" if percent == 100 else "no", changes=len(changed),
        step=f"{changed[0]:,}" if changed else "",
    )  # fmt: skip


def _percent_watched(trace: Trace) -> int:
    """Return which part of the state's tensors the ledger holds against what they were at each update, at the least."""
    watched = trace.series(_SHARE).value
    share = float(watched.min()) if len(watched) else 1.0
    return 100 if share >= 1 else min(99, max(1, round(100 * share)))


def _unnamed(trace: Trace, facts: Facts, has: set[str]) -> list[Message]:
    """Return which columns of a log could be the learning rate or the gradient's norm, where neither name says so."""
    missing, own = [name for name in OFTEN_UNNAMED if name not in has], unnamed_columns(trace, facts)
    if not missing or not own:
        return []
    signal, column = next(((name, each) for name in missing for each in may_be(name, trace, facts)), ("none", ""))
    named, more = ", ".join(plain(name, 40) for name in own[:_NAMED]), max(0, len(own) - _NAMED)
    return [message("unseen-columns", columns=named, more=more, signal=signal, column=plain(column, 40))]


def may_be(signal: str, trace: Trace, facts: Facts) -> list[str]:
    """Return the columns of unknown meaning that can be a signal of `OFTEN_UNNAMED`, by when and what their values are.

    Neither belongs to an evaluation, is negative, or counts; both are logged about as often as the loss of training. A
    learning rate is no accuracy, and a gradient's norm changes.
    """
    training = [name for name in loss_names(trace) if not is_validation(name)]
    least = max((len(trace.series(name).value) for name in training), default=0) / 2
    own = [name for name in unnamed_columns(trace, facts) if not is_validation(name)]
    fit = _is_rate if signal == "learning_rate" else _is_norm
    return [name for name in own if len(value := finite(trace.series(name)).value) >= max(1, least) and fit(value)]


def _is_rate(value: np.ndarray) -> bool:
    change = np.diff(value)
    change = change[change != 0]
    turns = float(np.mean(change[1:] * change[:-1] < 0)) if len(change) > 1 else 0.0
    return bool(value.min() >= 0 and value.max() <= _LARGEST_RATE and turns <= _TURNS and not _counts(value))


def _is_norm(value: np.ndarray) -> bool:
    return bool(value.min() >= 0 and value.max() > value.min() and not _counts(value))


def _counts(value: np.ndarray) -> bool:
    return bool(value.max() > value.min() and (value == np.round(value)).all())


def unnamed_columns(trace: Trace, facts: Facts) -> list[str]:
    """Return the columns of a log whose meaning their names do not say."""
    names = [name for name in sorted(trace.signals) if "/" not in name and not _means_something(name)]
    return names if facts.origin is None else []


def _means_something(name: str) -> bool:
    said = [word for word in words_of(name) if word not in _NO_WORDS]
    by_words = bool(said) and (said[-1] in _SAID or said[-2:] == ["c", "index"])
    return bool(
        by_words or meaning(name) or role_of(name) or is_clip_limit(name) or catalogue("en").get(f"signal-{name}")
    )


def _has_classes(trace: Trace, facts: Facts) -> bool:
    """Whether nobody knows how many classes there are, of a training that may have some."""
    known = trace.signals.keys() & {"target_classes_seen", "targets_alike"}
    return not known and training_kind(trace, facts).name in (None, "language-model", "fine-tune")


def _and(before: Message, following: Message) -> Message:
    return message("remark-listed", before=before, following=following)


def _also(before: Message, following: Message) -> Message:
    return message("unseen-also", before=before, following=following)
