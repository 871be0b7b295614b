"""Classes that are gone from the targets: an alarm where nobody can have wanted it."""

from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.against.compare import held_against, is_in_doubt
from newllm.diagnosis.against.told import Sound
from newllm.diagnosis.facts import Facts, Layer
from newllm.trace import Finding, Series, Trace
from newllm.trace.program import Program

STEPS, SAMPLED = np.arange(1.0, 301), np.arange(1.0, 301, 10)
LAYERS = (Layer("rnn", "GRU", 400), Layer("out", "Linear", 40))
SETTINGS = {"lr": 0.1, "classes": 4, "optimizer.name": "Adam"}
FACTS = Facts(origin="record", layers=LAYERS, settings=SETTINGS)
CODE = "PAD_TAG = {}\nfor words, tags in batches:\n    train(words, tags)\n"


def trace(seed: int, classes: Any, used: float, **signals: Any) -> Trace:
    rng = np.random.default_rng(seed)
    each = np.broadcast_to(classes, SAMPLED.shape).astype(float)
    own: dict[str, Any] = {
        "loss": (2 * np.exp(-STEPS / 40) + 0.1) * np.exp(0.05 * rng.standard_normal(len(STEPS))),
        "target_classes": each,
        "target_classes_seen": np.maximum.accumulate(each),
        "targets": 500 * used + 10 * rng.standard_normal(len(SAMPLED)),
        "targets_used": used + (0.01 * rng.standard_normal(len(SAMPLED)) if used < 1 else 0.0),
        "targets_padding": np.zeros(len(SAMPLED)),
        "input_mean": 1 + 0.02 * rng.standard_normal(len(SAMPLED)),
    }
    found = {}
    for name, values in (own | signals).items():
        steps = STEPS if np.shape(values) == STEPS.shape else SAMPLED
        found[name] = Series(steps, np.broadcast_to(values, steps.shape).astype(float))
    return Trace(found, "step")


def program(pad: str, *arguments: str, data: str = "a", code: str = CODE) -> Program:
    return Program("t.py", arguments=arguments, files={"t.py": code.format(pad)}, data={"tags.csv": (9, data)})


SOUND = (trace(1, 4, 0.6), FACTS, program("-100"))


def told(own: Trace, of: Program | None, facts: Facts = FACTS, sound: Any = SOUND, before: Any = ()) -> list[Finding]:
    one = Sound("runs/a", sound[0], sound[1], [], sound[2])
    earlier = [Sound(f"runs/{at}", signals, known, [], code) for at, (signals, known, code) in enumerate(before)]
    return held_against([], own, facts, [one], of, earlier=earlier)[0]


def is_alarm(*given: Any, **more: Any) -> bool:
    return any(one.severity != "note" for one in told(*given, **more))


GONE = trace(2, 3, 0.3)


def test_a_class_that_a_mark_of_padding_takes_away_is_an_alarm() -> None:
    found = told(GONE, program("0"))
    assert [(one.kind, one.severity) for one in found][:2] == [
        ("differs-from-reference", "warning"),
        ("program-differs", "warning"),
    ]
    said = "3 classes come among the targets up to step 291, where each batch that was looked at there has 4 and more"
    assert said in str(found[0].sentence)
    assert str(found[0].sentence).count("classes") == 1
    run = Sound("runs/b", GONE, FACTS, [], program("0"))
    assert is_in_doubt(run, [Sound("runs/a", SOUND[0], FACTS, [], SOUND[2])])  # no later run is held against it
    assert not is_in_doubt(Sound("runs/c", GONE, FACTS, [], program("0", code="#\n" + CODE)), [run])


@pytest.mark.parametrize(
    "sound",
    [
        (trace(1, np.where(SAMPLED > 11, 4, 3), 0.6), FACTS, SOUND[2]),  # rare: a batch there has no more than all here
        (trace(1, 4, 1.0), FACTS, SOUND[2]),  # a background that is left out now
        (trace(1, 4, 0.6, targets_padding=0.3), FACTS, SOUND[2]),  # padding that was counted by mistake
        (trace(1, 4, 0.6), FACTS, program("0")),  # the program is the same: data or seed
        (trace(1, 4, 0.6), FACTS, None),
    ],
)
def test_beside_such_a_sound_run_it_is_none(sound: Any) -> None:
    assert not is_alarm(GONE, program("0"), sound=sound)


@pytest.mark.parametrize(
    ("own", "of", "facts"),
    [
        (GONE, program("0", "--classes", "3"), FACTS),
        (GONE, program("0", data="b"), FACTS),
        (GONE, program("0"), Facts(origin="record", layers=LAYERS, settings=SETTINGS | {"classes": 3})),
        (
            GONE,
            program("0"),
            Facts(origin="record", layers=(LAYERS[0], Layer("out", "Linear", 30)), settings=SETTINGS),
        ),
        (trace(2, 3, 0.3, input_mean=np.full(30, 5.0)), program("0"), FACTS),  # another data set, by a name in the code
        (trace(2, 4, 0.3), program("0"), FACTS),  # none is gone
        (trace(2, 3, 0.02), program("0"), FACTS),  # small batches: by chance
        (trace(2, np.where(np.arange(30) % 2, 3, 1), 0.3), program("0"), FACTS),  # batches of one class each
        (trace(2, 1, 0.3), program("0"), FACTS),  # likewise
        (trace(2, np.where(SAMPLED < 200, 3, 4), 0.3), program("0"), FACTS),  # it comes later, as in a curriculum
    ],
)
def test_where_somebody_may_have_wanted_it_or_it_may_be_chance_it_is_none(
    own: Trace, of: Program, facts: Facts
) -> None:
    assert not is_alarm(own, of, facts)


def test_another_optimizer_takes_no_class_away() -> None:
    facts = Facts(origin="record", layers=LAYERS, settings=SETTINGS | {"optimizer.name": "SGD"})
    assert is_alarm(GONE, program("0"), facts)


def test_a_run_before_it_that_had_no_more_classes_speaks_for_a_choice() -> None:
    assert is_alarm(GONE, program("0"), before=[(trace(3, 4, 0.6), FACTS, SOUND[2])])
    assert not is_alarm(GONE, program("0"), before=[(trace(3, 3, 0.3), FACTS, SOUND[2])])
