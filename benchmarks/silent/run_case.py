"""Runs a silent training error, or its fixed twin, and prints the loss: nothing is judged here.

python benchmarks/silent/run_case.py NAME [--fixed] [--steps N] [--seed S]
python benchmarks/silent/run_case.py NAME --evidence     # how far each of the two is from what the program means to do
"""

import argparse

import torch

from cases import CASES
from two_ranks import in_two_ranks


def losses(name: str, fixed: bool, seed: int, steps: int) -> list[float]:
    training = CASES[name].build(fixed, seed)
    return [training.step(number) for number in range(steps)]


def error(name: str, fixed: bool, seed: int) -> float:
    return CASES[name].build(fixed, seed).error()


def errors(name: str, seed: int) -> tuple[float, float]:
    """With the fault, and fixed."""
    return error(name, False, seed), error(name, True, seed)


def errors_of(names: list[str], seed: int) -> list[tuple[float, float]]:
    """The same of several cases, in processes that are started once."""
    return [errors(name, seed) for name in names]


def of_first_rank(name: str, function, *arguments):
    """What the function returns in this process or, of a case of two, in the first of them."""
    if CASES[name].processes == 1:
        return function(name, *arguments)
    return in_two_ranks(function, name, *arguments)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list(CASES), metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--fixed", action="store_true", help="the program without its fault")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evidence", action="store_true", help="the number that shows the fault, of both programs")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    case = CASES[chosen.name]
    print(case.what)
    if chosen.evidence:
        wrong, right = of_first_rank(chosen.name, errors, chosen.seed)
        print(f"{case.evidence}: {wrong:.4g}, fixed {right:.4g}")
        return
    for number, loss in enumerate(of_first_rank(chosen.name, losses, chosen.fixed, chosen.seed, chosen.steps)):
        print(f"{number:5} {loss:.4f}")


if __name__ == "__main__":
    main()
