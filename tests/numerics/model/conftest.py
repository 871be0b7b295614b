from collections.abc import Callable

import pytest

from newllm.model.config import BODY_NAMES, NORM_NAMES, RULE_NAMES
from newllm.model.language_model import LanguageModel

CASES: dict[str, dict] = {
    **{
        f"{body} {rule} {norm}": {"body": body, "rule": rule, "norm": norm}
        for body in ("cell", "stack")
        for rule in RULE_NAMES
        for norm in NORM_NAMES
    },
    **{
        f"{body} gated {norm}": {"body": body, "norm": norm}
        for body in ("zero-cell", "zero-stack")
        for norm in NORM_NAMES
    },
    "cell residual": {"body": "cell", "fnn": "residual", "dropout": 0.1},
    "cell learned decay": {"body": "cell", "rule": "ema", "learn_decay": True},
    "stack learned decay": {"body": "stack", "rule": "dual", "learn_decay": True},
    "cell positions": {"body": "cell", "rule": "additive", "positions": 64},
    "stack positions": {"body": "stack", "positions": 64},
    "stack numba": {"body": "stack", "scan_backend": "numba"},
    "stack reference": {"body": "stack", "scan_backend": "reference"},
    "stack delta": {"body": "stack", "rule": "delta"},
    "stack delta reference": {"body": "stack", "rule": "delta", "scan_backend": "reference"},
    "stack signed delta": {"body": "stack", "rule": "signed-delta"},
    "stack kda": {"body": "stack", "rule": "kda", "head_width": 3},
    "stack hybrid": {"body": "stack", "rule": "gated,delta", "norm": "read", "head_width": 3},
    "stack tied": {"body": "stack", "tied_embeddings": True},
    "stack ngrams": {"body": "stack", "ngram_rows": 5},
    "cell ngrams": {"body": "cell", "ngram_rows": 5, "positions": 64},
    "attention ngrams": {"body": "attention", "ngram_rows": 1},
    "stack pairs": {"body": "stack", "ngram_rows": 5, "ngram_longest": 2},
    "zero-stack hybrid": {"body": "zero-stack", "rule": "delta,lstm"},
    "attention": {"body": "attention"},
    "attention window 1": {"body": "attention", "window": 1},
    "attention positions": {"body": "attention", "positions": 64},
    "founding-transformer": {"body": "founding-transformer", "positions": 64},
    "lstm": {"body": "lstm"},
}
assert {case["body"] for case in CASES.values()} == set(BODY_NAMES)


@pytest.fixture(scope="session", params=CASES)
def any_model(request: pytest.FixtureRequest, small_model: Callable[..., LanguageModel]) -> LanguageModel:
    """Every body; cell and stack with every rule and every norm. No test may change it."""
    shape = CASES[request.param]
    if shape.get("scan_backend") == "numba":
        pytest.importorskip("numba")
    return small_model(**shape)
