"""Which body learns most from the same tokens with the same number of parameters?

    python benchmarks/included_models/bodies.py --out DIR [--data FILE] [--tokens 2000000] [--quick]

Every arm has about 4 M parameters (its inner width is fitted), the same batches in the same order, bf16 where the
processor multiplies it (else fp32), and a learning rate that is tuned alike: a grid at a quarter of the tokens,
extended while the best value lies on its edge. Then one run a seed at the best value. Arms are interleaved: all of them
at one point of the grid, then all at the next. Runs are ordinary run directories below DIR; finished ones are not run
again.
The split is the package's own (validation in blocks); with --data the last tenth, in one block.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import newllm
from newllm.model.language_model import LanguageModel
from newllm.trace import Summary
from newllm.training.budget import Budget
from newllm.training.configure import configure

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine

TARGET = 4_000_000
GRID = (1e-3, 2e-3, 4e-3)
ARMS: dict[str, dict[str, Any]] = {
    **{f"stack {rule}": {"body": "stack", "rule": rule} for rule in ("gated", "lstm", "ema", "dual", "additive")},
    "attention": {"body": "attention"},
    "lstm": {"body": "lstm"},
    "zero-stack": {"body": "zero-stack"},
}


class Benchmark:
    """The grid of runs.

    Args:
        out: where run directories go.
        data: a text, or None for the bundled novel.
        tokens: of a full run.
        target: parameters of every arm.
    """

    def __init__(self, out: Path, data: str | None, tokens: int, target: int) -> None:
        self.out, self.data, self.tokens = out, data, tokens
        self.settings = {name: [*_settings(arm), _fitted(arm, target)] for name, arm in ARMS.items()}

    def run(self, arm: str, rate: float, tokens: int, seed: int) -> Summary:
        """Return the summary of one cell, trained if it is not there yet."""
        place = self.out / f"{arm.replace(' ', '-')}-lr{rate:g}-{tokens}-seed{seed}"
        if place.exists():
            return newllm.resume(place).summary
        settings = [*self.settings[arm], f"optimizer.learning_rate={rate}", f"numerics.precision={machine.precision()}"]
        settings += ["training.evaluate_every=1000000000", "training.evaluate_tokens=0", "training.keep=1"]
        settings += ["data.validation_blocks=1"] if self.data else []
        texts = [self.data] if self.data else []
        trained = newllm.train(
            *texts, out=place, body=ARMS[arm]["body"], budget=Budget(tokens=tokens), settings=settings, seed=seed
        )
        return trained.summary

    def tune(self) -> dict[str, dict[float, float]]:
        """Return the validation loss of each arm by learning rate."""
        losses: dict[str, dict[float, float]] = {arm: {} for arm in ARMS}
        for rate in GRID:
            for arm in ARMS:
                losses[arm][rate] = self._loss(arm, rate)
        for arm, found in losses.items():
            while (edge := _next_rate(found)) is not None:
                found[edge] = self._loss(arm, edge)
        return losses

    def _loss(self, arm: str, rate: float) -> float:
        last = self.run(arm, rate, self.tokens // 4, 0).last_validation
        return float("inf") if last is None or last.loss is None else last.loss


def _next_rate(found: dict[float, float]) -> float | None:
    """Return the next value to try where the best lies on the grid's edge, within 16 times either way."""
    best = min(found, key=found.__getitem__)
    if best == max(found) and best < 16 * max(GRID):
        return best * 2
    if best == min(found) and best > min(GRID) / 16:
        return best / 2
    return None


def _settings(arm: dict[str, Any]) -> list[str]:
    tables = "model.ngram_rows=0"  # they would be most of the parameters, and are the same for every body
    return [tables, f"model.rule={arm['rule']}"] if "rule" in arm else [tables]


def _fitted(arm: dict[str, Any], target: int) -> str:
    """Return the inner width, a multiple of 8, that brings an arm nearest to the target."""

    def count(hidden: int) -> int:
        config = configure(
            None, None, arm["body"], [*_settings(arm), f"model.hidden={hidden}", "model.vocabulary=257"], {}
        )
        return sum(parameter.numel() for parameter in LanguageModel(config.model).parameters())

    low, high = 8, 4096
    while high - low > 8:
        middle = (low + high) // 16 * 8
        low, high = (middle, high) if count(middle) <= target else (low, middle)
    return f"model.hidden={min((low, high), key=lambda hidden: abs(count(hidden) - target))}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data")
    parser.add_argument("--tokens", type=int, default=2_000_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="16,384 tokens an arm: that it runs, not what it says")
    arguments = parser.parse_args()
    tokens = 16_384 if arguments.quick else arguments.tokens
    benchmark = Benchmark(arguments.out, arguments.data, tokens, TARGET)
    tuned = {arm: {2e-3: 0.0} for arm in ARMS} if arguments.quick else benchmark.tune()
    rows = {arm: _row(benchmark, arm, losses, tokens, arguments.seeds) for arm, losses in tuned.items()}
    question = "which body learns most from equal tokens at equal parameters"
    print(json.dumps({"question": question, "machine": machine.describe(), "tokens": tokens, "arms": rows}, indent=2))


def _row(benchmark: Benchmark, arm: str, losses: dict[float, float], tokens: int, seeds: int) -> dict[str, Any]:
    rate = min(losses, key=losses.__getitem__)
    runs = [benchmark.run(arm, rate, tokens, seed) for seed in range(seeds)]
    return {
        "learning_rate": rate,
        "tuning_nats_by_learning_rate": losses,
        "parameters": runs[0].parameters,
        "nats_per_byte": [run.last_validation and run.last_validation.loss for run in runs],
        "bits_per_byte": [run.last_validation and run.last_validation.bits_per_byte for run in runs],
        "tokens_per_second": [run.tokens_per_second for run in runs],
    }


if __name__ == "__main__":
    main()
