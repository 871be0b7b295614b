"""Does a larger start of the embedding make a better model of text?

    newllm study studies/embedding_start.py --text FILE --out DIR --seeds 5 --workers 1

Tiny preset, bytes and a byte-pair vocabulary of 4,096: 300 updates of 2,048 tokens each, so equal steps, tokens,
parameters and time. The embedding's numbers are drawn from N(0, 1/width), 0.088 at width 128, in place of N(0, 0.02).
"""

from newllm.study import Arm, Claim, Study, has_more

_ALIKE = ("numerics.threads=1", "numerics.precision=bf16", "numerics.scan_backend=numba", "training.evaluate_every=100")
_BPE = ("data.tokenizer=bpe", "data.vocabulary=4096")
_LARGER = ("model.initialisation=scaled-embedding",)
_EVALUATIONS = 3  # 300 updates


def _arm(name: str, purpose: str, settings: tuple[str, ...], control: str = "") -> Arm:
    return Arm(name, purpose, "tiny", (*_ALIKE, *settings), epochs=_EVALUATIONS, control=control)


def _claim(name: str, small: str, larger: str, what: str) -> Claim:
    measure = f"Validation loss of {what} after 300 updates, N(0, 0.02) minus N(0, 1/width), in nats, paired by seed."
    text = f"Of {what}, an embedding drawn from N(0, 1/width) gives a lower loss."
    return Claim(
        name, text, measure, (small, larger), has_more(small, larger, "last_validation"), compares=True, needs=3
    )


STUDY = Study(
    name="embedding-start",
    title="Does a larger start of the embedding make a better model of text?",
    arms=(
        _arm("bytes", "256 bytes, an embedding from N(0, 0.02).", ()),
        _arm("bytes-larger", "256 bytes, an embedding from N(0, 1/width).", _LARGER, control="bytes"),
        _arm("bpe", "A byte-pair vocabulary of 4,096, an embedding from N(0, 0.02).", _BPE),
        _arm("bpe-larger", "The same vocabulary, an embedding from N(0, 1/width).", (*_BPE, *_LARGER), control="bpe"),
    ),
    sets=("tinyshakespeare.txt",),
    claims=(
        _claim("bytes", "bytes", "bytes-larger", "bytes"),
        _claim("bpe", "bpe", "bpe-larger", "a byte-pair vocabulary"),
    ),
    seeds=5,
)
