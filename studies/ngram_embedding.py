"""Do tables of the last two and three tokens make a better model of text?

    newllm study studies/ngram_embedding.py --text FILE --out DIR --seeds 5 --workers 1

Tiny preset, 300 updates of 2,048 tokens: bytes and a byte-pair vocabulary of 4,096, without tables and with two of
8,192 rows each. Steps and tokens are equal; a table is looked up, so that the time is nearly equal too, and the record
of each run has it. Parameters are not: so a third arm is a wider model of bytes with as many.
"""

from newllm.study import Arm, Claim, Study, has_more

_ALIKE = ("numerics.threads=1", "numerics.precision=bf16", "numerics.scan_backend=numba", "training.evaluate_every=100")
_BPE = ("data.tokenizer=bpe", "data.vocabulary=4096")
_TABLES = ("model.ngram_rows=8192",)
_WIDER = ("model.width=240", "model.context=240", "model.hidden=660")  # 2,953,937 parameters; with tables 2,970,241
_EVALUATIONS = 3  # 300 updates


def _arm(name: str, purpose: str, settings: tuple[str, ...], control: str = "") -> Arm:
    return Arm(name, purpose, "tiny", (*_ALIKE, *settings), epochs=_EVALUATIONS, control=control)


def _claim(name: str, without: str, tables: str, what: str) -> Claim:
    measure = f"Validation loss after 300 updates, {what}, minus that with tables, in nats a token, paired by seed."
    text = f"Tables of n-grams give a lower loss than {what}."
    return Claim(
        name, text, measure, (without, tables), has_more(without, tables, "last_validation"), compares=True, needs=3
    )


STUDY = Study(
    name="ngram-embedding",
    title="Do tables of the last two and three tokens make a better model of text?",
    arms=(
        _arm("bytes", "256 bytes, no tables.", ()),
        _arm("bytes-tables", "256 bytes, two tables of 8,192 rows.", _TABLES, control="bytes"),
        _arm("bytes-wider", "256 bytes, no tables, as many parameters by width.", _WIDER, control="bytes"),
        _arm("bpe", "A byte-pair vocabulary of 4,096, no tables.", _BPE),
        _arm("bpe-tables", "The same vocabulary, two tables of 8,192 rows.", (*_BPE, *_TABLES), control="bpe"),
    ),
    sets=("tinyshakespeare.txt",),
    claims=(
        _claim("bytes", "bytes", "bytes-tables", "no tables, bytes"),
        _claim("parameters", "bytes-wider", "bytes-tables", "as many parameters of a wider model"),
        _claim("bpe", "bpe", "bpe-tables", "no tables, a byte-pair vocabulary"),
    ),
    seeds=5,
)
