"""A study whose cells take no time."""

from newllm.study import Arm, Claim, Decision, Study


def measure(config):
    loss = [2.0, 1.0 + config.optimizer.learning_rate + 0.01 * config.seed]
    curve = {"loss": loss}
    return {"epoch": [0, 1], "seconds": 0.1, "train": {"loss": [None, loss[1]]}, "probe": curve, "validation": curve}


def outcomes(record, control):
    last = record["probe"]["loss"][-1]
    return {"last": last, "gain": None if control is None else control["probe"]["loss"][-1] - last}


def decide(rows):
    gain = sum(row["gain"] for row in rows["low"]) / len(rows["low"])
    return Decision("holds" if gain > 0 else "does not hold", {"gain": gain}, 0.001)


STUDY = Study(
    name="small",
    title="A small study.",
    sets=("bundled:sentences",),
    seeds=1,
    arms=(
        Arm("base", "As it is.", "seed-baseline", ("optimizer.learning_rate=0.1",), 1),
        Arm("low", "Lower.", "seed-baseline", ("optimizer.learning_rate=0.001",), 1, "", "base"),
    ),
    claims=(Claim("1", "Lower is better.", "Gain.", ("base", "low"), decide, needs=1),),
    measure=measure,
    outcomes=outcomes,
)
