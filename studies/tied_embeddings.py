"""Does a head that is the embedding's matrix make a better model of text?

    newllm study studies/tied_embeddings.py --text FILE --out DIR --seeds 3 --workers 1

Tiny preset, bytes and a byte-pair vocabulary of 4,096: 300 updates of 2,048 tokens each, so equal steps and tokens.
Tied, the model has fewer parameters (a matrix and a bias): the arms are equal in width, not in parameters.
"""

from newllm.study import Arm, Claim, Study, has_more

_ALIKE = ("numerics.threads=1", "numerics.precision=bf16", "numerics.scan_backend=numba", "training.evaluate_every=100")
_BPE = ("data.tokenizer=bpe", "data.vocabulary=4096")
_TIED = ("model.tied_embeddings=true",)
_EVALUATIONS = 3  # 300 updates


def _arm(name: str, purpose: str, settings: tuple[str, ...], control: str = "") -> Arm:
    return Arm(name, purpose, "tiny", (*_ALIKE, *settings), epochs=_EVALUATIONS, control=control)


def _claim(name: str, untied: str, tied: str, what: str) -> Claim:
    measure = f"Validation loss of {what} after 300 updates, untied minus tied, in nats a token, paired by seed."
    text = f"Of {what}, a tied head gives a lower loss."
    return Claim(name, text, measure, (untied, tied), has_more(untied, tied, "last_validation"), compares=True, needs=3)


STUDY = Study(
    name="tied-embeddings",
    title="Does a head that is the embedding's matrix make a better model of text?",
    arms=(
        _arm("bytes", "256 bytes, a head of its own.", ()),
        _arm("bytes-tied", "256 bytes, the head is the embedding.", _TIED, control="bytes"),
        _arm("bpe", "A byte-pair vocabulary of 4,096, a head of its own.", _BPE),
        _arm("bpe-tied", "The same vocabulary, the head is the embedding.", (*_BPE, *_TIED), control="bpe"),
    ),
    sets=("tinyshakespeare.txt",),
    claims=(
        _claim("bytes", "bytes", "bytes-tied", "bytes"),
        _claim("bpe", "bpe", "bpe-tied", "a byte-pair vocabulary"),
    ),
    seeds=3,
)
