"""A study of two arms and one claim, which trains for seconds."""

from newllm.study import Arm, Claim, Decision, Study

SMALL = tuple(
    f"{name}={value}"
    for name, value in {
        "model.width": 16, "model.hidden": 16, "model.context": 16, "model.layers": 2, "numerics.threads": 1,
        "numerics.scan_backend": "torch", "numerics.precision": "fp32", "numerics.device": "cpu",
    }.items()
)  # fmt: skip


def decide(rows):
    means = {arm: sum(row["last_probe"] for row in of_arm) / len(of_arm) for arm, of_arm in rows.items()}
    return Decision("holds" if means["fast"] < means["slow"] else "does not hold", means, 0.01)


STUDY = Study(
    name="tiny",
    title="A tiny study.",
    sets=("bundled:sentences",),
    seeds=2,
    arms=(
        Arm("slow", "A low learning rate.", "seed-baseline", (*SMALL, "optimizer.learning_rate=0.0001"), 3),
        Arm("fast", "A high one.", "seed-baseline", (*SMALL, "optimizer.learning_rate=0.01"), 3, "", "slow"),
    ),
    claims=(Claim("1", "Fast is better.", "The last loss.", ("slow", "fast"), decide, needs=2),),
)
