"""Silent training errors: each is real, its fixed program has it not, and both are the same in every run."""

import copy
import math
import re
from pathlib import Path

import pytest
import torch

from cases import CASES, HELD_OUT
from run_case import errors, errors_of, losses
from silent_case import SilentCase
from two_ranks import in_two_ranks

README = Path(__file__).parents[3] / "benchmarks" / "silent" / "README.md"
ALONE = [name for name, case in CASES.items() if case.processes == 1]
TOGETHER = [name for name, case in CASES.items() if case.processes == 2]
# A test of these takes more than a second: they pretrain, take a hundred steps, or start processes.
LONG = {"loaded_then_initialised", "workers_draw_alike", "best_weights_are_the_last"}
EACH = [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in ALONE]


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def row(case: SilentCase) -> str:
    """A case's line in the table of the README; to write the table again, run this file."""
    source = re.sub(r"^https://(github\.com/|discuss\.|www\.)?", "", case.source_url)
    seen = "yes" if case.can_be_seen_before else "no"
    wrong, held = case.first_wrong_step, "held out" if case.held_out else ""
    return (
        f"| {case.name} | [{source}]({case.source_url}) | {case.what} | {wrong} | {seen} | {case.fault_in} | {held} |"
    )


@pytest.mark.parametrize("name", EACH)
def test_the_fault_is_real_and_the_fixed_program_is_right(name):
    wrong, right = errors(name, 0)
    assert right < 0.01
    assert wrong > 0.05


@pytest.mark.slow
def test_faults_between_ranks_are_real():
    for name, (wrong, right) in zip(TOGETHER, in_two_ranks(errors_of, TOGETHER, 0)[0], strict=True):
        assert right < 0.01, name
        assert wrong > 0.05, name


@pytest.mark.slow
@pytest.mark.parametrize("name", ALONE)
def test_the_fault_is_there_with_another_seed_and_the_loss_is_a_number(name):
    wrong, right = errors(name, 1)
    assert right < 0.01
    assert wrong > 0.05
    assert all(map(math.isfinite, losses(name, fixed=False, seed=0, steps=30)))


@pytest.mark.parametrize("name", ["gradients_never_cleared", "left_in_evaluation_mode", "dropout_in_evaluation"])
@pytest.mark.parametrize("fixed", [False, True])
def test_a_program_takes_the_same_steps_every_time(name, fixed):
    assert losses(name, fixed, 0, 5) == losses(name, fixed, 0, 5)
    assert losses(name, fixed, 0, 5) != losses(name, fixed, 1, 5)


@pytest.mark.slow
def test_fixed_programs_learn():
    for name in ALONE:
        values = losses(name, fixed=True, seed=0, steps=60)
        assert sum(values[-8:]) < sum(values[:8]), name


def test_what_lies_in_the_loop_leaves_the_loss_of_the_first_step_as_it_should_be():
    for name in ALONE:
        case = CASES[name]
        if case.fault_in == "loop" and name not in LONG:
            first = []
            for fixed in (False, True):
                training = case.build(fixed)
                torch.manual_seed(0)  # one model has dropout
                first.append(training.loss(training.model, training.batches(0)).item())
            assert first[0] == first[1], name


def test_a_judge_may_copy_every_model():
    for name in ALONE:
        if name not in LONG:
            for fixed in (False, True):
                training = CASES[name].build(fixed)
                training.step(0)
                copied = copy.deepcopy(training.model)
                assert training.loss(copied, training.batches(1)).requires_grad, name


def test_a_third_is_held_out():
    assert len(HELD_OUT) == len(CASES) // 3
    assert all(case.held_out == (name in HELD_OUT) for name, case in CASES.items())


def test_readme_has_the_table():
    lines = README.read_text().splitlines()
    assert [line for line in lines if line.startswith("| ") and "](" in line] == [row(case) for case in CASES.values()]


if __name__ == "__main__":
    before, rows, after = README.read_text().partition("| --- | --- | --- | --- | --- | --- | --- |\n")
    rest = after[after.find("\n\n") + 1 :] if "\n\n" in after else ""
    README.write_text(before + rows + "".join(row(case) + "\n" for case in CASES.values()) + rest)
