"""Long calls of which several arguments differ."""

import pytest

from newllm.diagnosis.against.calls import calls_that_differ
from newllm.diagnosis.against.edits import edits
from newllm.diagnosis.against.program import program_differences
from newllm.trace.program import Program


@pytest.mark.parametrize(
    ("here", "there", "told"),
    [
        ("f(a, lr=1, n=2, m=3)", "f(a, lr=2, n=2, m=4)", ("f(..., lr=1, m=3)", "f(..., lr=2, m=4)")),
        ("x = f(a, lr=1)", "x = f(a)", ("f(..., lr=1)", "f(...)")),
        ("x = f(a, lr=1)", "x = f(b, lr=1)", ("f(..., a)", "f(..., b)")),
        ("x.y = a.f(*b, c, **d)", "x.y = a.f(*b, c, **e)", ("a.f(..., **d)", "a.f(..., **e)")),
        ("x = f(a, 1)", "y = f(a, 2)", None),
        ("f(a, 1)", "g(a, 2)", None),
        ("f(a)", "f(b)", None),  # nothing is the same
        ("f(a, 1)", "f(a, 1)", None),
        ("x += f(a, 1)", "x += f(a, 2)", None),
        ("for x in f(a, 1):", "for x in f(a, 2):", None),
    ],
)
def test_only_the_arguments_that_differ_are_left(here: str, there: str, told: tuple[str, str] | None) -> None:
    assert calls_that_differ(here, there) == told


def test_every_setting_of_a_long_call_that_differs_is_told() -> None:
    code = (
        "Arguments(output_dir='a', num_train_epochs=3, per_device_train_batch_size={}, learning_rate={}, warmup=100)\n"
    )
    own, other = (Program("t.py", files={"t.py": code.format(*one)}) for one in ((8, 0.1), (16, 0.001)))
    (said,) = [str(one.said) for one in program_differences(own, other, ())]
    assert "`Arguments(..., learning_rate=0.1, per_device_train_batch_size=8)`" in said
    assert "`Arguments(..., learning_rate=0.001, per_device_train_batch_size=16)`" in said


@pytest.mark.parametrize(
    ("here", "seldom"),
    [("f(a, logging_steps=1)", True), ("f(a, lr=1)", False), ("f(a, lr=1, log_every=2)", False), ("f(b)", False)],
)
def test_a_call_that_only_prints_more_often_seldom_changes_a_result(here: str, seldom: bool) -> None:
    there = "x = f(a, 'a', 'name', 'long', 'enough')"
    own = f"x = {here.replace('f(a', there.removeprefix('x = ').removesuffix(')'))}"
    (found,) = edits({"t.py": there}, {"t.py": own.replace("f(b)", there.removeprefix("x = ").replace("f(a,", "f(b,"))})
    assert found.seldom is seldom
