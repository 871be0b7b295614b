"""Two versions of a program: what may change a result is told, where it is; what cannot is not."""

import time

import pytest

from newllm.diagnosis.against.difference import Difference
from newllm.diagnosis.against.edits import Edit, edits
from newllm.diagnosis.against.program import program_differences
from newllm.diagnosis.against.statements import statements_of
from newllm.trace.program import Program

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        hidden = torch.relu(self.inner(x))
        return self.head(hidden)
"""
TRAIN = """
from model import Net


def loss_of(model, x, y):
    logits = model(x)
    loss = nn.functional.cross_entropy(logits, y)
    return loss


def train(loader, epochs=3):
    model = Net(32)
    optimizer = Adam(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = loss_of(model, x, y)
            loss.backward()
            optimizer.step()
        scheduler.step()


torch.manual_seed(1)
train(loader)
"""
SOUND = {"model.py": MODEL, "train.py": TRAIN}


def changed(old: str, new: str, file: str = "train.py") -> list[Edit]:
    """Return the edits of a program in which one text stands for another."""
    assert old in SOUND[file]
    return edits(SOUND, {**SOUND, file: SOUND[file].replace(old, new)})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    logits = model(x)\n", "    # as it was\n\n    logits = model(\n        x,\n    )  # the model\n"),
        ("(model, x, y):", "(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:"),
        ("def loss_of(model, x, y):", 'def loss_of(model, x, y):\n    """Return the loss."""'),
        ("    loss = nn", "    loss: Tensor = nn"),
        ("torch.manual_seed(1)", "torch.manual_seed(23)"),
        ("    logits = model(x)\n    loss = nn.functional.cross_entropy(logits, y)\n    return loss\n",
         "    outputs = model(x)\n    value = nn.functional.cross_entropy(outputs, y)\n    return value\n"),
        ("loss_of", "criterion"),
    ],
)  # fmt: skip
def test_what_cannot_change_a_result_is_no_edit(old: str, new: str) -> None:
    assert changed(old, new) == []


def test_functions_in_another_order_or_file_are_the_same() -> None:
    begin, end = TRAIN.index("def loss_of"), TRAIN.index("def train")
    moved = {"model.py": MODEL, "losses.py": TRAIN[begin:end], "train.py": TRAIN[:begin] + TRAIN[end:]}
    assert edits(SOUND, moved) == []


def test_an_attribute_may_have_another_name_everywhere() -> None:
    assert changed("head", "classifier", "model.py") == []


@pytest.mark.parametrize(
    ("file", "old", "new", "how", "place", "line"),
    [
        ("train.py", "cross_entropy(logits, y)", "l1_loss(logits, y)", "changed", "loss_of", 7),
        ("train.py", "cross_entropy(logits, y)", "cross_entropy(x, y)", "changed", "loss_of", 7),
        ("train.py", "lr=1e-3", "lr=1e-2", "changed", "train", 13),
        ("train.py", "            optimizer.zero_grad()\n", "", "removed", "train", 16),
        ("train.py", "        scheduler.step()", "            scheduler.step()", "nested", "train", 20),
        ("model.py", "        hidden = torch.relu(", "        x = x * 0.1\n        hidden = torch.relu(", "added",
         "Net.forward", 13),
        ("model.py", "torch.relu(self.inner(x))", "self.inner(x)", "changed", "Net.forward", 13),
    ],
)  # fmt: skip
def test_what_may_change_it_is_told_where_it_is(file: str, old: str, new: str, how: str, place: str, line: int) -> None:
    (found,) = changed(old, new, file)
    assert (found.file, found.how, found.place, found.line, found.seldom) == (file, how, place, line, False)


def test_two_statements_that_changed_places_are_told() -> None:
    two = "            loss.backward()\n            optimizer.step()\n"
    swapped = "            optimizer.step()\n            loss.backward()\n"
    assert {one.place for one in changed(two, swapped)} == {"train"}


def test_a_statement_in_another_function_has_moved_and_comes_after_a_change() -> None:
    inner = TRAIN.replace("            optimizer.zero_grad()\n", "").replace("lr=1e-3", "lr=1e-2")
    inner = inner.replace("    logits = model(x)", "    optimizer.zero_grad()\n    logits = model(x)")
    found = edits(SOUND, {**SOUND, "train.py": inner})
    assert [one.how for one in found] == ["changed", "moved"]
    assert found[1].place == "loss_of"


def test_a_change_within_a_function_that_was_split_is_told_as_one() -> None:
    split = TRAIN.replace(
        "    loss = nn.functional.cross_entropy(logits, y)\n    return loss\n",
        "    return entropy(logits, y)\n\n\ndef entropy(logits, y):\n"
        "    loss = nn.functional.cross_entropy(logits, y.flip(0))\n    return loss\n",
    )
    found = edits(SOUND, {**SOUND, "train.py": split})
    assert ("loss = nn.functional.cross_entropy(logits, y.flip(0))", "changed") in [
        (one.here, one.how) for one in found
    ]


def test_what_prints_comes_last() -> None:
    printing = TRAIN.replace("    model = Net(32)\n", "    print('begins')\n    model = Net(64)\n")
    found = edits(SOUND, {**SOUND, "train.py": printing})
    assert [(one.here, one.seldom) for one in found] == [("model = Net(64)", False), ("print('begins')", True)]


def test_settings_are_held_against_each_other_by_line() -> None:
    (found,) = edits({"a.yaml": "lr: 0.1\nwidth: 3\n"}, {"a.yaml": "# new\nlr: 0.2\nwidth: 3\n"})
    assert (found.here, found.there, found.line) == ("lr: 0.2", "lr: 0.1", 2)


def test_what_is_no_python_is_held_against_it_by_line() -> None:
    (found,) = edits({"notebook.py": "%cd x\nlr = 1\n"}, {"notebook.py": "%cd x\nlr = 2\n"})
    assert (found.here, found.line) == ("lr = 2", 2)


def test_a_file_that_one_alone_has_is_told() -> None:
    found = edits(SOUND, {**SOUND, "extra.py": "def helper():\n    return 1\n"})
    assert [(one.file, one.how) for one in found] == [("extra.py", "added")] * 2


def test_all_of_pythons_statements_are_read() -> None:
    code = (
        "async def f(a, *b, c=1, **d):\n    async with a as x:\n        await x\n    try:\n        pass\n"
        "    except* ValueError as error:\n        raise\n    else:\n        y = 1\n    finally:\n        z = 2\n"
        "    match a:\n        case [1, *rest] if rest:\n            return\n"
        "    while a: break\n    else:\n        del a\n@decorated\nclass A(B):\n    x: int\n    y: int = 3\n"
    )
    found = statements_of(code)
    assert found is not None
    texts = [one.text for one in found["f"]]
    assert "except* ValueError as error:" in texts or "except ValueError as error:" in texts
    assert [
        one.text
        for code in found.values()
        for one in code
        if one.text in ("case [1, *rest] if rest:", "while a:", "y: ... = 3")
    ] == ["case [1, *rest] if rest:", "while a:", "y: ... = 3"]
    assert statements_of("def f(:\n") is None


def test_methods_in_another_order_are_the_same() -> None:
    begin, end = MODEL.index("    def __init__"), MODEL.index("    def forward")
    turned = MODEL[:begin] + MODEL[end:] + "\n" + MODEL[begin:end]
    assert edits(SOUND, {**SOUND, "model.py": turned}) == []


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("x = load(frac=0.8, seed=42)\n", "x = load(frac=0.08, seed=42)\n"),
        ("for p in net:\n    p.requires_grad = False\n", "for p in net:\n    p.require_grad = False\n"),
        ("x = d['train']\n", "x = d['test']\n"),
        ("train = d['train']\nuse(train)\n", "test = d['test']\nuse(test)\n"),
        ("max = torch.max(x)\nuse(x - max)\n", "min = torch.min(x)\nuse(x - min)\n"),
        ("class A:\n    def forward(self):\n        f()\n", "class A:\n    def foward(self):\n        f()\n"),
        ("class A(NamedTuple):\n    x: int\n    y: int\n", "class A(NamedTuple):\n    y: int\n    x: int\n"),
        ("from losses import focal as f\n", "from losses import dice as f\n"),
        ("p.add_argument('--lr', default=0.1)\n", "p.add_argument('--lr', default=0.2)\n"),
        ("def f():\n    for x in y:\n        a()\n        b()\n    c()\n",
         "def f():\n    for x in y:\n        a()\n    b()\n    if main:\n        c()\n"),
    ],
)  # fmt: skip
def test_a_mistake_that_looks_harmless_is_told(there: str, here: str) -> None:
    found = edits({"a.py": there}, {"a.py": here})
    assert [one for one in found if not one.seldom and one.how != "added"], found


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("f(a, lr=1, wd=2)\n", "f(a, wd=2, lr=1)\n"),
        ("x = 1e-3\n", "x = 0.001\n"),
        ("x = 'a'\n", '\ufeffx = "a"\n'),
        ("%cd x\nf(1)\n", "%cd y\nf(1)\n"),
    ],
)
def test_what_only_looks_otherwise_is_no_edit(there: str, here: str) -> None:
    assert edits({"a.py": there}, {"a.py": here}) == []


def test_many_changes_and_long_files_take_no_time() -> None:
    lines = [f"x{at} = f({at}, a)\n" for at in range(1500)]
    changed = [line.replace("f(", "g(") for line in lines]
    began = time.process_time()
    assert len(edits({"a.py": "".join(lines)}, {"a.py": "".join(changed)})) == 1500
    (longer,) = edits({"a.json": "1\n" * 3000}, {"a.json": "1\n" * 3001})
    assert "3,001 lines" in str(longer.here)
    assert time.process_time() - began < 10


def test_statements_that_changed_places_are_not_said_to_be_in_another_function() -> None:
    found = changed("            loss.backward()\n            optimizer.step()\n",
                    "            optimizer.step()\n            loss.backward()\n")  # fmt: skip
    assert [one.how for one in found] == ["reordered"]


def test_the_sound_statement_is_told_with_its_own_names() -> None:
    there = "def f(count):\n    for ix in range(count):\n        total = total + ix * 2\n    return total\n"
    here = there.replace("ix", "step").replace("* 2", "* 3")
    (found,) = edits({"t.py": there}, {"t.py": here})
    assert (found.here, found.there, found.written) == (
        "total = total + step * 3", "total = total + step * 2", "total = total + ix * 2",
    )  # fmt: skip
    own, other = (Program("t.py", files={"t.py": one}) for one in (here, there))
    (said,) = [str(one.said) for one in program_differences(own, other, ())]
    assert "(there `total = total + ix * 2`)" in said


def between(here: str, there: str) -> list[Difference]:
    own, other = (Program("t.py", files={"t.py": text}) for text in (here, there))
    return program_differences(own, other, ())


def test_of_statements_that_were_added_together_each_is_told() -> None:
    """The mistake may be any of them: five are shown, and how many more there are."""
    there = "def train(x):\n    return x\n"
    added = "    if hidden:\n        drop = rand(x.shape) < 0.2\n        x = x.masked_fill(drop, PAD)\n"
    here = there.replace("    return", f"{added}    return")
    (one,) = between(here, there)
    assert str(one.said) == (
        "t.py:2 in train `if hidden: drop = rand(x.shape) < 0.2; x = x.masked_fill(drop, PAD)` (not there)"
    )
    many = there.replace("    return", "".join(f"    say_{at}()\n" for at in range(7)) + "    return")
    (one,) = between(many, there)
    assert "say_4()` and 2 more (not there)" in str(one.said)
    (one,) = between(there, many)
    assert "without `say_0(); say_1(); say_2(); say_3(); say_4()` and 2 more (line 2 there)" in str(one.said)


def test_several_files_of_one_folder_are_told_together() -> None:
    names = ("data/toy/train/x.txt", "data/toy/val/x.txt", "data/toy/words.txt", "lists/held.txt")
    own, other = (Program("t.py", data=dict.fromkeys(names, (9, digest))) for digest in "ab")
    assert [str(one.said) for one in program_differences(own, other, ())] == [
        "3 files of data/toy have other content (data/toy/train/x.txt among them)",
        "the file lists/held.txt has other content (9 bytes, there 9)",
    ]


def test_what_stands_behind_a_new_condition_is_not_said_to_be_in_it() -> None:
    there = "def train(losses):\n    loss = losses.sum()\n    return loss\n"
    here = there.replace("    return", "    if late:\n        kept = topk(losses)\n    clip(model)\n    return")
    assert [str(one.said) for one in between(here, there)] == [
        "t.py:3 in train `if late: kept = topk(losses)` (not there)",
        "t.py:5 in train `clip(model)` (not there)",
    ]


def test_a_class_that_has_gone_is_one_row_and_of_a_new_one_each_function() -> None:
    without = "def train(x):\n    return x\n"
    mean = (
        "class Mean:\n    def __init__(self):\n        self.total = 0\n        self.count = 0\n\n"
        "    def add(self, value):\n        self.total += value\n"
    )
    (gone,) = between(without, mean + without)
    assert str(gone.said) == (
        "t.py without `class Mean: def __init__(self): self.total = 0; self.count = 0; def add(self, value):` "
        "and 1 more (line 1 there)"
    )
    assert [str(one.said) for one in between(mean + without, without)] == [
        "t.py:1 `class Mean:` (not there)",
        "t.py:2 in Mean `def __init__(self): self.total = 0; self.count = 0` (not there)",
        "t.py:6 in Mean `def add(self, value): self.total += value` (not there)",
    ]


@pytest.mark.parametrize(
    ("here", "line"),
    [
        ("net = Net(\n    width=32,\n    layers=4,\n    dropout=0.5,\n)\n", 4),
        ("net = Net(\n    layers=4,\n    width=64,\n    dropout=0.1,\n)\n", 3),  # named arguments have no order
        ("net = Net(\n    width=32,\n    bias=False,\n    layers=4,\n    dropout=0.1,\n)\n", 3),
        ("net = Net(\n    width=32,\n    layers=4,\n)\n", 1),  # what has gone has no line
        ("net = Net(\n    width=32,\n    layers=[\n        4,\n    ],\n    dropout=0.1,\n)\n", 3),
    ],
)
def test_of_a_call_over_many_lines_that_of_the_argument_is_told(here: str, line: int) -> None:
    there = "net = Net(\n    width=32,\n    layers=4,\n    dropout=0.1,\n)\n"
    (found,) = edits({"t.py": there}, {"t.py": here})
    assert (found.how, found.line) == ("changed", line)


def test_of_a_long_statement_the_part_that_differs_is_shown() -> None:
    """A sign at its front and one at its end, each with a little around it."""
    rest = "(dist.log_prob(actions) * advantage).mean() + 0.5 * value_loss / 100 - 0.01 * dist.entropy().mean()"
    for here, there in ((f"return {rest}", f"return -{rest}"), (f"return {rest}", f"return {rest[:-7]}.sum()")):
        texts = [f"def loss():\n    {one}\n" for one in (here, there)]
        own, other = (Program("train.py", files={"train.py": one}) for one in texts)
        (found,) = program_differences(own, other, ())
        shown = [str(found.said.parameters[side]) for side in ("here", "there")]
        assert shown[0] != shown[1]
        assert all(len(one) < len(rest) and "..." in one for one in shown)
        assert ("return -(" in shown[1]) == ("return -(" in there)
        assert shown[1].endswith(".sum()") == there.endswith(".sum()")


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        (
            "for epoch in range(9):\n    for x in loader:\n        step(x)\n    scheduler.step()\n",
            "for epoch in range(9):\n    for x in loader:\n        step(x)\n        scheduler.step()\n",
            "stands inside `for epoch in range(9):`, there inside `for x in loader:`",
        ),
        (
            "optimizer = Adam(model.parameters())\nmodel.freeze()\nmodel.cut(3)\n",
            "model.freeze()\nmodel.cut(3)\noptimizer = Adam(model.parameters())\n",
            "stands first, there right after `model.cut(3)`",
        ),
        (
            "a = 1\nif ready:\n    run(a)\nb = 2\nmodel.add(7)\n",
            "a = 1\nif ready:\n    run(a)\n    model.add(7)\nb = 2\n",
            "stands outside of any loop or condition, there inside `if ready:`",
        ),
    ],
)
def test_it_is_said_where_a_statement_stands_here_and_there(here: str, there: str, said: str) -> None:
    own, other = (Program("train.py", files={"train.py": one}) for one in (here, there))
    found = program_differences(own, other, ())
    assert any(said in str(one.said) for one in found), [str(one.said) for one in found]
