"""What the signals of other people's logs are called here: the names of docs/signals.md, told apart by split.

A name is cut into words (`valid_loss`, `val/loss`, `Val Loss` and `valLoss` are the same two), the words that name a
split or say nothing are taken out, and what is left must be a known statistic; else the log's own name stays.
"""

import itertools
import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

LONGEST_NAME = 160  # characters

_SPLITS = {
    **dict.fromkeys(("train", "training", "trn", "tr"), "training"),
    **dict.fromkeys(
        ("val", "valid", "validation", "validate", "validating", "eval", "evaluation", "dev", "heldout", "holdout"),
        "validation",
    ),
    **dict.fromkeys(("test", "testing"), "test"),
}
_STATISTICS = {
    **dict.fromkeys(
        ("loss", "losses", "nll", "ce", "xent", "cost", "cross_entropy", "crossentropy", "nll_loss", "ce_loss",
         "cross_entropy_loss", "crossentropy_loss", "lm_loss", "meta_loss", "outer_loss", "lm_loss_value",
         "logloss", "log_loss", "binary_logloss", "multi_logloss", "mlogloss"), "loss",
    ),
    **dict.fromkeys(("acc", "accuracy", "accuracies", "top1", "top_1", "acc1", "acc_1", "top1_acc", "top1_accuracy",
                     "categorical_accuracy", "sparse_categorical_accuracy", "binary_accuracy"), "accuracy"),
    **dict.fromkeys(("ppl", "perplexity", "pplx", "perp", "lm_loss_ppl"), "perplexity"),
    **dict.fromkeys(("bpb", "bits_per_byte"), "bits_per_byte"),
    **dict.fromkeys(("lr", "learning_rate", "learningrate", "lr_now", "lr_cur", "lr_curr", "opt_lr"), "learning_rate"),
    **dict.fromkeys(
        ("grad_norm", "gradient_norm", "gnorm", "gradnorm", "norm_grad", "global_grad_norm", "global_gradient_norm",
         "grad_2_0_norm", "norm", "grad_l2", "grad_l2_norm", "grad_norm_l2", "l2_grad_norm", "gradient_l2_norm",
         "gradient_norm_l2", "grad_global", "grad_norm_global"), "gradient_norm",
    ),
    "step_seconds": "step_seconds",
}  # fmt: skip
_BY_SPLIT = {"loss", "accuracy", "perplexity", "bits_per_byte"}
SILENT = {"avg", "average", "mean", "epoch", "step", "batch", "metrics", "metric", "running", "total", "per", "token",
           "history", "log", "scalars", "optim", "optimizer", "dataloader", "idx", "iter",
           "stats", "current"}  # fmt: skip
_GLUED = re.compile(r"(train|training|val|valid|validation|test|eval|dev)(loss|acc|accuracy|ppl|perplexity)")
_OPTIMIZER = re.compile(r"^lr[-_ /](sgd|adam\w*|lion|muon|rmsprop|adafactor|group\w*|pg\d+|0)\b", re.IGNORECASE)
_JAPANESE = {"学習率": "lr", "検証": "val", "評価": "eval", "テスト": "test", "訓練": "train", "学習": "train",
             "損失": "loss", "正解率": "accuracy", "正答率": "accuracy", "エポック": "epoch", "ステップ": "step",
             "パープレキシティ": "perplexity"}  # fmt: skip
_HELD_OUT = re.compile(r"\b(held|hold)[-_ ]?out\b", re.IGNORECASE)
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")


class Meaning(NamedTuple):
    """What a name of a log means, and how well it says it.

    Attributes:
        signal: the name here.
        rank: of several names for one signal the lowest is it, and the others keep their own.
    """

    signal: str
    rank: tuple[int, ...]


def clean(name: str) -> str:
    """Return a name without escape sequences, control and invisible characters, of bounded length."""
    text = without_escapes(name[: 4 * LONGEST_NAME])
    text = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text)
    return " ".join(text.split())[:LONGEST_NAME]


def without_escapes(text: str) -> str:
    """Return text without the sequences that colour a terminal."""
    return _ESCAPE.sub("", text)


def split_of(word: str) -> str | None:
    """Return "training", "validation" or "test" for any of its names, else None."""
    return _SPLITS.get(word.strip().lower())


def words(name: str) -> list[str]:
    """Cut a name into its words, in lower case; Japanese ones are told in English."""
    if not name.isascii():
        for word, meant in _JAPANESE.items():
            name = name.replace(word, f" {meant} ")
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", " ", _HELD_OUT.sub("heldout", name))
    found = [word for word in re.split(r"[^0-9a-z]+", spaced.lower()) if word]
    glued = [_GLUED.fullmatch(word) for word in found]
    return [part for word, match in zip(found, glued, strict=True) for part in (match.groups() if match else (word,))]


@lru_cache(maxsize=4096)
def meaning(name: str) -> Meaning | None:
    """Return which signal of ours a name means, None where it is none of them."""
    if _OPTIMIZER.match(name):
        return Meaning("learning_rate", (1, 0, 0, 1))
    found = words(name)
    splits = [_SPLITS[word] for word in found if word in _SPLITS]
    if len(set(splits)) > 1:
        return None
    # LightGBM numbers the sets that it validates on: "valid_1".
    counts = [former == "valid" and word.isdigit() for former, word in itertools.pairwise(["", *found])]
    rest = [word for word, is_count in zip(found, counts, strict=True) if word not in _SPLITS and not is_count]
    statistic, silent = _statistic(rest)
    if statistic is None and splits and set(rest) <= SILENT:
        statistic, silent = "loss", len(rest) + 3  # columns that are called just "train" and "val"
    validation = splits[:1] in (["validation"], ["test"])
    if statistic is None or (validation and statistic not in _BY_SPLIT):
        return None
    if statistic == "bits_per_byte" and not validation:
        return None
    return _named(name, statistic, splits, found, silent)


def _named(name: str, statistic: str, splits: list[str], found: list[str], silent: int) -> Meaning:
    validation = splits[:1] in (["validation"], ["test"])
    signal = f"validation_{statistic}" if validation else statistic
    # Of training the value of each step says more than the mean of an epoch; of a validation only the mean is one.
    unfit = ("step" in found) if validation else ("epoch" in found)
    rank = (int(name != signal), int("test" in splits), int(unfit), silent + len(splits))
    return Meaning(signal, rank)


def _statistic(rest: list[str]) -> tuple[str | None, int]:
    """Return the statistic that words name, and how many words were of no use."""
    whole = "_".join(rest)
    if whole in _STATISTICS:
        return _STATISTICS[whole], 0
    loader = int(rest[-1]) if len(rest) > 2 and rest[-2] == "idx" and rest[-1].isdigit() else 0
    kept = [word for word in (rest[:-1] if rest[-2:-1] == ["idx"] else rest) if word not in SILENT]
    return _STATISTICS.get("_".join(kept)), len(rest) - len(kept) + min(loader, 1000)
