"""How strong should weight decay be where a text is read once, and where it is read several times?

    newllm study studies/weight_decay.py --text FILE --out DIR --seeds 3 --workers 2

Preset small, bytes, 2,048 tokens an update. Of a text of 1.1 MB 450 updates read about nine tenths of the training part
once, and 1,800 read it nearly four times. Weight decay 0.1 with a learning rate that ends at a tenth, which are the
defaults, against weight decay 1 with one that ends at nothing. Neither costs time. Muon does: its arm has three
quarters of the updates, which take about as long (one thread of an Intel Xeon with AMX).
"""

from newllm.study import Arm, Claim, Study, has_more

_ALIKE = ("numerics.threads=1", "numerics.precision=bf16", "numerics.scan_backend=numba", "training.evaluate_every=450")
_STRONG = ("optimizer.weight_decay=1.0", "optimizer.final=0.0")


def _arm(name: str, purpose: str, settings: tuple[str, ...], evaluations: int, control: str = "") -> Arm:
    return Arm(name, purpose, "small", (*_ALIKE, *settings), epochs=evaluations, control=control)


def _claim(name: str, more: str, less: str, text: str) -> Claim:
    measure = f"Last validation loss of {more} minus that of {less}, in nats a byte, paired by seed."
    return Claim(name, text, measure, (more, less), has_more(more, less, "last_validation"), compares=True, needs=3)


STUDY = Study(
    name="weight-decay",
    title="How strong should weight decay be where a text is read once, and where it is read several times?",
    arms=(
        _arm("once", "450 updates, weight decay 0.1.", (), 1),
        _arm("once-strong", "450 updates, weight decay 1.", _STRONG, 1, control="once"),
        _arm("often", "1,800 updates, weight decay 0.1.", (), 4),
        _arm("often-strong", "1,800 updates, weight decay 1.", _STRONG, 4, control="often"),
        _arm(
            "often-muon", "1,350 updates of Muon, weight decay 1.", (*_STRONG, "optimizer.name=muon"), 3, "often-strong"
        ),
    ),
    sets=("tinyshakespeare.txt",),
    claims=(
        _claim("once", "once-strong", "once", "Strong weight decay gives a higher loss where a text is read once."),
        _claim("often", "often", "often-strong", "Strong weight decay gives a lower loss where a text is read often."),
        _claim("muon", "often-strong", "often-muon", "Muon gives a lower loss than AdamW in the same time."),
    ),
    seeds=3,
)
