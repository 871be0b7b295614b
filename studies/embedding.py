"""What of the embedding makes a better model of text: tables of n-grams, a head that is its matrix, a larger start?

    newllm study studies/embedding.py --text FILE --out DIR --seeds 5 --workers 1

`newllm study recipe` asks this of bytes in preset small. Here it is the tiny preset, 300 updates of 2,048 tokens, with
bytes and with a byte-pair vocabulary of 4,096. Steps and tokens are equal; so is the time, nearly, which the record of
each run has. Parameters are not: tables add 2.1 million, so one more arm is a wider model of bytes with as many; a tied
head has a matrix and a bias fewer.
"""

from newllm.study import Arm, Claim, Study, has_more

_ALIKE = (
    "numerics.threads=1",
    "numerics.precision=bf16",
    "numerics.scan_backend=numba",
    "training.evaluate_every=100",
    "model.ngram_rows=0",
    "optimizer.ngram_decay=0",
)
_EVALUATIONS = 3  # 300 updates
_TOKENS = {
    "bytes": ("bytes", ()),
    "bpe": ("a byte-pair vocabulary of 4,096", ("data.tokenizer=bpe", "data.vocabulary=4096")),
}
_CHANGES = {
    "tables": ("Two tables of 8,192 rows", ("model.ngram_rows=8192",)),
    "tied": ("A head that is the embedding's matrix", ("model.tied_embeddings=true",)),
    "larger": (
        "An embedding drawn from N(0, 1/width) in place of N(0, 0.02)",
        ("model.initialisation=scaled-embedding",),
    ),
}
_WIDER = ("model.width=240", "model.context=240", "model.hidden=660")  # 2,953,937 parameters; with tables 2,970,241


def _arm(name: str, purpose: str, settings: tuple[str, ...], control: str = "") -> Arm:
    return Arm(name, purpose, "tiny", (*_ALIKE, *settings), epochs=_EVALUATIONS, control=control)


def _claim(name: str, text: str, control: str, changed: str) -> Claim:
    measure = (
        f"Validation loss of {control} after 300 updates minus that of {changed}, in nats a token, paired by seed."
    )
    decide = has_more(control, changed, "last_validation")
    return Claim(name, text, measure, (control, changed), decide, compares=True, needs=3)


def _arms() -> tuple[Arm, ...]:
    arms = []
    for tokens, (what, settings) in _TOKENS.items():
        arms.append(_arm(tokens, f"The tiny preset, {what}.", settings))
        for change, (purpose, more) in _CHANGES.items():
            arms.append(_arm(f"{tokens}-{change}", f"{purpose}, {what}.", (*settings, *more), tokens))
    return (*arms, _arm("bytes-wider", "No tables, as many parameters by width, bytes.", _WIDER, "bytes"))


def _claims() -> tuple[Claim, ...]:
    claims = [
        _claim(f"{tokens}-{change}", f"{purpose}: a lower loss, {what}.", tokens, f"{tokens}-{change}")
        for tokens, (what, _) in _TOKENS.items()
        for change, (purpose, _) in _CHANGES.items()
    ]
    wider = "Tables of n-grams: a lower loss than as many parameters of a wider model, bytes."
    return (*claims, _claim("parameters", wider, "bytes-wider", "bytes-tables"))


STUDY = Study(
    name="embedding",
    title="What of the embedding makes a better model of text: tables of n-grams, a tied head, a larger start?",
    arms=_arms(),
    sets=("tinyshakespeare.txt",),
    claims=_claims(),
    seeds=5,
)
