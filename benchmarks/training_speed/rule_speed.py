"""What does a training step cost with each update rule, and in micro-batches?

    python benchmarks/training_speed/rule_speed.py [--quick] [--out FILE]

Preset small, one thread, processor time, one update of each in turn; medians. Rules differ in parameters: their time
stands by parameter against the gated rule's. Micro-batches: the same batch in 1, 2, 4 and 8 pieces with accumulated
gradients, whose activations fit the cache sooner.
"""

import argparse
import dataclasses
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch

from newllm.data import Corpus, training_batches
from newllm.training.config import RunConfig
from newllm.training.optimizer import build_optimizer
from newllm.training.resolve import build_model
from newllm.training.step import Stepper

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give
from preset_runs import resolved

RULES = ("gated", "ema", "lstm", "dual", "additive")
PIECES = (1, 2, 4, 8)
WARM_UP, ROUNDS, MOST = 2, 12, 100


def stepper(config: RunConfig, corpus: Corpus) -> Stepper:
    """Return what does updates of a fresh model."""
    model = build_model(config)
    batches = training_batches(corpus, config.data, config.seed)
    return Stepper(model, build_optimizer(model, config.optimizer), batches, config)


def with_rule(config: RunConfig, rule: str) -> RunConfig:
    """Return the configuration with another rule."""
    return dataclasses.replace(config, model=dataclasses.replace(config.model, rule=rule))


def in_pieces(config: RunConfig, pieces: int) -> RunConfig:
    """Return the configuration with a batch that is cut."""
    data = dataclasses.replace(config.data, batch=config.data.batch // pieces)
    training = dataclasses.replace(config.training, accumulate=pieces)
    return dataclasses.replace(config, data=data, training=training)


def medians(steppers: dict[str, Stepper], rounds: int) -> dict[str, float]:
    """Return the milliseconds of an update of each."""
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for step in range(WARM_UP + rounds):
        for name, one in steppers.items():
            begun = time.process_time()
            one.update(step)
            times[name].append(1e3 * (time.process_time() - begun))
    return {name: round(statistics.median(found[WARM_UP:]), 1) for name, found in times.items()}


def measured(precision: str, rounds: int) -> dict[str, Any]:
    """Return what one precision says."""
    config, corpus = resolved("small", precision, MOST, {})
    rules = {rule: stepper(with_rule(config, rule), corpus) for rule in RULES}
    times = medians(rules, rounds)
    size = {rule: sum(parameter.numel() for parameter in one.model.parameters()) for rule, one in rules.items()}
    each = {rule: times[rule] / size[rule] for rule in RULES}
    pieces = {str(n): stepper(in_pieces(config, n), corpus) for n in PIECES}
    return {
        "precision": precision,
        "milliseconds_by_rule": times,
        "parameters": size,
        "by_parameter_against_gated": {rule: round(each[rule] / each["gated"], 3) for rule in RULES},
        "milliseconds_in_pieces": medians(pieces, rounds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--out", type=Path, help="write the JSON there too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rounds = 1 if arguments.quick else ROUNDS
    results = [measured(precision, rounds) for precision in machine.precisions(quick=arguments.quick)]
    give(
        {"question": "cost of a step by update rule", "machine": machine.describe(), "results": results}, arguments.out
    )


if __name__ == "__main__":
    main()
